import { doesNotMatch, equal, match } from "node:assert/strict";
import { KmsError } from "../errors.ts";
import type { Command } from "./command.ts";
import { commands } from "./commands.ts";
import { exitCodes } from "./exit_codes.ts";
import { fakeTerminal } from "../../tests/support/fake_terminal.ts";
import { run } from "./run.ts";

async function ran(words: readonly string[], table: readonly Command[] = commands) {
  const terminal = fakeTerminal();
  const status = await run(words, table, terminal);
  return { status, out: terminal.out(), err: terminal.err() };
}

function failing(thrown: unknown): readonly Command[] {
  const command = { summary: "", description: "", positionals: [], options: [], examples: [] } as const;
  return [{ ...command, name: "fail", run: () => Promise.reject(thrown) }];
}

for (const words of [[], ["help"], ["--help"], ["-h"]]) {
  Deno.test(`run(${words.join(" ")}) lists every command and every exit status`, async () => {
    const { status, out, err } = await ran(words);
    equal(status, 0);
    equal(err, "");
    for (const { name, summary } of commands) match(out, new RegExp(`^  ${name} +${summary.slice(0, 20)}`, "m"));
    for (const { status, meaning } of Object.values(exitCodes)) {
      match(out, new RegExp(`^  ${status} +${meaning}$`, "m"));
    }
  });
}

for (const { name, options, examples } of commands) {
  Deno.test(`run(${name} --help) shows its options and examples, as help ${name} does`, async () => {
    const { status, out } = await ran([...name.split(" "), "--help"]);
    equal(status, 0);
    match(out, new RegExp(`^  trousseau ${name}`, "m"));
    for (const option of options) match(out, new RegExp(`^  --${option}\\b`, "m"));
    for (const { line } of examples) equal(out.includes(line), true);
    equal((await ran(["help", ...name.split(" ")])).out, out);
    equal(out.split("\n").every((text) => text.length <= 140), true);
  });
}

const usageErrors = [
  [["sreve"], /There is no command "sreve"\. Did you mean "serve"\?/],
  [["keys", "rotat"], /no command "keys rotat"\. Did you mean "rotate"\?/],
  [["config"], /"config" wants one more word: schema/],
  [["config", "schma"], /Did you mean "schema"\?/],
  [["serve", "now"], /"serve" does not take "now"/],
  [["serve", "--confg", "x"], /no option --confg\. Did you mean "--config"\?/],
  [["serve", "--wait"], /"serve" has no option --wait\./],
  [["serve", "-x"], /no option -x/],
  [["serve", "--config"], /--config wants a value: --config FILE/],
  [["serve", "--config", "--takeover"], /--config wants a value/],
  [["serve", "--config="], /--config wants a value/],
  [["serve", "--config=a", "--config=b"], /--config is given twice/],
  [["serve", "--takeover=yes"], /--takeover takes no value/],
  [["serve", "--no-takeover"], /no option --no-takeover/],
  [["--json", "keys"], /Options come after the command/],
  [["completions"], /"completions" wants bash\|zsh\|fish/],
  [["completions", "bash", "zsh"], /does not take "zsh"/],
  [["help", "srve"], /Did you mean "serve"\?/],
  [["\x1b[2Jx"], /There is no command "\ufffd\[2Jx"/],
] as const;

for (const [words, complaint] of usageErrors) {
  Deno.test(`run(${words.join(" ").replace("\x1b", "ESC")}) is a usage error`, async () => {
    const { status, out, err } = await ran(words);
    equal(status, 64);
    equal(out, "");
    match(err, complaint);
    match(err, /Run "trousseau help/);
  });
}

const failures = [
  [new KmsError("config", "trousseau.yaml:1:1: key: no"), 78, /^trousseau\.yaml:1:1: key: no\n$/],
  [new KmsError("unreachable", "Vault is away."), 69, /^trousseau: Vault is away\.\n$/],
  [new KmsError("permission_denied", "No."), 77, /^trousseau: No\.\n$/],
  [
    new KmsError("quorum_not_reached", "No quorum.", { members: [new KmsError("key_unusable", "It is disabled.")] }),
    77,
    /^trousseau: No quorum\.\n {2}It is disabled\.\n$/,
  ],
] as const;

for (const [thrown, expected, text] of failures) {
  Deno.test(`run() exits ${expected} for ${thrown.code}`, async () => {
    const { status, err } = await ran(["fail"], failing(thrown));
    equal(status, expected);
    match(err, text);
  });
}

Deno.test("run() says where a stranger's failure arose, and not what it says", async () => {
  const { status, err } = await ran(["fail"], failing(new TypeError("token s.abcdef")));
  equal(status, 70);
  match(err, /TypeError\n +at .*run_test\.ts/);
  doesNotMatch(err, /abcdef/);
});

Deno.test("run(--version) is version", async () => {
  equal((await ran(["--version"])).out, (await ran(["version"])).out);
  const { version, deno, v8, target, commit } = JSON.parse((await ran(["version", "--json"])).out);
  equal(commit, null);
  match([version, deno, v8, target].join(" "), /^\d+\.\d+\.\d+ \d+\.\d+\.\d+ \d+\.\S+ \S+-\S+$/);
});
