/**
 * The tests that every storage engine passes.
 *
 * @module
 */
import assert from "node:assert/strict";
import { hex, utf8 } from "../../lib/base/bytes.ts";
import {
  type Engine,
  engineLimits,
  type RowCondition,
  type RowWrite,
  type StoredRow,
  type TableName,
  tables,
} from "../../lib/services/keyring/engine/engine.ts";
import { testFreshness } from "./engine_freshness.ts";
import { compareWithModel } from "./engine_model.ts";

/** An empty store for one test. */
export interface EngineUnderTest extends AsyncDisposable {
  readonly engine: Engine;
  /** Another server of the same store, if the engine can have one; otherwise the same one. */
  readonly other: Engine;
}

const { signal } = new AbortController();

/** The least valid key. */
const key = (...bytes: readonly number[]) => Uint8Array.from(bytes.length === 0 ? [0] : bytes);

const put = (table: TableName, at: Uint8Array, bytes: Uint8Array | string): RowWrite => ({
  table,
  key: at,
  bytes: typeof bytes === "string" ? utf8(bytes) : bytes,
});

async function read(engine: Engine, table: TableName, at: Uint8Array): Promise<StoredRow | undefined> {
  const [row] = await engine.get([{ table, key: at }], signal);
  return row;
}

async function everyRow(engine: Engine): Promise<readonly StoredRow[]> {
  return (await Array.fromAsync(engine.snapshot(signal))).flat();
}

const shown = (rows: readonly (StoredRow | undefined)[]) =>
  rows.map((row) => row && `${row.table} ${hex(row.key)} ${hex(row.bytes)}`);

/**
 * Registers the tests.
 *
 * @param name the engine, as in the names of the tests.
 * @param runs number of runs of the comparison with the model.
 */
export function testEngine(name: string, open: () => Promise<EngineUnderTest>, runs = 25): void {
  const test = (criterion: string, run: (engine: Engine, other: Engine) => Promise<void>) =>
    Deno.test(`${name}: ${criterion}`, async () => {
      await using under = await open();
      await run(under.engine, under.other);
    });
  testWrites(test);
  testConcurrency(test);
  testReads(test);
  testFreshness(test);
  testWatch(test);
  testLimits(test);
  test("commit(), get(), scan() and snapshot() do the same as a model in memory", async (engine) => {
    await compareWithModel(engine, runs);
  });
}

/** Registers one test of the suite. */
export type RegisterEngineTest = (criterion: string, run: (engine: Engine, other: Engine) => Promise<void>) => void;

function testWrites(test: RegisterEngineTest): void {
  test("commit() writes rows that get() returns in the order of the names", async (engine) => {
    const writes = [put("value", key(2), "b"), put("value", key(1), "a"), put("index", key(1), "")];
    assert.equal(await engine.commit([], writes, signal), true);
    const names = [{ table: "index", key: key(1) }, { table: "policy", key: key(1) }, { table: "value", key: key(2) }];
    const rows = await engine.get(names as { table: TableName; key: Uint8Array }[], signal);
    assert.deepEqual(shown(rows), ["index 01 ", undefined, "value 02 62"]);
    assert.ok(rows.every((row) => row === undefined || (Number.isSafeInteger(row.version) && row.version >= 1)));
  });

  test("commit() gives a row a greater version with each write, and deletes it without bytes", async (engine) => {
    const versions: number[] = [];
    for (const text of ["a", "a", "b"]) {
      await engine.commit([], [put("meta", key(7), text)], signal);
      versions.push((await read(engine, "meta", key(7)))?.version ?? 0);
    }
    assert.deepEqual(versions, versions.toSorted((a, b) => a - b));
    assert.equal(new Set(versions).size, 3);
    assert.equal(await engine.commit([], [{ table: "meta", key: key(7), bytes: undefined }], signal), true);
    assert.equal(await read(engine, "meta", key(7)), undefined);
  });

  test("commit() writes nothing if one condition does not hold", async (engine) => {
    await engine.commit([], [put("token", key(1), "one"), put("token", key(2), "two")], signal);
    const version = (await read(engine, "token", key(1)))?.version ?? 0;
    const holds = { table: "token", key: key(1), version } as const;
    const fails: readonly RowCondition[] = [
      { table: "token", key: key(2), version: "absent" },
      { table: "token", key: key(2), version: version + 1000 },
      { table: "token", key: key(3), version: 1 },
      { table: "code", key: key(1), version },
    ];
    for (const condition of fails) {
      const writes = [put("token", key(1), "x"), put("token", key(9), "x"), {
        ...holds,
        key: key(2),
        bytes: undefined,
      }];
      assert.equal(await engine.commit([holds, condition], writes, signal), false);
    }
    assert.deepEqual(shown(await everyRow(engine)), ["token 01 6f6e65", "token 02 74776f"]);
    const absent = { table: "token", key: key(3), version: "absent" } as const;
    assert.equal(await engine.commit([holds, absent], [put("token", key(3), "new")], signal), true);
    assert.equal(await engine.commit([holds, absent], [], signal), false);
    assert.equal(await engine.commit([holds], [], signal), true);
  });

  test("commit() refuses the version that a deleted row had", async (engine) => {
    await engine.commit([], [put("claim", key(1), "old")], signal);
    const version = (await read(engine, "claim", key(1)))?.version ?? 0;
    await engine.commit([], [{ table: "claim", key: key(1), bytes: undefined }], signal);
    await engine.commit([], [put("claim", key(1), "new")], signal);
    const stale = { table: "claim", key: key(1), version } as const;
    assert.equal(await engine.commit([stale], [put("claim", key(1), "stale")], signal), false);
  });
}

