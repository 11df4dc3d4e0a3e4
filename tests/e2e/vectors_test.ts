/**
 * The frozen vectors, computed anew by another implementation: `tests/vectors/check.py` with Python's `cryptography`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { run } from "../support/processes.ts";
import { inFolder } from "../support/temporary_folder.ts";
import { serverProgram } from "./servers.ts";

const vectors = new URL("../vectors/", import.meta.url).pathname;

/** The environment of moto: moto itself signs with `cryptography`. */
async function check(folder?: string) {
  const python = join(dirname(await serverProgram("moto_server")), "python3");
  return await run(python, [join(vectors, "check.py"), ...(folder === undefined ? [] : [folder])]);
}

/** The vectors with one file changed. */
async function changed(folder: string, name: string, change: (text: string) => string): Promise<string> {
  for await (const { name, isFile } of Deno.readDir(vectors)) {
    if (isFile && name.endsWith(".json")) await Deno.copyFile(join(vectors, name), join(folder, name));
  }
  const path = join(folder, name);
  const text = await Deno.readTextFile(path);
  assert.notEqual(change(text), text);
  await Deno.writeTextFile(path, change(text));
  return folder;
}

Deno.test("check.py verifies every vector", async () => {
  const { code, stdout } = await check();
  assert.match(stdout, /^(?!0 )\d+ vectors, 0 differ\n$/);
  assert.equal(code, 0);
});

Deno.test("check.py names file, vector and step of a changed byte, and ends with 1", () =>
  inFolder(async (folder) => {
    const text = (text: string) => text.replace('"envelopeHex": "e1', '"envelopeHex": "e3');
    const { code, stdout } = await check(await changed(folder, "envelope_v2.json", text));
    assert.match(stdout, /^envelope_v2\.json: \[0\]: envelopeHex differs\n\d+ vectors, 1 differ\n$/);
    assert.equal(code, 1);
  }));

Deno.test("check.py names a missing field, and a file and a list without a check", () =>
  inFolder(async (folder) => {
    await changed(folder, "wraps.json", (text) => text.replace('"keyHex"', '"key"').replace('"gcpKms"', '"gcp"'));
    await Deno.writeTextFile(join(folder, "other.json"), "[]");
    const { code, stdout } = await check(folder);
    assert.match(stdout, /other\.json: has no check/);
    assert.match(stdout, /wraps\.json: gcp: the vectors or their check are missing/);
    assert.match(stdout, /wraps\.json: local\[0\]: a field that cannot be read \(KeyError: 'keyHex'\)/);
    assert.equal(code, 1);
  }));
