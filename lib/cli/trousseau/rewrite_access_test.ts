import { equal, match } from "node:assert/strict";
import { Authority, type Subject } from "../../../tests/support/certificates.ts";
import { openExpired } from "../../../tests/support/expired_server.ts";
import { fakeTerminal } from "../../../tests/support/fake_terminal.ts";
import { inFolder } from "../../../tests/support/temporary_folder.ts";
import { run } from "../run.ts";
import { trousseau } from "./program.ts";

/** Runs `rewrite` with a kubeconfig. */
async function rewritten(folder: string, kubeconfig: unknown) {
  await Deno.writeTextFile(`${folder}/config`, JSON.stringify(kubeconfig), { mode: 0o600 });
  const terminal = fakeTerminal();
  const words = ["rewrite", "--kubeconfig", `${folder}/config`, "--state", `${folder}/state`, "--resources", "secrets"];
  const status = await run([...words, "--expect-key-id", "t1-new"], trousseau, terminal);
  return { status, out: terminal.out(), err: terminal.err() };
}

const cluster = { server: "https://127.0.0.1:1" };

const faults: readonly (readonly [what: string, config: unknown, sentence: RegExp])[] = [
  ["without a context", {}, /current-context: must name an entry of the kubeconfig/],
  ["whose context is missing", { "current-context": "a", contexts: [] }, /current-context: names nothing in contexts/],
  [
    "whose cluster is missing",
    { "current-context": "a", contexts: [{ name: "a", context: { cluster: "b" } }] },
    /cluster: names nothing in clusters/,
  ],
  [
    "with an exec plugin",
    {
      "current-context": "a",
      contexts: [{ name: "a", context: { cluster: "a", user: "a" } }],
      clusters: [{ name: "a", cluster }],
      users: [{ name: "a", user: { exec: { command: "aws" } } }],
    },
    /exec: would run a program, and Trousseau runs none/,
  ],
];

for (const [what, config, sentence] of faults) {
  Deno.test(`rewrite ends with 78 and one sentence for a kubeconfig ${what}`, () =>
    inFolder(async (folder) => {
      const { status, out, err } = await rewritten(folder, config);
      equal(status, 78, err);
      match(err, sentence);
      match(err, /^[^\n]+config:\d+:\d+: [^\n]+\nRun "\w+ help error \S+" for cause and cure\.\n$/);
      equal(out, "");
    }));
}

Deno.test("rewrite sends nothing to an API server whose certificate has expired, and ends with 69", () =>
  inFolder(async (folder) => {
    const authority = new Authority();
    const subject: Subject = { commonName: "127.0.0.1", names: ["127.0.0.1"], days: -1 };
    await using server = await openExpired(authority.issue(subject));
    const { status, err } = await rewritten(folder, {
      "current-context": "a",
      contexts: [{ name: "a", context: { cluster: "a", user: "a" } }],
      clusters: [{
        name: "a",
        cluster: { server: server.address, "certificate-authority-data": btoa(authority.certificate) },
      }],
      users: [{ name: "a", user: { token: "t" } }],
    });
    equal(status, 69, err);
    match(err, /^trousseau: [^\n]+ expired [^\n]+\nRun "\w+ help error \S+" for cause and cure\.\n$/);
    equal(server.requests, 0);
  }));
