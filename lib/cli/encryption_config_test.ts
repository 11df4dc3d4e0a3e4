import { equal, match } from "node:assert/strict";
import { parse } from "yaml";
import { commands } from "./commands.ts";
import { fakeTerminal } from "../../tests/support/fake_terminal.ts";
import { run } from "./run.ts";

async function printed(...words: string[]): Promise<{ status: number; out: string; err: string }> {
  const terminal = fakeTerminal();
  const status = await run(["encryption-config", ...words], commands, terminal);
  return { status, out: terminal.out(), err: terminal.err() };
}

Deno.test("encryptionConfig() prints what was asked for", async () => {
  const { status, out } = await printed(
    ...["--socket", "unix:///run/x/kms.sock", "--resources", "secrets, *.apps", "--name", "other", "--identity=none"],
  );
  equal(status, 0);
  const [{ resources, providers }] = parse(out).resources;
  equal(resources.join(), "secrets,*.apps");
  equal(providers.length, 1);
  equal(providers[0].kms.name, "other");
  equal(providers[0].kms.endpoint, "unix:///run/x/kms.sock");
});

const refused = [
  [["--resources", "Secrets"], /"Secrets", which is no resource/],
  [["--resources", "*"], /no resource/],
  [["--resources", "pods/status"], /no resource/],
  [["--resources", "secrets,"], /no resource/],
  [["--resources", "secrets,secrets"], /twice/],
  [["--name", "a:b"], /colon/],
  [["--socket", "unix:relative"], /names no socket/],
  [["--socket", `/${"a".repeat(107)}`], /at most 107 bytes/],
  [["--identity", "frist"], /Did you mean "first"\?/],
  [["--kms-version", "v1"], /one of v2, v1beta1/],
] as const;

for (const [words, complaint] of refused) {
  Deno.test(`encryptionConfig() refuses ${words.join(" ").slice(0, 40)}`, async () => {
    const socket = words[0] === "--socket" ? [] : ["--socket", "/run/kms.sock"];
    const { status, out, err } = await printed(...socket, ...words);
    equal(status, 64);
    equal(out, "");
    match(err, complaint);
  });
}
