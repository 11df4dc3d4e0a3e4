import assert from "node:assert/strict";
import { join } from "node:path";
import { KmsError } from "../../base/errors.ts";
import { readKeyFile } from "./key_file.ts";
import { rotateLocalKey } from "./rotate.ts";
import { createKeyFile } from "./write_key_file.ts";

async function keyFile() {
  const folder = await Deno.makeTempDir();
  const path = join(folder, "local.keys");
  await createKeyFile(path);
  return { folder, path, [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }) };
}

async function idsIn(path: string): Promise<readonly string[]> {
  const file = await readKeyFile(path);
  assert.ok(!file.problem);
  return file.keys.map(({ id }) => id);
}

Deno.test("rotateLocalKey() appends a key, keeps the earlier ones and the mode, and leaves no other file", async () => {
  await using file = await keyFile();
  await Deno.chmod(file.path, 0o400);
  const before = await idsIn(file.path);
  const { id, keys } = await rotateLocalKey(file.path);
  assert.deepEqual(await idsIn(file.path), [...before, id]);
  assert.equal(keys, 2);
  assert.equal(((await Deno.stat(file.path)).mode ?? 0) & 0o777, 0o400);
  assert.deepEqual([...Deno.readDirSync(file.folder)].map(({ name }) => name), ["local.keys"]);
});

Deno.test("rotateLocalKey() loses no key in concurrent rotations", async () => {
  await using file = await keyFile();
  const rotations = await Promise.all(Array.from({ length: 12 }, () => rotateLocalKey(file.path)));
  const ids = await idsIn(file.path);
  assert.equal(ids.length, 13);
  assert.deepEqual(rotations.map(({ id }) => id).sort(), ids.slice(1).sort());
});

Deno.test("rotateLocalKey() refuses a file that is missing, malformed or open to others, and leaves it unchanged", async () => {
  await using file = await keyFile();
  await assert.rejects(rotateLocalKey(join(file.folder, "absent")), { name: "KmsError", code: "config" });
  await assert.rejects(rotateLocalKey(join(file.folder, "no", "folder")), { name: "KmsError", code: "config" });
  await Deno.chmod(file.path, 0o644);
  await assert.rejects(
    rotateLocalKey(file.path),
    (error) => error instanceof KmsError && /chmod 600/.test(error.message),
  );
  await Deno.chmod(file.path, 0o600);
  await Deno.writeTextFile(file.path, "{}");
  await assert.rejects(rotateLocalKey(file.path), { code: "config" });
  assert.equal(await Deno.readTextFile(file.path), "{}");
});
