import assert from "node:assert/strict";
import { TestStore } from "../../../../tests/support/keyring_store.ts";
import { exactText, utf8 } from "../../../base/bytes.ts";
import type { RecordCodec } from "./records.ts";
import { formatCodec, metaKey, type Migration } from "./store_format.ts";

const { signal } = new AbortController();
const notes: RecordCodec<string> = { table: "policy", encode: utf8, decode: exactText };
const one = utf8("one");

async function format(stage: TestStore): Promise<number | undefined> {
  return (await stage.store.reader(signal).get(formatCodec, metaKey("format")))?.value.format;
}

/** A step that notes its number behind what stands there, and may fail. */
function step(to: number, fails: () => boolean = () => false): Migration {
  return {
    to,
    run: async (store, signal) => {
      if (fails()) throw new RangeError("interrupted");
      await store.transaction(async (tx) => {
        const found = await tx.get(notes, one);
        tx.put(notes, one, `${found?.value ?? ""}${to}`);
      }, signal);
    },
  };
}

Deno.test("a new store has the newest format and runs no step", async () => {
  await using stage = new TestStore({ store: { steps: [step(2), step(3)] } });
  assert.equal(await format(stage), 3);
  assert.equal(await stage.store.reader(signal).get(notes, one), undefined);
});

Deno.test("an older store runs the steps that it lacks in their order, once, and goes on after an interruption", async () => {
  await using first = new TestStore();
  assert.equal(await format(first), 1);
  let isBroken = true;
  const steps = [step(3, () => isBroken), step(2)];
  await using second = first.again({ store: { steps } });
  await assert.rejects(format(second), RangeError);
  isBroken = false;
  assert.equal(await format(second), 3);
  await using third = first.again({ store: { steps } });
  assert.equal((await third.store.reader(signal).get(notes, one))?.value, "23");
});

Deno.test("a store of a newer format is refused, with what to do, and not changed", async () => {
  await using newer = new TestStore({ store: { steps: [step(2)] } });
  await format(newer);
  const before = newer.engine.rows().map(({ version }) => version);
  await using older = newer.again({ store: { steps: [] } });
  const refusal = { code: "store_unavailable", message: /format 2.*start that version, or restore a backup/ };
  await assert.rejects(format(older), refusal);
  await assert.rejects(older.store.transaction((tx) => Promise.resolve(tx.put(notes, one, "x")), signal), refusal);
  assert.deepEqual(newer.engine.rows().map(({ version }) => version), before);
});

Deno.test("a store whose format is missing or changed is integrity", async () => {
  const name = { table: "meta", key: metaKey("format") } as const;
  for (const bytes of [undefined, new Uint8Array(100)]) {
    await using stage = new TestStore();
    await format(stage);
    await using cold = stage.again();
    stage.engine.tamper({ ...name, bytes });
    await assert.rejects(format(cold), { code: "integrity" });
  }
});
