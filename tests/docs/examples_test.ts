import { equal, match, ok } from "node:assert/strict";
import { faultOf, faultOfCommand } from "./examples.ts";
import { type Block, readPages } from "./markdown.ts";
import { simpleCommands } from "./shell.ts";

const pages = await readPages();

for (const { path, blocks } of pages.filter(({ blocks }) => blocks.length > 0)) {
  Deno.test(`${path}: every block is parsed, or says that it is text`, async () => {
    const faults: string[] = [];
    for (const block of blocks) {
      const fault = await faultOf(block);
      if (fault !== undefined) faults.push(`${block.place}: ${fault}`);
    }
    ok(faults.length === 0, faults.join("\n"));
  });
}

/** In a sentence a command may be named without what it wants: `trousseau conformance`. */
function isMistake(fault: string | undefined): fault is string {
  return fault !== undefined && !/ wants /.test(fault);
}

/** A command in a sentence, unless it has a gap: `trousseau keys rotate`. */
const command = /^(trousseau|clectl|deno task|npx -y deno)( [^…[\]]+)+$/;

Deno.test("every command in a sentence is one of the program, or a task", () => {
  const faults = pages.flatMap(({ code }) =>
    code.filter(({ text }) => command.test(text)).flatMap(({ place, text }) =>
      simpleCommands(text).map(faultOfCommand).filter(isMistake).map((fault) => `${place}: ${fault}`)
    )
  );
  ok(faults.length === 0, faults.join("\n"));
  ok(pages.some(({ code }) => code.some(({ text }) => command.test(text))), "there are such commands");
});

function block(language: string, text: string): Block {
  return { place: "p.md:1", language, info: "", text };
}

const provider = "{ name: a, kind: local, keyFile: /etc/trousseau/local.keys }";

const faults: readonly (readonly [language: string, text: string, fault: RegExp])[] = [
  ["", "a", /^its language "" is none of/],
  ["sh", "if true; then", /^bash does not parse it/],
  ["yaml", "form: systemd\nnods: 3\n", /nods: unknown key/],
  ["sh", "trousseau serve --confg a.yaml", /has no option --confg/],
  ["sh", "clectl create db/x --valeu a", /has no option --valeu/],
  ["sh", "a && sudo /usr/local/bin/trousseau sreve", /sreve/],
  ["sh", "deno task trousseau statsu", /statsu/],
  ["sh", "deno task nothing", /no task "nothing"/],
  ["sh", "npx -y deno@2.9.6 task nothing", /no task "nothing"/],
  ["sh", "sops --keyservice unix:///a decrypt b", /stands before the subcommand/],
  ["console", "$ trousseau sreve\n", /sreve/],
  ["yaml", "a: [", /./],
  ["yaml", `providers: [${provider}]\nwrap: 2\n`, /wrap/],
  ["yaml", `- ${provider.replace("keyFile", "keyFiel")}\n`, /keyFiel/],
  ["yaml", "outage: { policy: keepReading }\n", /policy/],
  ["yaml", "auth: { method: aprole }\n", /fits into no provider/],
  ["yaml", "- --encryption-provider-confg=/a\n", /confg/],
  ["yaml", "kind: EncryptionConfiguration\napiVersion: apiserver.config.k8s.io/v1\nresources: []\n", /resources/],
  ["yaml", "groups: [{ name: a, rules: [{ alert: A }] }]\n", /expression/],
  ["yaml", "roles: { a: { rules: [{ path: db, verbs: [reed] }] } }\n", /did you mean "read"/],
  ["tmpl", "password={{ db/prod }}\n", /./],
  ["json", "{", /./],
  ["ts", "const a = ;", /TypeScript does not parse it/],
  ["systemd", "[Unit]\nDescription=nothing of ours\n", /no file in deploy\/systemd/],
  ["diff", "+a", /no unified diff/],
];

for (const [language, text, fault] of faults) {
  Deno.test(`faultOf() refuses ${language} ${JSON.stringify(text)}`, async () => {
    match(await faultOf(block(language, text)) ?? "", fault);
  });
}

const sound: readonly (readonly [language: string, text: string])[] = [
  ["yaml", `providers: [${provider}]\n`],
  ["yaml", `- ${provider}\n`],
  ["yaml", "outage: { policy: failReady, after: 5m }\n"],
  ["yaml", "readForeign: [{ format: vault-kubernetes-kms, providers: [vault-eu] }]\n"],
  ["yaml", "sops: { socket: { group: deployers }, keys: [{ name: a, providers: [vault] }] }\n"],
  ["yaml", "form: systemd\nnodes: 3\n"],
  ["yaml", "auth: { method: token, token: { file: /etc/trousseau/token } }\n"],
  ["yaml", "roles: { a: { take: [{ person: anna }], rules: [{ path: db, verbs: [read] }] } }\n"],
  ["tmpl", "password={{ db/prod/john#password | sh }}\n"],
  ["systemd", "[Service]\nType=exec\n"],
  ["sh", "trousseau status -w --interval 5s\n"],
];

for (const [language, text] of sound) {
  Deno.test(`faultOf() takes ${language} ${JSON.stringify(text)}`, async () => {
    equal(await faultOf(block(language, text)), undefined);
  });
}