function testConcurrency(test: RegisterEngineTest): void {
  test("commit() lets 16 parallel writers lose no update", async (engine, other) => {
    const at = key(1, 2, 3);
    await engine.commit([], [put("schedule", at, Uint8Array.of(0, 0))], signal);
    const add = async (by: Engine) => {
      for (;;) {
        const row = await read(by, "schedule", at);
        assert.ok(row !== undefined);
        const count = (row.bytes[0] ?? 0) * 256 + (row.bytes[1] ?? 0) + 1;
        const next = put("schedule", at, Uint8Array.of(count >> 8, count));
        if (await by.commit([{ ...row }], [next], signal)) return;
      }
    };
    const writer = async (_: unknown, index: number) => {
      for (let left = 8; left > 0; left--) await add(index % 2 === 0 ? engine : other);
    };
    await Promise.all(Array.from({ length: 16 }, writer));
    assert.equal(hex((await read(engine, "schedule", at))?.bytes ?? key()), "0080");
  });

  test("commit() makes a row for one of 16 writers alone", async (engine, other) => {
    const absent = { table: "code", key: key(5), version: "absent" } as const;
    const attempts = Array.from(
      { length: 16 },
      (_, index) => (index % 2 === 0 ? engine : other).commit([absent], [put("code", key(5), `${index}`)], signal),
    );
    const results = await Promise.all(attempts);
    assert.equal(results.filter((one) => one).length, 1);
    assert.equal((await read(other, "code", key(5)))?.bytes.join(), utf8(`${results.indexOf(true)}`).join());
  });

  test("snapshot() sees one state while rows are moved", async (engine, other) => {
    const rows = Array.from({ length: 40 }, (_, index) => put("identity", key(index), Uint8Array.of(index)));
    await engine.commit([], rows, signal);
    const stop = new AbortController();
    const moving = (async () => {
      for (let turn = 0; !stop.signal.aborted; turn++) {
        const [from, to] = [key(turn % 40), key((turn * 7 + 13) % 40)];
        const [one, another] = await other.get(
          [{ table: "identity", key: from }, { table: "identity", key: to }],
          signal,
        );
        if (one === undefined || another === undefined || from[0] === to[0]) continue;
        const swapped = [put("identity", from, another.bytes), put("identity", to, one.bytes)];
        await other.commit([one, another], swapped, signal);
      }
    })();
    for (let count = 0; count < 10; count++) {
      const seen = (await everyRow(engine)).map(({ bytes }) => bytes[0]).toSorted((a, b) => Number(a) - Number(b));
      assert.deepEqual(seen, rows.map((_, index) => index));
    }
    stop.abort();
    await moving;
  });

  test("snapshot() can be left before its end", async (engine) => {
    await engine.commit([], [put("key", key(1), "a"), put("value", key(1), "b")], signal);
    for await (const _ of engine.snapshot(signal)) break;
    await engine.purge(signal);
    assert.equal((await everyRow(engine)).length, 2);
  });
}

