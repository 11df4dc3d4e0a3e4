/**
 * Watches of etcd's keys.
 *
 * @module
 */
import { base64 } from "../../base/bytes.ts";
import { field } from "../https/fields.ts";
import { type EtcdCall, type EtcdClient, malformed } from "./etcd_client.ts";
import { EtcdError, etcdReasonOf } from "./etcd_error.ts";
import { bytesIn, flagIn, listIn, numberIn } from "./etcd_fields.ts";

/** A key that was written or deleted. */
export interface EtcdChange {
  readonly key: Uint8Array;
  readonly modRevision: number;
}

/**
 * The changes of keys from a revision on, in the order of their revisions; the first list is empty and says that the watch
 * is there. It uses one member and ends only with an error.
 *
 * @param from the first revision.
 * @throws {EtcdError} with the reason `mvcc: required revision has been compacted` if changes are missing.
 */
export async function* watchEtcd(
  client: EtcdClient,
  { key, end, from }: { readonly key: Uint8Array; readonly end: Uint8Array; readonly from: number },
  call: Omit<EtcdCall, "repeatable">,
): AsyncGenerator<readonly EtcdChange[]> {
  const { action } = call;
  const request = { key: base64(key), range_end: base64(end), start_revision: `${from}`, filters: [] };
  for await (const result of client.stream("/v3/watch", { create_request: request }, call)) {
    if (flagIn(result, "canceled", action)) throw cancelled(result, action);
    yield listIn(result, "events", action).map((event) => {
      const row = field(event, "kv");
      const modRevision = numberIn(row, "mod_revision", action);
      if (modRevision < from) throw malformed(action);
      return { key: bytesIn(row, "key", action), modRevision };
    });
  }
  throw malformed(action);
}

function cancelled(result: unknown, action: string): EtcdError {
  if (numberIn(result, "compact_revision", action) > 0) {
    return new EtcdError(action, "etcd", "mvcc: required revision has been compacted", "");
  }
  const text = field(result, "cancel_reason");
  const reason = typeof text === "string" ? etcdReasonOf(text) : undefined;
  return new EtcdError(action, "etcd", reason, "it has ended the watch");
}
