/**
 * The tests of every storage engine that its reads are not older than its answered writes.
 *
 * @module
 */
import assert from "node:assert/strict";
import { utf8 } from "../../lib/base/bytes.ts";
import type { Engine, RowName, StoredRow } from "../../lib/services/keyring/engine/engine.ts";
import type { RegisterEngineTest } from "./engine_suite.ts";

const { signal } = new AbortController();

async function rowOf(engine: Engine, name: RowName): Promise<StoredRow | undefined> {
  const [row] = await engine.get([name], signal);
  return row;
}

/** Registers them. */
export function testFreshness(test: RegisterEngineTest): void {
  test("get() beside commits returns one state, and none that is older than an answered commit", async (engine) => {
    const pair = [{ table: "meta", key: Uint8Array.of(1) }, { table: "value", key: Uint8Array.of(2) }] as const;
    let answered = 0;
    const write = async () => {
      for (let count = 1; count <= 60; count++) {
        await engine.commit([], pair.map((name) => ({ ...name, bytes: Uint8Array.of(count) })), signal);
        answered = count;
      }
    };
    await engine.commit([], pair.map((name) => ({ ...name, bytes: Uint8Array.of(0) })), signal);
    let reads = 0;
    const look = async (names: readonly typeof pair[number][]) => {
      for (; answered < 60; reads++) {
        const before = answered;
        const rows = await engine.get(names, signal);
        const found = rows.map((row) => row?.bytes[0] ?? -1);
        assert.equal(new Set(found).size, 1, "both rows are of one commit");
        assert.ok((found[0] ?? -1) >= before, `${found[0]} is older than ${before}`);
        // Another turn of the event loop: a read from memory needs none, and the commits must go on.
        await new Promise((resolve) => setTimeout(resolve));
      }
    };
    await Promise.all([write(), look(pair), look([pair[1], pair[0]]), look([pair[1]])]);
    assert.ok(reads >= 60);
  });

  test("get() returns a row that was written, deleted, or not written since a condition failed", async (engine) => {
    const at = { table: "token", key: Uint8Array.of(4) } as const;
    assert.equal(await rowOf(engine, at), undefined);
    await engine.commit([{ ...at, version: "absent" }], [{ ...at, bytes: utf8("a") }], signal);
    const version = (await rowOf(engine, at))?.version ?? 0;
    assert.equal(await engine.commit([{ ...at, version }], [{ ...at, bytes: utf8("b") }], signal), true);
    assert.equal(await engine.commit([{ ...at, version }], [{ ...at, bytes: utf8("c") }], signal), false);
    const found = await rowOf(engine, at);
    assert.deepEqual(found?.bytes, utf8("b"));
    assert.equal(
      await engine.commit([{ ...at, version: found?.version ?? 0 }], [{ ...at, bytes: undefined }], signal),
      true,
    );
    assert.equal(await rowOf(engine, at), undefined);
  });
}