function testReads(test: RegisterEngineTest): void {
  test("scan() returns the rows of a table in the order of their keys, in pages", async (engine) => {
    const keys = [
      key(0),
      key(0, 0),
      key(1),
      key(1, 255),
      key(1, 255, 255),
      key(2),
      key(255),
      key(255, 255),
      key(255, 0),
    ];
    const table = "index";
    await engine.commit([], keys.map((at) => put(table, at, at)), signal);
    await engine.commit([], [put("key", key(1), "x"), put("metadata", key(1), "x")], signal);
    const hexes = async (prefix: Uint8Array, limit: number, after?: Uint8Array) =>
      (await engine.scan({ table, prefix, limit, ...(after && { after }) }, signal)).map((row) => hex(row.key));
    const all = keys.map(hex).toSorted();
    const empty = new Uint8Array();
    assert.deepEqual(await hexes(empty, 10_000), all);
    const paged: string[] = [];
    for (
      let after: string | undefined = "";
      after !== undefined;
      after = paged.length < all.length ? paged.at(-1) : undefined
    ) {
      paged.push(...await hexes(empty, 2, after === "" ? undefined : Uint8Array.from(Uint8Array.fromHex(after))));
    }
    assert.deepEqual(paged, all);
    assert.deepEqual(await hexes(key(1, 255), 10), ["01ff", "01ffff"]);
    assert.deepEqual(await hexes(key(255), 10), ["ff", "ff00", "ffff"]);
    assert.deepEqual(await hexes(key(255), 10, key(255, 0)), ["ffff"]);
    assert.deepEqual(await hexes(key(1), 10, key(0)), ["01", "01ff", "01ffff"]);
    assert.deepEqual(await hexes(key(1), 10, key(2)), []);
    assert.deepEqual(await hexes(key(9), 10), []);
  });

  test("snapshot() returns all rows in the order of tables and keys", async (engine) => {
    const names = Object.keys(tables) as TableName[];
    for (const table of names.toReversed()) {
      await engine.commit([], [put(table, key(2), table), put(table, key(1), table)], signal);
    }
    const rows = await everyRow(engine);
    assert.deepEqual(
      rows.map(({ table, key: [first] }) => `${table} ${first}`),
      names.flatMap((one) => [`${one} 1`, `${one} 2`]),
    );
  });

  test("a row of the greatest size and 100 operations are stored, also through pages of a snapshot", async (engine) => {
    const large = new Uint8Array(engineLimits.rowBytes).fill(0xab);
    const longest = new Uint8Array(engineLimits.keyBytes).fill(0xff);
    assert.equal(await engine.commit([], [put("value", longest, large)], signal), true);
    assert.deepEqual((await read(engine, "value", longest))?.bytes, large);
    const many = Array.from(
      { length: engineLimits.operations },
      (_, index) => put("metadata", key(index), new Uint8Array(10_000)),
    );
    assert.equal(await engine.commit([], many, signal), true);
    for (const first of [1, 2, 3]) await engine.commit([], [put("value", key(first), large)], signal);
    const rows = await everyRow(engine);
    assert.equal(rows.length, 104);
    assert.deepEqual(rows.at(-1)?.bytes, large);
    assert.equal(
      (await engine.scan({ table: "metadata", prefix: new Uint8Array(), limit: 10_000 }, signal)).length,
      100,
    );
    assert.equal((await engine.scan({ table: "value", prefix: new Uint8Array(), limit: 10_000 }, signal)).length, 4);
  });
}

