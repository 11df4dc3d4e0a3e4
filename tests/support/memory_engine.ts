/**
 * A storage engine in memory with the contract of the real ones, and faults and tampering on demand.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { compareTexts, hex } from "../../lib/base/bytes.ts";
import { type Clock, systemClock } from "../../lib/base/clock.ts";
import { KeyringError } from "../../lib/api/keyring/problems.ts";
import {
  type Engine,
  type EngineHealth,
  type Range,
  type RowCondition,
  type RowName,
  type RowWatch,
  type RowWrite,
  type StoredRow,
  type TableName,
  tables,
} from "../../lib/services/keyring/engine/engine.ts";
import { requireNames, requireRange, requireTransaction } from "../../lib/services/keyring/engine/limits.ts";
import { RangeMarks } from "../../lib/services/keyring/engine/range_marks.ts";
import { RowChanges } from "../../lib/services/keyring/engine/row_changes.ts";

/** The verbs of an engine that a test can make fail. */
export type EngineVerb = "get" | "scan" | "commit" | "snapshot" | "purge";

/** One table: rows by key in hexadecimal, and the sorted keys. */
class MemoryTable {
  readonly rows = new Map<string, StoredRow>();
  #sorted: readonly string[] | undefined;

  sorted(): readonly string[] {
    return this.#sorted ??= [...this.rows.keys()].toSorted(compareTexts);
  }

  set(key: string, row: StoredRow | undefined): void {
    if (row === undefined || !this.rows.has(key)) this.#sorted = undefined;
    if (row === undefined) this.rows.delete(key);
    else this.rows.set(key, row);
  }
}

/** See the module. */
export class MemoryEngine implements Engine {
  readonly kind = "embedded";
  readonly storeId: Uint8Array;
  /** Called before each verb, with the number of calls of it so far. It may throw, wait or change rows. */
  before: (verb: EngineVerb, count: number, writes: readonly RowWrite[]) => Promise<void> | void = () => {};
  readonly calls = { get: 0, scan: 0, commit: 0, snapshot: 0, purge: 0 };
  readonly #tables = new Map<TableName, MemoryTable>();
  readonly #changes: RowChanges;
  readonly #marks = new RangeMarks();
  #version = 0;

  /** @param clock of the times at which a watch is confirmed. */
  constructor(clock: Pick<Clock, "now"> = systemClock, storeId: Uint8Array = new Uint8Array(randomBytes(16))) {
    this.storeId = storeId;
    this.#changes = new RowChanges(clock);
  }

  async get(names: readonly RowName[], signal: AbortSignal): Promise<readonly (StoredRow | undefined)[]> {
    requireNames(names);
    await this.#begin("get", signal);
    return names.map((name) => this.row(name)).map((row) => row && copyOf(row));
  }

  async scan(range: Range, signal: AbortSignal): Promise<readonly StoredRow[]> {
    requireRange(range);
    const { table, prefix, after, limit } = range;
    await this.#begin("scan", signal);
    const [first, past] = [hex(prefix), after && hex(after)];
    const keys = this.#table(table).sorted();
    const found: StoredRow[] = [];
    for (let at = firstAtLeast(keys, first); at < keys.length && found.length < limit; at++) {
      const key = keys[at] ?? "";
      if (!key.startsWith(first)) break;
      const row = this.#table(table).rows.get(key);
      if (row && (past === undefined || key > past)) found.push(copyOf(row));
    }
    return found;
  }

  async commit(
    conditions: readonly RowCondition[],
    writes: readonly RowWrite[],
    signal: AbortSignal,
  ): Promise<boolean> {
    requireTransaction(conditions, writes);
    await this.#begin("commit", signal, writes);
    const holds = conditions.every((one) => (this.row(one)?.version ?? "absent") === one.version);
    if (holds) this.#apply(writes);
    return holds;
  }

  watch(table: TableName, signal: AbortSignal): RowWatch {
    return this.#changes.watch(table, signal);
  }

  mark(table: TableName, prefix: Uint8Array): number {
    return this.#marks.of(table, prefix);
  }

  async *snapshot(signal: AbortSignal): AsyncIterable<readonly StoredRow[]> {
    await this.#begin("snapshot", signal);
    const rows = this.rows();
    for (let at = 0; at < rows.length; at += 1_000) yield rows.slice(at, at + 1_000);
  }

  async purge(signal: AbortSignal): Promise<void> {
    await this.#begin("purge", signal);
  }

  health(): EngineHealth {
    return { state: "ok" };
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  /** The stored row itself, not a copy: a test may change its bytes. */
  row({ table, key }: RowName): StoredRow | undefined {
    return this.#table(table).rows.get(hex(key));
  }

  /** All rows, or those of a table, in the order of tables and keys. */
  rows(table?: TableName): readonly StoredRow[] {
    const names = table === undefined ? (Object.keys(tables) as TableName[]) : [table];
    return names.flatMap((name) => {
      const { rows } = this.#table(name);
      return this.#table(name).sorted().flatMap((key) => rows.get(key) ?? []);
    });
  }

  /** Writes past all conditions, as somebody does who can write the store. */
  tamper(...writes: readonly RowWrite[]): void {
    this.#apply(writes);
  }

  /** Another engine with the same store ID and copies of all rows. */
  copy(): MemoryEngine {
    const engine = new MemoryEngine(systemClock, this.storeId);
    engine.tamper(...this.rows().map(copyOf));
    return engine;
  }

  #table(name: TableName): MemoryTable {
    const table = this.#tables.get(name) ?? new MemoryTable();
    this.#tables.set(name, table);
    return table;
  }

  async #begin(verb: EngineVerb, signal: AbortSignal, writes: readonly RowWrite[] = []): Promise<void> {
    if (signal.aborted) throw new KeyringError("store_unavailable", "Cannot use the store: the caller gave up.");
    await this.before(verb, ++this.calls[verb], writes);
    // An answer never comes in the same turn.
    await Promise.resolve();
  }

  #apply(writes: readonly RowWrite[]): void {
    this.#version++;
    for (const { table, key, bytes } of writes) {
      const row = bytes && { table, key: key.slice(), bytes: bytes.slice(), version: this.#version };
      this.#table(table).set(hex(key), row);
    }
    this.#marks.changed(writes);
    this.#changes.announce(writes.map(({ table, key }) => ({ table, key: key.slice() })));
  }
}

function copyOf({ table, key, bytes, version }: StoredRow): StoredRow {
  return { table, key: key.slice(), bytes: bytes.slice(), version };
}

/** The place of the first key that does not come before `first`. */
function firstAtLeast(keys: readonly string[], first: string): number {
  let [from, to] = [0, keys.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((keys[middle] ?? "") < first) from = middle + 1;
    else to = middle;
  }
  return from;
}
