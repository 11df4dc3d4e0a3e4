/**
 * Frozen files of the state folder and of local keys, read and written by the code of today.
 *
 * @module
 */
import assert from "node:assert/strict";
import { hex } from "../../lib/base/bytes.ts";
import { RingMemory } from "../../lib/services/kms/key_ring/memory.ts";
import { folderStore, readRingState, ringStateFile } from "../../lib/services/kms/key_ring/state.ts";
import { encodeKeyFile, parseKeyFile } from "../../lib/provider/local/key_file.ts";
import { inFolder } from "../support/temporary_folder.ts";
import { bytesOf } from "./hex.ts";
import vectors from "./files.json" with { type: "json" };

for (const { what, bytesHex, ...fields } of vectors.keyRing) {
  // What `with { type: "json" }` has no type for: a version is known with its order or without.
  const state = { format: 1 as const, ...fields };

  Deno.test(`readRingState() reads the frozen key-ring.json, and save() writes it: ${what}`, () =>
    inFolder(async (folder) => {
      assert.equal(ringStateFile(folder), `${folder}/key-ring.json`);
      await Deno.writeFile(ringStateFile(folder), bytesOf(bytesHex));
      const read = await readRingState(folder);
      assert.deepEqual(read, state);
      assert.ok(read);
      await folderStore(`${folder}/again`).save(read);
      assert.equal(hex(await Deno.readFile(ringStateFile(`${folder}/again`))), bytesHex);
    }));

  Deno.test(`announcing() writes the frozen key-ring.json: ${what}`, () =>
    inFolder(async (folder) => {
      const [holders] = fields.sealedBy ?? [];
      if (holders === undefined) return await assertGainsSealedBy(folder, bytesHex);
      await new RingMemory(folderStore(folder), undefined).announcing(state.history, state.providers, holders);
      assert.equal(hex(await Deno.readFile(ringStateFile(folder))), bytesHex);
    }));
}

/** A file without sets of holders is used as it is, and has them once something is announced. */
async function assertGainsSealedBy(folder: string, bytesHex: string): Promise<void> {
  await Deno.writeFile(ringStateFile(folder), bytesOf(bytesHex));
  const state = await readRingState(folder);
  assert.ok(state);
  const memory = new RingMemory(folderStore(folder), state);
  await memory.announcing(state.history, state.providers, [{ name: "site-b", kind: "local" }]);
  const { sealedBy, ...rest } = await readRingState(folder) ?? {};
  assert.deepEqual(rest, state);
  assert.deepEqual(sealedBy, [[{ name: "site-b", kind: "local" }]]);
}

Deno.test("parseKeyFile() reads the frozen local.keys, and encodeKeyFile() writes them", () => {
  for (const { keys, bytesHex } of vectors.localKeys) {
    const parsed = keys.map(({ id, createdAt, keyHex }) => ({ id, createdAt, material: bytesOf(keyHex) }));
    assert.deepEqual(parseKeyFile(bytesOf(bytesHex)), parsed);
    assert.equal(hex(encodeKeyFile(parsed)), bytesHex);
  }
});
