import assert from "node:assert/strict";
import { inFolder } from "../../tests/support/temporary_folder.ts";
import { utf8 } from "./bytes.ts";
import { replaceFile } from "./durable_file.ts";
import { openOrCreate, ownerFor, ownUser, setOwner } from "./file_owner.ts";

// The tests run as root, since only root can change owners.
const service = { uid: 64_001, gid: 64_002 };

function owner(path: string): { uid: number | null; gid: number | null } {
  const { uid, gid } = Deno.lstatSync(path);
  return { uid, gid };
}

Deno.test("replaceFile() keeps owner and group of a replaced file, and gives a new one to the folder's owner", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/file`;
    await replaceFile(path, utf8("root's"), 0o600);
    assert.deepEqual(owner(path), { uid: 0, gid: 0 });
    Deno.chownSync(path, service.uid, service.gid);
    await replaceFile(path, utf8("theirs"), 0o600);
    assert.deepEqual(owner(path), service);
    assert.equal((Deno.lstatSync(path).mode ?? 0) & 0o777, 0o600);
    Deno.chownSync(folder, service.uid, service.gid);
    await replaceFile(`${folder}/new`, utf8("new"), 0o600);
    assert.deepEqual(owner(`${folder}/new`), service);
  });
});

Deno.test("openOrCreate() gives a new file to the folder's owner, and leaves an existing one unchanged", async () => {
  await inFolder(async (folder) => {
    Deno.writeTextFileSync(`${folder}/old`, "");
    Deno.chownSync(folder, service.uid, service.gid);
    for (const name of ["old", "new"]) (await openOrCreate(`${folder}/${name}`, { append: true, mode: 0o600 })).close();
    assert.deepEqual(owner(`${folder}/old`), { uid: 0, gid: 0 });
    assert.deepEqual(owner(`${folder}/new`), service);
  });
});

Deno.test("setOwner() does not change the owner of a file that replaced the created one", async () => {
  await inFolder(async (folder) => {
    const victim = `${folder}/victim`;
    Deno.writeTextFileSync(victim, "root's");
    for (const [name, put] of [["link", Deno.symlinkSync], ["hard", Deno.linkSync]] as const) {
      const path = `${folder}/${name}`;
      using made = Deno.openSync(path, { write: true, createNew: true });
      Deno.removeSync(path);
      put(victim, path);
      await setOwner(made, path, service).catch(() => {});
      assert.deepEqual(owner(victim), { uid: 0, gid: 0 }, name);
    }
  });
});

Deno.test("ownerFor() is the file's owner, else the folder's, else undefined", async () => {
  await inFolder(async (folder) => {
    Deno.chownSync(folder, service.uid, service.gid);
    Deno.writeTextFileSync(`${folder}/file`, "");
    assert.deepEqual(await ownerFor(`${folder}/file`), { uid: 0, gid: 0 });
    assert.deepEqual(await ownerFor(`${folder}/none`), service);
    assert.equal(await ownerFor(`${folder}/none/at/all`), undefined);
  });
});

Deno.test("ownUser() determines the user with a folder that it removes, and is undefined without a writable folder", async () => {
  await inFolder((folder) => {
    assert.equal(ownUser(`${folder}/none`, folder), Deno.lstatSync(folder).uid);
    assert.deepEqual([...Deno.readDirSync(folder)], []);
    assert.equal(ownUser(`${folder}/none`), undefined);
    return Promise.resolve();
  });
});
