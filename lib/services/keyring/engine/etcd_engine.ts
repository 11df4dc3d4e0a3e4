/**
 * The engine on etcd. Several servers share a store; etcd orders their transactions.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { type Clock, deadlineBy } from "../../../base/clock.ts";
import { abandoned } from "../../../base/deadline.ts";
import { toKmsError } from "../../../base/errors.ts";
import type { EtcdClient } from "../../../net/etcd/etcd_client.ts";
import { EtcdError } from "../../../net/etcd/etcd_error.ts";
import type { EtcdRow } from "../../../net/etcd/etcd_fields.ts";
import { readEtcd, transactEtcd } from "../../../net/etcd/etcd_kv.ts";
import type { Notify } from "../../../telemetry/events.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import type {
  Engine,
  EngineHealth,
  Range,
  RowCondition,
  RowName,
  RowWatch,
  RowWrite,
  StoredRow,
  TableName,
} from "./engine.ts";
import { commitToEtcd } from "./etcd_commits.ts";
import { EtcdKeys, keysBelow } from "./etcd_keys.ts";
import { readKeys, readPages } from "./etcd_reads.ts";
import { EtcdTableWatch } from "./etcd_watches.ts";
import { boundsOf } from "./key_range.ts";
import { requireNames, requireRange, requireTransaction } from "./limits.ts";

/** Options of {@linkcode openEtcdEngine}. */
export interface EtcdEngineOptions {
  /** It stays the caller's, who disposes of it after the engine. */
  readonly client: EtcdClient;
  /** The beginning of all keys, as in `/trousseau/keyring/`. */
  readonly prefix: string;
  readonly clock: Clock;
  readonly notify?: Notify;
  /** Whether a missing store is made. */
  readonly create: boolean;
}

/** Milliseconds that a call may take, whatever its signal. */
const callMs = 10_000;

/** The first byte of the header; 16 bytes of the store's ID follow. */
const storeFormat = 1;

/** The first byte while a restore is going on. */
const unfinishedFormat = 0;

/**
 * Opens the store below a prefix. It warns of an etcd that an API server uses.
 *
 * @throws {KeyringError} `store_unavailable`.
 */
export async function openEtcdEngine(options: EtcdEngineOptions, signal: AbortSignal): Promise<Engine> {
  const { client, prefix, clock, create } = options;
  const keys = new EtcdKeys(prefix);
  using limit = deadlineBy(clock, callMs, signal);
  const call = { signal: limit.signal, action: "open the store", repeatable: true };
  try {
    await warnOfApiServer(options, limit.signal);
    const found = await readEtcd(client, { ...keys.all, limit: 1 }, call);
    if (found.rows.length === 0) {
      if (!create) throw refused(prefix, "there is none; restore a backup, or let the server make a new one");
      const value = Uint8Array.of(storeFormat, ...randomBytes(16));
      const header = { put: keys.header, value };
      // Another server may make it at the same time.
      await transactEtcd(
        client,
        { compare: [{ key: keys.header, modRevision: 0 }], success: [header], failure: [] },
        call,
      );
    }
    const { rows: [header], revision } = await readEtcd(client, { key: keys.header }, call);
    return new EtcdEngine(options, keys, storeIdIn(prefix, header), revision);
  } catch (thrown) {
    throw storeFailure(thrown);
  }
}

/**
 * Makes a store with a given ID below a prefix that has no keys, lets `write` fill it, and gives it its header when that has
 * succeeded: a restore that is killed leaves a store that is refused.
 *
 * @throws {KeyringError} `exists` if there are keys below the prefix, `store_unavailable`, and the errors of `write`.
 */
