/**
 * The state of etcd's members, and snapshots of their whole content.
 *
 * @module
 */
import { field } from "../https/fields.ts";
import { type EtcdCall, type EtcdClient, malformed } from "./etcd_client.ts";
import { bytesIn, numberIn, revisionIn } from "./etcd_fields.ts";

/** The state of a member. */
export interface EtcdStatus {
  /** As in `3.4.23`. */
  readonly version: string;
  readonly revision: number;
  /** Size of its database in bytes. */
  readonly databaseBytes: number;
  readonly hasLeader: boolean;
}

/** The state of the member that answers. */
export async function etcdStatus(client: EtcdClient, call: EtcdCall): Promise<EtcdStatus> {
  const { action } = call;
  const answer = await client.ask("/v3/maintenance/status", {}, call);
  const [version, leader] = [field(answer, "version"), field(answer, "leader")];
  if (typeof version !== "string" || !/^[0-9A-Za-z.+-]{1,40}$/.test(version)) throw malformed(action);
  return {
    version,
    revision: revisionIn(answer, action),
    databaseBytes: numberIn(answer, "dbSize", action),
    hasLeader: typeof leader === "string" && leader !== "0",
  };
}

/** The file of `etcdctl snapshot save`, in parts. @throws {KmsError} also if it ends early. */
export async function* etcdSnapshot(
  client: EtcdClient,
  call: Omit<EtcdCall, "repeatable">,
): AsyncGenerator<Uint8Array> {
  let remaining: number | undefined;
  for await (const result of client.stream("/v3/maintenance/snapshot", {}, call)) {
    remaining = numberIn(result, "remaining_bytes", call.action);
    yield bytesIn(result, "blob", call.action);
  }
  if (remaining !== 0) throw malformed(call.action);
}
