import { equal, match } from "node:assert/strict";
import { fakeTerminal } from "../../../tests/support/fake_terminal.ts";
import { inFolder } from "../../../tests/support/temporary_folder.ts";
import { trousseau } from "./program.ts";
import { run } from "../run.ts";

const old = "keyNames: [k]\naddress: https://vault\ntoken: s.secret\n";

async function ran(...words: string[]) {
  const terminal = fakeTerminal();
  const status = await run(["config", "convert", ...words], trousseau, terminal);
  return { status, out: terminal.out(), err: terminal.err() };
}

Deno.test("config convert prints the config on stdout and the notes on stderr", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/vault.yaml`, old);
    const { status, out, err } = await ran(`${folder}/vault.yaml`, "--read-foreign");
    equal(status, 0);
    match(out, /^readForeign:$/m);
    match(err, /vault\.yaml:3:1: token: is a secret and is not written/);
    equal(`${out}${err}`.includes("s.secret"), false);
  });
});

Deno.test("config convert writes a new file for --output, and never replaces an existing one", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/vault.yaml`, old);
    const target = `${folder}/trousseau.yaml`;
    const { status, out } = await ran(`${folder}/vault.yaml`, `${folder}/vault.yaml`, "--output", target);
    equal(`${status}${out}`, "0");
    const text = await Deno.readTextFile(target);
    match(text, /name: vault-2/);
    equal(((await Deno.stat(target)).mode ?? 0) & 0o777, 0o600);
    const again = await ran(`${folder}/vault.yaml`, "--output", target);
    equal(again.status, 78);
    match(again.err, /it is there already/);
    equal(await Deno.readTextFile(target), text);
  });
});

Deno.test("config convert reports missing files, and requires a file", async () => {
  const absent = await ran("/absent/vault.yaml");
  equal(absent.status, 78);
  match(absent.err, /Cannot read \/absent\/vault\.yaml: there is no such file\./);
  const none = await ran();
  equal(none.status, 64);
  match(none.err, /wants FILE…/);
});