export async function restoreEtcdStore<Result>(
  options: Omit<EtcdEngineOptions, "create">,
  storeId: Uint8Array,
  write: (engine: Engine) => Promise<Result>,
  signal: AbortSignal,
): Promise<Result> {
  const { client, prefix } = options;
  const keys = new EtcdKeys(prefix);
  const call = { signal, action: "restore the store", repeatable: true };
  const headerWith = (format: number) => [{ put: keys.header, value: Uint8Array.of(format, ...storeId) }];
  const changed = (modRevision: number, format: number) =>
    transactEtcd(
      client,
      { compare: [{ key: keys.header, modRevision }], success: headerWith(format), failure: [] },
      call,
    );
  try {
    const { rows, revision } = await readEtcd(client, { ...keys.all, limit: 1 }, call);
    const begun = rows.length === 0 && (await changed(0, unfinishedFormat)).succeeded;
    if (!begun) {
      throw new KeyringError(
        "exists",
        `Cannot restore the store in etcd below "${prefix}": there are keys; remove them first.`,
      );
    }
    const result = await writeWith(new EtcdEngine({ ...options, create: false }, keys, storeId, revision), write);
    const { rows: [header] } = await readEtcd(client, { key: keys.header }, call);
    await changed(header?.modRevision ?? 0, storeFormat);
    storeIdIn(prefix, (await readEtcd(client, { key: keys.header }, call)).rows[0]);
    return result;
  } catch (thrown) {
    throw storeFailure(thrown);
  }
}

async function writeWith<Result>(opened: Engine, write: (engine: Engine) => Promise<Result>): Promise<Result> {
  await using engine = opened;
  return await write(engine);
}

async function warnOfApiServer({ client, prefix, notify }: EtcdEngineOptions, signal: AbortSignal): Promise<void> {
  const call = { signal, action: "open the store", repeatable: true };
  try {
    const { rows } = await readEtcd(client, { ...keysBelow("/registry/"), limit: 1, keysOnly: true }, call);
    if (rows.length === 0) return;
    const message =
      `The keyring's etcd holds the objects of an API server (/registry/); give it an etcd of its own, or a ` +
      `user that is limited to "${prefix}".`;
    notify?.({ type: "lifecycle", action: "warning", message });
  } catch (thrown) {
    // A user that may not read there is as it should be.
    if (!(thrown instanceof EtcdError && thrown.reason === "permission denied")) throw thrown;
  }
}

function storeIdIn(prefix: string, header: EtcdRow | undefined): Uint8Array {
  const [format = 0, ...id] = header?.value ?? [];
  if (format > storeFormat) {
    throw refused(
      prefix,
      `it has format ${format}, and this version knows ${storeFormat}; use the version that wrote it`,
    );
  }
  if (format === unfinishedFormat && id.length === 16) {
    throw refused(
      prefix,
      "a restore into it was not finished; remove its keys (etcdctl del --prefix), and restore again",
    );
  }
  if (format < storeFormat || id.length !== 16) {
    throw refused(prefix, "its header is missing or damaged; restore a backup, or name another prefix");
  }
  return Uint8Array.from(id);
}

function refused(prefix: string, why: string): KeyringError {
  return new KeyringError("store_unavailable", `Cannot open the store in etcd below "${prefix}": ${why}.`);
}

function storeFailure(thrown: unknown): KeyringError {
  if (thrown instanceof KeyringError) return thrown;
  const error = toKmsError(thrown);
  return new KeyringError("store_unavailable", error.message, { cause: error });
}

class EtcdEngine implements Engine {
  readonly kind = "etcd";
  readonly storeId: Uint8Array;
  readonly #options: EtcdEngineOptions;
  readonly #keys: EtcdKeys;
  readonly #closing = new AbortController();
  readonly #watches = new Map<EtcdTableWatch, Promise<void>>();
  #revision: number;
  /** Why the last call failed. */
  #failed: string | undefined;

  constructor(options: EtcdEngineOptions, keys: EtcdKeys, storeId: Uint8Array, revision: number) {
    this.#options = options;
    this.#keys = keys;
    this.storeId = storeId;
    this.#revision = revision;
  }

