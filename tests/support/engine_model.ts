/**
 * The comparison of a storage engine with a model in memory.
 *
 * @module
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { concat, hex } from "../../lib/base/bytes.ts";
import type { Engine, RowCondition, RowWrite, StoredRow, TableName } from "../../lib/services/keyring/engine/engine.ts";
import { ModelEngine } from "./model_engine.ts";

const { signal } = new AbortController();

const key = (...bytes: readonly number[]) => Uint8Array.from(bytes);

const shown = (rows: readonly (StoredRow | undefined)[]) =>
  rows.map((row) => row && `${row.table} ${hex(row.key)} ${hex(row.bytes)}`);

async function everyRow(engine: Engine): Promise<readonly StoredRow[]> {
  return (await Array.fromAsync(engine.snapshot(signal))).flat();
}

/** One step of the comparison with the model. */
interface Step {
  readonly conditions: readonly { readonly at: number; readonly kind: "absent" | "current" | "stale" }[];
  readonly writes: readonly { readonly at: number; readonly bytes: Uint8Array | undefined }[];
}

const places: readonly { readonly table: TableName; readonly key: Uint8Array }[] =
  (["key", "value", "schedule"] as const)
    .flatMap((table) => [key(0), key(0, 255), key(255), key(255, 255, 1)].map((at) => ({ table, key: at })));
const place = fc.nat(places.length - 1);
const step: fc.Arbitrary<Step> = fc.record({
  conditions: fc.array(fc.record({ at: place, kind: fc.constantFrom("absent", "current", "current", "stale") }), {
    maxLength: 3,
  }),
  writes: fc.uniqueArray(
    fc.record({ at: place, bytes: fc.option(fc.uint8Array({ maxLength: 40 }), { nil: undefined }) }),
    {
      maxLength: 4,
      selector: ({ at }) => at,
    },
  ),
});

/** Has an engine and a model in memory do the same steps, and compares all that they answer. */
export async function compareWithModel(engine: Engine, runs: number): Promise<void> {
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 12 }), (steps) => compare(engine, steps)), {
    numRuns: runs,
  });
}

async function compare(engine: Engine, steps: readonly Step[]): Promise<void> {
  const model = new ModelEngine();
  const every = (await everyRow(engine)).map(({ table, key }) => ({ table, key, bytes: undefined }));
  await engine.commit([], every, signal);
  for (const { conditions, writes } of steps) {
    const rows = places.map(({ table, key: at }) => ({ table, key: at }));
    const conditionsOf = async (by: Engine) => {
      const current = await by.get(rows, signal);
      return conditions.map(({ at, kind }): RowCondition => ({
        ...(rows[at] as RowWrite),
        version: kind === "absent" ? "absent" : kind === "current" ? current[at]?.version ?? "absent" : 9e15,
      }));
    };
    const changes = writes.map(({ at, bytes }) => ({ ...(rows[at] as RowWrite), bytes }));
    const committed = await engine.commit(await conditionsOf(engine), changes, signal);
    assert.equal(committed, await model.commit(await conditionsOf(model), changes, signal));
  }
  assert.deepEqual(shown(await engine.get(places, signal)), shown(await model.get(places, signal)));
  for (const prefix of [new Uint8Array(), key(0), key(255), concat(key(0), key(255))]) {
    const range = { table: "value", prefix, limit: 3, after: key(0) } as const;
    assert.deepEqual(shown(await engine.scan(range, signal)), shown(await model.scan(range, signal)));
  }
  assert.deepEqual(shown(await everyRow(engine)), shown(await everyRow(model)));
}
