/**
 * The end of the audit of one server, sealed in the store: an audit that was shortened or removed while the server was
 * stopped is noticed at the next start.
 *
 * @module
 */
import * as z from "zod/mini";
import type { ChainPosition } from "../../../api/keyring/audit_format.ts";
import { sha256, utf8 } from "../../../base/bytes.ts";
import { jsonCodec } from "../records/json_codec.ts";
import type { RecordStore } from "../records/records.ts";

const codec = jsonCodec<ChainPosition>("meta", z.strictObject({ seq: z.int(), hash: z.string() }));

/** One row for each server: `audit-end ` and 16 bytes of the hash of its ID. */
function rowKey(serverId: string): Uint8Array {
  return new Uint8Array([...utf8("audit-end "), ...sha256(utf8(serverId)).subarray(0, 16)]);
}

/** The end that was kept last; `undefined` if there was none. */
export async function keptPosition(
  store: RecordStore,
  serverId: string,
  signal: AbortSignal,
): Promise<ChainPosition | undefined> {
  return (await store.reader(signal).get(codec, rowKey(serverId)))?.value;
}

/** Keeps the end. */
export async function keepPosition(
  store: RecordStore,
  serverId: string,
  { seq, hash }: ChainPosition,
  signal: AbortSignal,
): Promise<void> {
  await store.transaction((tx) => Promise.resolve(tx.put(codec, rowKey(serverId), { seq, hash })), signal);
}
