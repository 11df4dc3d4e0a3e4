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

Deno.test("folderStore() reads back its state, in a folder that it makes with access for its user only", async () => {
  await inFolder(async (folder) => {
    const store = folderStore(`${folder}/state`);
    assert.equal(await store.load(), undefined);
    await store.save(state);
    await store.save(state);
    assert.deepEqual(await store.load(), state);
    const { mode } = await Deno.stat(ringStateFile(`${folder}/state`));
    assert.equal((mode ?? 0) & 0o777, 0o600);
    assert.equal(((await Deno.stat(`${folder}/state`)).mode ?? 0) & 0o777, 0o700);
    assert.deepEqual([...Deno.readDirSync(`${folder}/state`)].map(({ name }) => name), ["key-ring.json"]);
  });
});

Deno.test("readRingState() refuses a damaged file and names it", async () => {
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

Deno.test("save() reports a folder that cannot be written", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "");
    await assert.rejects(folderStore(`${folder}/file`).save(state), {
      name: "KmsError",
      code: "config",
      message: /^Cannot write the key IDs of this node to .*\/file\/key-ring\.json: /,
    });
  });
});

Deno.test("parseRingState() is total", () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => assert.equal(parseRingState(text), undefined)));
});

const sealedBy = [[{ name: "a", kind: "local" }]];

/** A text of the state in which one place has another value; JSON of `undefined` leaves the place out. */
function textWith(value: unknown, ...path: readonly (string | number)[]): string {
  const copy: unknown = structuredClone({ ...state, sealedBy });
  const place = path.slice(0, -1).reduce<unknown>((at, step) => (at as Record<string | number, unknown>)[step], copy);
  Object.assign(place as object, { [path.at(-1) ?? ""]: value });
  // JSON has no infinite number, but texts that are read as one.
  return JSON.stringify(copy, (_, one) => one === Infinity ? "∞" : one).replaceAll('"∞"', "1e999");
}

Deno.test("parseRingState() reads a state with and without what is optional", () => {
  assert.deepEqual(parseRingState(JSON.stringify({ ...state, sealedBy })), { ...state, sealedBy });
  assert.deepEqual(parseRingState(JSON.stringify(state)), state);
  assert.deepEqual(parseRingState(textWith(undefined, "providers", 0, "state", "order"))?.providers, [
    { name: "a", kind: "local", state: { version: "v1" } },
  ]);
});

Deno.test("parseRingState() refuses every field that is missing or of another type", () => {
  const notTexts = [undefined, "", 1, null, {}];
  const notObjects = [undefined, null, 1, "text", {}, []];
  const notArrays = [undefined, null, {}, "text"];
  const table: readonly (readonly [readonly unknown[], ...(string | number)[]])[] = [
    [[undefined, 0, 2, "1"], "format"],
    [[...notArrays, [null], [1], [{}], [[]]], "providers"],
    [[...notArrays, [null], [1], [{}], [[]]], "history"],
    [[null, {}, "text", [null], [{}], [[null]], [[1]], [[{}]], [[[]]]], "sealedBy"],
    [notObjects, "providers", 0, "state"],
    [["1", null, Infinity], "providers", 0, "state", "order"],
    [[undefined, "1", null, Infinity], "history", 0, "at"],
    [[undefined, "1", null, 1.5], "history", 0, "keyEpoch"],
    [[undefined, 0, "false", null], "history", 0, "provisional"],
    [[...notArrays, [null], [1], [{}], [[]]], "history", 0, "members"],
    ...["name", "kind"].flatMap((field) => [
      [notTexts, "providers", 0, field] as const,
      [notTexts, "history", 0, "members", 0, field] as const,
      [notTexts, "sealedBy", 0, 0, field] as const,
    ]),
    [notTexts, "providers", 0, "state", "version"],
    [notTexts, "history", 0, "members", 0, "version"],
    [notTexts, "history", 0, "id"],
  ];
  for (const [values, ...path] of table) {
    for (const value of values) {
      assert.equal(parseRingState(textWith(value, ...path)), undefined, `${path.join(".")}: ${String(value)}`);
    }
  }
});

Deno.test("save() keeps the newest 10,000 key IDs", async () => {
  await inFolder(async (folder) => {
    const [known] = state.history;
    assert.ok(known);
    const history = Array.from({ length: 10_001 }, (_, at) => ({ ...known, id: `t1-${at}`, at, members: [] }));
    await folderStore(folder).save({ ...state, history });
    assert.deepEqual((await readRingState(folder))?.history, history.slice(1));
  });
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

Deno.test("readRingState() reports the file of a newer version as such, and not as damaged", async () => {
  await inFolder(async (folder) => {
    const path = ringStateFile(folder);
    await Deno.writeTextFile(path, JSON.stringify({ ...state, format: 2, more: true }));
    await assert.rejects(readRingState(folder), {
      code: "config",
      message: /a newer version of Trousseau wrote them \(format 2, this version reads 1\); start that version/,
    });
    for (const format of [0, 1, -1, 1.5, "2", null]) {
      await Deno.writeTextFile(path, JSON.stringify({ ...state, history: {}, format }));
      await assert.rejects(readRingState(folder), /the file is damaged/);
    }
  });
});
