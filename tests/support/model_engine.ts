/**
 * An engine in memory: what the real ones are compared with, and a store for tests of what is above an engine.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { beginsWith } from "../../lib/base/bytes.ts";
import { systemClock } from "../../lib/base/clock.ts";
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
import { nameText, requireNames, requireRange, requireTransaction } from "../../lib/services/keyring/engine/limits.ts";
import { RowChanges } from "../../lib/services/keyring/engine/row_changes.ts";

/** Rows in a map. */
export class ModelEngine implements Engine {
  readonly kind = "embedded";
  readonly storeId: Uint8Array = crypto.getRandomValues(new Uint8Array(16));
  readonly #rows = new Map<string, StoredRow>();
  readonly #changes = new RowChanges(systemClock);
  #version = 0;

  async get(names: readonly RowName[], signal: AbortSignal): Promise<readonly (StoredRow | undefined)[]> {
    requireNames(names);
    await this.#turn(signal);
    return names.map((name) => this.#rows.get(nameText(name)));
  }

  async scan(range: Range, signal: AbortSignal): Promise<readonly StoredRow[]> {
    requireRange(range);
    await this.#turn(signal);
    const { table, prefix, after, limit } = range;
    const isIn = (row: StoredRow) =>
      row.table === table && beginsWith(row.key, prefix) && (after === undefined || Buffer.compare(row.key, after) > 0);
    return this.#sorted().filter(isIn).slice(0, limit);
  }

  async commit(
    conditions: readonly RowCondition[],
    writes: readonly RowWrite[],
    signal: AbortSignal,
  ): Promise<boolean> {
    requireTransaction(conditions, writes);
    await this.#turn(signal);
    const versionOf = (name: RowName) => this.#rows.get(nameText(name))?.version ?? "absent";
    if (!conditions.every((condition) => versionOf(condition) === condition.version)) return false;
    for (const { table, key, bytes } of writes) {
      const name = nameText({ table, key });
      if (bytes === undefined) this.#rows.delete(name);
      else this.#rows.set(name, { table, key: key.slice(), bytes: bytes.slice(), version: ++this.#version });
    }
    this.#changes.announce(writes);
    return true;
  }

  watch(table: TableName, signal: AbortSignal): RowWatch {
    return this.#changes.watch(table, signal);
  }

  async *snapshot(signal: AbortSignal): AsyncGenerator<readonly StoredRow[]> {
    await this.#turn(signal);
    const rows = this.#sorted();
    if (rows.length > 0) yield rows;
  }

  async purge(signal: AbortSignal): Promise<void> {
    await this.#turn(signal);
  }

  health(): EngineHealth {
    return { state: "ok" };
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #turn(signal: AbortSignal): Promise<void> {
    await Promise.resolve();
    if (signal.aborted) throw new KeyringError("store_unavailable", "Cannot use the store: the caller gave up.");
  }

  #sorted(): StoredRow[] {
    return [...this.#rows.values()].sort((one, other) =>
      tables[one.table] - tables[other.table] || Buffer.compare(one.key, other.key)
    );
  }
}
