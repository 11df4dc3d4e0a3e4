/**
 * Transactions of a store in etcd. Each has a random ID, which it writes to the marker of each table that it changes, and it
 * is executed only while its fence is absent. If no answer comes, the fence is written: from then on the transaction
 * cannot be executed any more, and the markers tell whether it was.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { equalBytes } from "../../../base/bytes.ts";
import { type Clock, deadlineBy } from "../../../base/clock.ts";
import { type KmsError, toKmsError } from "../../../base/errors.ts";
import type { EtcdClient } from "../../../net/etcd/etcd_client.ts";
import { isPassing, isUnexecuted } from "../../../net/etcd/etcd_error.ts";
import type { EtcdRow } from "../../../net/etcd/etcd_fields.ts";
import { type EtcdTransaction, readEtcd, transactEtcd } from "../../../net/etcd/etcd_kv.ts";
import { grantLease } from "../../../net/etcd/etcd_lease.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import type { RowCondition, RowWrite, TableName } from "./engine.ts";
import type { EtcdKeys } from "./etcd_keys.ts";

/** Seconds that a fence stays: longer than a request can wait in a cluster. */
const fenceSeconds = 600;

/** Milliseconds for finding out an outcome, and between two tries. */
const timings = { resolve: 5_000, pause: 100 } as const;

/** The state that all transactions of one engine share. */
export interface EtcdCommitParts {
  readonly client: EtcdClient;
  readonly keys: EtcdKeys;
  readonly clock: Clock;
  /** Aborted when the engine is closed. */
  readonly closing: AbortSignal;
  /** The newest revision of the cluster that the engine has seen. */
  readonly revision: () => number;
  readonly note: (revision: number) => void;
}

/**
 * Commits a transaction, again if it was certainly not executed and etcd may answer now.
 *
 * @returns whether its conditions held.
 * @throws {KmsError} if it was not executed and will not be; {@linkcode KeyringError} if that is unknown.
 */
export async function commitToEtcd(
  parts: EtcdCommitParts,
  conditions: readonly RowCondition[],
  writes: readonly RowWrite[],
  signal: AbortSignal,
): Promise<boolean> {
  const { client, keys, clock, note } = parts;
  for (;;) {
    const id = new Uint8Array(randomBytes(16));
    const [base, markers] = [parts.revision(), [...new Set(writes.map(({ table }) => table))]];
    const request = requestOf(keys, id, markers, conditions, writes);
    let error: KmsError;
    let isAnswered = false;
    try {
      const call = { signal, action: "write to the store", repeatable: writes.length === 0 };
      const { revision, succeeded, ranges: [rows] } = await transactEtcd(client, request, call);
      note(revision);
      if (succeeded || markers[0] === undefined) return succeeded;
      isAnswered = true;
      // The HTTP client can have sent it twice: then the first copy has changed the versions for the second one.
      return await wasExecuted(parts, markers[0], id, base, rows?.[0], signal);
    } catch (thrown) {
      error = toKmsError(thrown);
    }
    if (markers[0] !== undefined && (isAnswered || canBeExecuted(error))) {
      if (await resolveOutcome(parts, markers[0], id, base, error)) return true;
    }
    if (signal.aborted || !isPassing(error)) throw error;
    await clock.sleep(timings.pause, signal);
  }
}

function requestOf(
  keys: EtcdKeys,
  id: Uint8Array,
  markers: readonly TableName[],
  conditions: readonly RowCondition[],
  writes: readonly RowWrite[],
): EtcdTransaction {
  const compare = conditions.map(({ version, ...name }) => ({
    key: keys.row(name),
    modRevision: version === "absent" ? 0 : version,
  }));
  const rows = writes.map(({ bytes, ...name }) =>
    bytes === undefined ? { delete: keys.row(name) } : { put: keys.row(name), value: bytes }
  );
  return {
    compare: [...compare, { key: keys.fence(id), modRevision: 0 }],
    success: [...rows, ...markers.map((table) => ({ put: keys.marker(table), value: id }))],
    failure: markers.slice(0, 1).map((table) => ({ range: { key: keys.marker(table) } })),
  };
}

function canBeExecuted(error: KmsError): boolean {
  return !isUnexecuted(error) && (isPassing(error) || error.code === "cancelled");
}

/** Finds out whether a transaction was executed, and keeps it from being executed later. */
async function resolveOutcome(
  parts: EtcdCommitParts,
  table: TableName,
  id: Uint8Array,
  base: number,
  error: KmsError,
): Promise<boolean> {
  const { client, keys, clock, closing } = parts;
  using limit = deadlineBy(clock, timings.resolve, closing);
  const call = { signal: limit.signal, action: "write to the store", repeatable: true };
  for (;;) {
    try {
      const lease = await grantLease(client, fenceSeconds, call);
      const fence = { put: keys.fence(id), value: new Uint8Array(), lease };
      await transactEtcd(client, { compare: [], success: [fence], failure: [] }, call);
      const { rows: [marker] } = await readEtcd(client, { key: keys.marker(table) }, call);
      return await wasExecuted(parts, table, id, base, marker, limit.signal);
    } catch (thrown) {
      if (limit.signal.aborted || !isPassing(toKmsError(thrown))) throw unknownOutcome(error);
    }
    await clock.sleep(timings.pause, limit.signal);
  }
}

/** Looks for the ID among the values that the marker has had since the revision `base`. */
async function wasExecuted(
  { client, keys }: EtcdCommitParts,
  table: TableName,
  id: Uint8Array,
  base: number,
  newest: EtcdRow | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  const call = { signal, action: "write to the store", repeatable: true };
  for (let row = newest; row !== undefined && row.modRevision > base;) {
    if (equalBytes(row.value, id)) return true;
    const { rows } = await readEtcd(client, { key: keys.marker(table), revision: row.modRevision - 1 }, call);
    row = rows[0];
  }
  return false;
}

function unknownOutcome(cause: KmsError): KeyringError {
  return new KeyringError(
    "store_unavailable",
    `${cause.message} Whether the write has happened cannot be found out now; read before you write again.`,
    { cause, outcome: "unknown" },
  );
}