  async get(names: readonly RowName[], signal: AbortSignal): Promise<readonly (StoredRow | undefined)[]> {
    requireNames(names);
    return await this.#call("read the store", signal, async (reading) => {
      const rows = await readKeys(reading, names.map((name) => this.#keys.row(name)));
      return rows.map((row) => row && this.#storedRow(row));
    });
  }

  async scan(range: Range, signal: AbortSignal): Promise<readonly StoredRow[]> {
    requireRange(range);
    const keys = this.#keys.range(range.table, boundsOf(range));
    return await this.#call("read the store", signal, async (reading) => {
      const pages = await Array.fromAsync(readPages(reading, keys, range.limit));
      return pages.flat().map((row) => this.#storedRow(row));
    });
  }

  async commit(
    conditions: readonly RowCondition[],
    writes: readonly RowWrite[],
    signal: AbortSignal,
  ): Promise<boolean> {
    requireTransaction(conditions, writes);
    const { client, clock } = this.#options;
    return await this.#call("write to the store", signal, ({ signal, note }) => {
      const parts = { client, clock, keys: this.#keys, closing: this.#closing.signal, note };
      return commitToEtcd({ ...parts, revision: () => this.#revision }, conditions, writes, signal);
    });
  }

  watch(table: TableName, signal: AbortSignal): RowWatch {
    const watch = new EtcdTableWatch({ ...this.#options, keys: this.#keys }, table, this.#revision, signal);
    this.#watches.set(watch, watch.run().finally(() => this.#watches.delete(watch)));
    return watch.changes;
  }

  async *snapshot(signal: AbortSignal): AsyncGenerator<readonly StoredRow[]> {
    const { client } = this.#options;
    this.#require("read", signal);
    try {
      const reading = { client, signal, action: "read the store", note: this.#note };
      for await (const page of readPages(reading, this.#keys.rows, Infinity)) {
        const rows = page.filter(({ key }) => this.#keys.nameOf(key) !== undefined);
        if (rows.length > 0) yield rows.map((row) => this.#storedRow(row));
      }
    } catch (thrown) {
      throw storeFailure(thrown);
    }
  }

  /** Old content stays in etcd until its operator compacts and defragments it, and in its snapshots. */
  purge(signal: AbortSignal): Promise<void> {
    try {
      this.#require("purge", signal);
      return Promise.resolve();
    } catch (thrown) {
      return Promise.reject(thrown);
    }
  }

  health(): EngineHealth {
    return this.#failed === undefined ? { state: "ok" } : { state: "failed", reason: this.#failed };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(abandoned);
    for (const watch of this.#watches.keys()) watch.fail(closed("watch"));
    await Promise.all(this.#watches.values());
  }

  readonly #note = (revision: number): void => {
    this.#revision = Math.max(this.#revision, revision);
  };

  async #call<T>(
    action: string,
    signal: AbortSignal,
    work: (
      reading: { client: EtcdClient; signal: AbortSignal; action: string; note: (revision: number) => void },
    ) => Promise<T>,
  ): Promise<T> {
    this.#require(action, signal);
    const { client, clock } = this.#options;
    using limit = deadlineBy(clock, callMs, signal);
    try {
      const result = await work({ client, signal: limit.signal, action, note: this.#note });
      this.#failed = undefined;
      return result;
    } catch (thrown) {
      const error = storeFailure(thrown);
      if (!signal.aborted) this.#failed = error.message;
      throw error;
    }
  }

  #require(action: string, signal: AbortSignal): void {
    if (this.#closing.signal.aborted) throw closed(action);
    if (signal.aborted) throw new KeyringError("store_unavailable", `Cannot ${action}: the caller gave up.`);
  }

  #storedRow({ key, value, modRevision }: EtcdRow): StoredRow {
    const name = this.#keys.nameOf(key);
    if (name === undefined) throw new KeyringError("integrity", "The store in etcd holds a key that is no row.");
    return { ...name, bytes: value, version: modRevision };
  }
}

function closed(action: string): KeyringError {
  return new KeyringError("store_unavailable", `Cannot ${action} the store in etcd: it is closed.`);
}
