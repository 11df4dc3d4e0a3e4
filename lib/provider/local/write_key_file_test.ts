import assert from "node:assert/strict";
import { join } from "node:path";
import { createKeyFile, replaceKeyFile } from "./write_key_file.ts";
import { newLocalKey, readKeyFile } from "./key_file.ts";

async function folder() {
  const path = await Deno.makeTempDir();
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

const namesIn = (path: string) => [...Deno.readDirSync(path)].map(({ name }) => name).sort();

Deno.test("createKeyFile() creates the folder with mode 0700, the file with mode 0600 and nothing else", async () => {
  await using temporary = await folder();
  const path = join(temporary.path, "a", "b", "local.keys");
  await createKeyFile(path);
  const file = await readKeyFile(path);
  assert.ok(!file.problem && file.keys.length === 1);
  assert.equal((file.info.mode ?? 0) & 0o777, 0o600);
  assert.equal(((await Deno.stat(join(temporary.path, "a"))).mode ?? 0) & 0o777, 0o700);
  assert.deepEqual(namesIn(join(temporary.path, "a", "b")), ["local.keys"]);
});

Deno.test("createKeyFile() leaves an existing file unchanged, also a dangling symlink", async () => {
  await using temporary = await folder();
  const path = join(temporary.path, "local.keys");
  await Deno.writeTextFile(path, "mine");
  await createKeyFile(path);
  assert.equal(await Deno.readTextFile(path), "mine");

  const link = join(temporary.path, "link");
  await Deno.symlink(join(temporary.path, "elsewhere"), link);
  await createKeyFile(link);
  assert.deepEqual(namesIn(temporary.path), ["link", "local.keys"]);
});

Deno.test("createKeyFile() creates one file if many processes start together", async () => {
  await using temporary = await folder();
  const path = join(temporary.path, "local.keys");
  const seen = await Promise.all(Array.from({ length: 16 }, async () => {
    await createKeyFile(path);
    return await readKeyFile(path);
  }));
  const ids = new Set(seen.map((file) => file.problem ? file.why : file.keys[0]?.id));
  assert.equal(ids.size, 1);
  assert.deepEqual(namesIn(temporary.path), ["local.keys"]);
});

Deno.test("replaceKeyFile() leaves the old file and no other when it cannot move the new one", async () => {
  await using temporary = await folder();
  const path = join(temporary.path, "local.keys");
  await createKeyFile(path);
  const old = await readKeyFile(path);
  assert.ok(!old.problem);
  // A non-empty folder cannot be replaced by a rename.
  const busy = join(temporary.path, "busy");
  await Deno.mkdir(join(busy, "inside"), { recursive: true });
  await assert.rejects(replaceKeyFile(busy, old, [newLocalKey()]));
  assert.deepEqual(namesIn(temporary.path), ["busy", "local.keys"]);
});
