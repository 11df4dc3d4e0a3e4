/**
 * Reads and transactions of etcd's key-value store.
 *
 * @module
 */
import { base64 } from "../../base/bytes.ts";
import { field } from "../https/fields.ts";
import { type EtcdCall, type EtcdClient, malformed } from "./etcd_client.ts";
import { clusterIn, type EtcdRow, flagIn, listIn, revisionIn, rowIn } from "./etcd_fields.ts";

/** Keys to read. */
export interface EtcdRange {
  readonly key: Uint8Array;
  /** The end of the range, which is not in it; without it, the key alone. */
  readonly end?: Uint8Array;
  /** Maximum number of rows; without it, all. */
  readonly limit?: number;
  /** Reads at this revision of the cluster; without it, at the newest. */
  readonly revision?: number;
  readonly keysOnly?: boolean;
}

/** Rows in the order of their keys. */
export interface EtcdRows {
  /** The ID of the cluster as decimal digits; `""` if the answer has none. */
  readonly cluster: string;
  /** The newest revision of the cluster. */
  readonly revision: number;
  readonly rows: readonly EtcdRow[];
  /** Whether the limit has left rows out. */
  readonly more: boolean;
}

/** A key must have been written last at this revision; 0: it must be absent. */
export interface EtcdCompare {
  readonly key: Uint8Array;
  readonly modRevision: number;
}

/** An operation of a transaction. */
export type EtcdOperation =
  | { readonly put: Uint8Array; readonly value: Uint8Array; readonly lease?: string }
  | { readonly delete: Uint8Array }
  | { readonly range: EtcdRange };

/** A transaction: all of `success` if all comparisons hold, else all of `failure`. */
export interface EtcdTransaction {
  readonly compare: readonly EtcdCompare[];
  readonly success: readonly EtcdOperation[];
  readonly failure: readonly EtcdOperation[];
}

/** The outcome of a transaction. */
export interface EtcdOutcome {
  readonly revision: number;
  readonly succeeded: boolean;
  /** The rows of each range among the operations that were done. */
  readonly ranges: readonly (readonly EtcdRow[])[];
}

/** Reads a range. Linearizable: a majority of the members has confirmed the answer. */
export async function readEtcd(client: EtcdClient, range: EtcdRange, call: EtcdCall): Promise<EtcdRows> {
  const answer = await client.ask("/v3/kv/range", rangeRequest(range), call);
  return {
    cluster: clusterIn(answer),
    revision: revisionIn(answer, call.action),
    rows: rowsIn(answer, call.action),
    more: flagIn(answer, "more", call.action),
  };
}

/** Does a transaction. */
export async function transactEtcd(
  client: EtcdClient,
  { compare, success, failure }: EtcdTransaction,
  call: EtcdCall,
): Promise<EtcdOutcome> {
  const answer = await client.ask("/v3/kv/txn", {
    compare: compare.map(({ key, modRevision }) => ({
      key: base64(key),
      target: "MOD",
      result: "EQUAL",
      mod_revision: `${modRevision}`,
    })),
    success: success.map(operationRequest),
    failure: failure.map(operationRequest),
  }, call);
  const { action } = call;
  const succeeded = flagIn(answer, "succeeded", action);
  const responses = listIn(answer, "responses", action);
  const operations = succeeded ? success : failure;
  if (responses.length !== operations.length) throw malformed(action);
  const ranges = responses.filter((_, index) => "range" in (operations[index] ?? {}))
    .map((response) => rowsIn(field(response, "response_range"), action));
  return { revision: revisionIn(answer, action), succeeded, ranges };
}

function operationRequest(operation: EtcdOperation) {
  if ("range" in operation) return { request_range: rangeRequest(operation.range) };
  if ("delete" in operation) return { request_delete_range: { key: base64(operation.delete) } };
  const { put, value, lease } = operation;
  return { request_put: { key: base64(put), value: base64(value), ...(lease === undefined ? {} : { lease }) } };
}

function rangeRequest({ key, end, limit, revision, keysOnly }: EtcdRange) {
  return {
    key: base64(key),
    ...(end === undefined ? {} : { range_end: base64(end) }),
    ...(limit === undefined ? {} : { limit: `${limit}` }),
    ...(revision === undefined ? {} : { revision: `${revision}` }),
    ...(keysOnly === true ? { keys_only: true } : {}),
  };
}

function rowsIn(answer: unknown, action: string): readonly EtcdRow[] {
  return listIn(answer, "kvs", action).map((row) => rowIn(row, action));
}
