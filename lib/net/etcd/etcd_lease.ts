/**
 * Leases: keys that etcd removes by itself.
 *
 * @module
 */
import { field } from "../https/fields.ts";
import { type EtcdCall, type EtcdClient, malformed } from "./etcd_client.ts";
import { numberIn } from "./etcd_fields.ts";

/** Makes a lease. @returns its ID, a number of 64 bits in decimal. */
export async function grantLease(client: EtcdClient, seconds: number, call: EtcdCall): Promise<string> {
  const id = field(await client.ask("/v3/lease/grant", { TTL: `${seconds}` }, call), "ID");
  if (typeof id !== "string" || !/^-?\d{1,19}$/.test(id)) throw malformed(call.action);
  return id;
}

/** Ends a lease and removes its keys. */
export async function revokeLease(client: EtcdClient, id: string, call: EtcdCall): Promise<void> {
  await client.ask("/v3/lease/revoke", { ID: id }, call);
}

/** Renews a lease once. @returns the seconds that it has now; 0 if it has ended. */
export async function renewLease(client: EtcdClient, id: string, call: EtcdCall): Promise<number> {
  for await (const result of client.stream("/v3/lease/keepalive", { ID: id }, call)) {
    return numberIn(result, "TTL", call.action);
  }
  throw malformed(call.action);
}