function testWatch(test: RegisterEngineTest): void {
  test(
    "watch() names the rows of its table that any server writes or deletes after the call",
    async (engine, other) => {
      await engine.commit([], [put("token", key(1), "before")], signal);
      const stop = new AbortController();
      const watch = engine.watch("token", stop.signal);
      await other.commit([], [put("token", key(2), "a"), put("code", key(2), "a")], signal);
      await engine.commit(
        [{ table: "token", key: key(1), version: "absent" }],
        [put("token", key(3), "refused")],
        signal,
      );
      await other.commit([], [{ table: "token", key: key(1), bytes: undefined }], signal);
      const seen: string[] = [];
      for await (const names of watch) {
        seen.push(...names.map((name) => `${name.table} ${hex(name.key)}`));
        if (seen.includes("token 01")) stop.abort();
      }
      assert.deepEqual(seen, ["token 02", "token 01"]);
    },
  );

  test("watch() confirms that nothing was missed, once its changes have been taken", async (engine, other) => {
    const stop = new AbortController();
    const watch = engine.watch("revocation", stop.signal);
    const before = watch.confirmedAt();
    const seen: string[] = [];
    const taken = (async () => {
      for await (const names of watch) seen.push(...names.map((name) => hex(name.key)));
    })();
    await other.commit([], [put("revocation", key(4), "a")], signal);
    for (let left = 200; seen.length === 0 || watch.confirmedAt() <= before; left--) {
      assert.ok(left > 0, "the watch is confirmed within ten seconds");
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.deepEqual(seen, ["04"]);
    stop.abort();
    await taken;
  });
}

function testLimits(test: RegisterEngineTest): void {
  const refuses = async (code: string, call: Promise<unknown>) => {
    await assert.rejects(
      call,
      (error: { name: string; code: string }) => error.name === "KeyringError" && error.code === code,
    );
  };
  test("commit() refuses what is beyond the limits, and writes nothing of it", async (engine) => {
    const { keyBytes, rowBytes, operations } = engineLimits;
    const commit = (writes: readonly RowWrite[], conditions: readonly RowCondition[] = []) =>
      engine.commit(conditions, writes, signal);
    await refuses("too_large", commit([put("value", key(1), new Uint8Array(rowBytes + 1))]));
    const half = new Uint8Array(rowBytes / 2 + 100_000);
    await refuses("too_large", commit([put("value", key(1), half), put("value", key(2), half)]));
    const many = Array.from({ length: operations + 1 }, (_, index) => put("value", key(index), "a"));
    await refuses("too_large", commit(many));
    await refuses("too_large", commit(many.slice(1), [{ table: "value", key: key(1), version: "absent" }]));
    await refuses("internal", commit([put("value", new Uint8Array(), "a")]));
    await refuses("internal", commit([put("value", new Uint8Array(keyBytes + 1), "a")]));
    await refuses("internal", commit([put("value", key(1), "a"), put("value", key(1), "b")]));
    await refuses("internal", commit([], [{ table: "value", key: key(1), version: 0 }]));
    await refuses("internal", engine.scan({ table: "value", prefix: new Uint8Array(), limit: 10_001 }, signal));
    await refuses("internal", engine.get([{ table: "toString" as TableName, key: key(1) }], signal));
    assert.deepEqual(await everyRow(engine), []);
  });

  test("every call ends at an aborted signal, and a refused write has changed nothing", async (engine) => {
    const aborted = AbortSignal.abort();
    const write = [put("meta", key(1), "a")];
    await refuses("store_unavailable", engine.commit([], write, aborted));
    await refuses("store_unavailable", engine.get([write[0] as RowWrite], aborted));
    await refuses("store_unavailable", engine.scan({ table: "meta", prefix: key(1), limit: 1 }, aborted));
    await refuses("store_unavailable", Array.fromAsync(engine.snapshot(aborted)));
    await refuses("store_unavailable", engine.purge(aborted));
    assert.deepEqual(await Array.fromAsync(engine.watch("meta", aborted)), []);
    assert.equal(await read(engine, "meta", key(1)), undefined);
    for (let turn = 0; turn < 20; turn++) {
      const control = new AbortController();
      const at = key(2, turn);
      const committed = engine.commit([], [put("meta", at, "a")], control.signal).catch(() => false);
      setTimeout(() => control.abort(), turn / 4);
      assert.equal(await committed, await read(engine, "meta", at) !== undefined);
    }
  });
}
