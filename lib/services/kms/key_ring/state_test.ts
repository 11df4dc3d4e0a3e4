import assert from "node:assert/strict";
import * as fc from "fast-check";
import { KmsError } from "../../../base/errors.ts";
import { folderStore, parseRingState, readRingState, type RingState, ringStateFile } from "./state.ts";
import { makeFifo } from "../../../../tests/support/fifo.ts";
import { inFolder } from "../../../../tests/support/temporary_folder.ts";

const state: RingState = {
  format: 1,
  providers: [{ name: "a", kind: "local", state: { version: "v1", order: 1 } }],
  history: [{
    id: "t1-0",
    at: 1,
    keyEpoch: 0,
    provisional: false,
    members: [{ name: "a", kind: "local", version: "v1" }],
  }],
};

Deno.test("folderStore() reads back what it saved, in a folder that it makes, readable by nobody else", async () => {
  await inFolder(async (folder) => {
    const store = folderStore(`${folder}/state`);
    assert.equal(await store.load(), undefined);
    await store.save(state);
    await store.save(state);
    assert.deepEqual(await store.load(), state);
    const { mode } = await Deno.stat(ringStateFile(`${folder}/state`));
    assert.equal((mode ?? 0) & 0o777, 0o600);
    assert.deepEqual([...Deno.readDirSync(`${folder}/state`)].map(({ name }) => name), ["key-ring.json"]);
  });
});

Deno.test("readRingState() refuses a damaged file and says which", async () => {
  await inFolder(async (folder) => {
    await folderStore(folder).save(state);
    const path = ringStateFile(folder);
    const text = await Deno.readTextFile(path);
    await Deno.writeTextFile(path, text.slice(0, -5));
    await assert.rejects(
      readRingState(folder),
      (thrown: unknown) => thrown instanceof KmsError && thrown.code === "config" && thrown.message.includes(path),
    );
  });
});

Deno.test("save() in a folder that cannot be written to says so", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "");
    await assert.rejects(folderStore(`${folder}/file`).save(state), KmsError);
  });
});

Deno.test("parseRingState() is total", () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => assert.equal(parseRingState(text), undefined)));
  const sealedBy = [[{ name: "a", kind: "local" }]];
  assert.deepEqual(parseRingState(JSON.stringify({ ...state, sealedBy })), { ...state, sealedBy });
  for (
    const broken of [
      { ...state, format: 2 },
      { ...state, sealedBy: [{}] },
      { ...state, sealedBy: [[{ name: "a" }]] },
      { ...state, history: [{}] },
      { ...state, providers: {} },
      {
        ...state,
        providers: [{ name: "a", kind: "k", state: {} }],
      },
    ]
  ) {
    assert.equal(parseRingState(JSON.stringify(broken)), undefined);
  }
});

Deno.test("readRingState() refuses a FIFO without waiting, and a file that is too large", async () => {
  await inFolder(async (folder) => {
    await makeFifo(ringStateFile(folder));
    await assert.rejects(readRingState(folder), { code: "config", message: /key-ring\.json: it is a pipe/ });
    await Deno.remove(ringStateFile(folder));
    await Deno.writeTextFile(ringStateFile(folder), "");
    await Deno.truncate(ringStateFile(folder), 50_000_000);
    await assert.rejects(readRingState(folder), { code: "config", message: /it is larger than 40000 KiB/ });
  });
});

Deno.test("readRingState() says that a newer version wrote the file, and not that it is damaged", async () => {
  await inFolder(async (folder) => {
    const path = ringStateFile(folder);
    await Deno.writeTextFile(path, JSON.stringify({ ...state, format: 2, more: true }));
    await assert.rejects(readRingState(folder), {
      code: "config",
      message: /a newer version of Trousseau wrote them \(format 2, this version reads 1\); start that version/,
    });
    for (const format of [0, -1, 1.5, "2", null]) {
      await Deno.writeTextFile(path, JSON.stringify({ ...state, format }));
      await assert.rejects(readRingState(folder), /the file is damaged/);
    }
  });
});
