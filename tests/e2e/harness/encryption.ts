/**
 * The two KMS APIs, and the form of the values in etcd under each.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import protobuf from "protobufjs";
import type { Entry } from "./etcd.ts";

/** The API between the API server and the plugin. */
export type KmsApi = "v2" | "v1beta1";

/** The plugin's name in etcd. */
const providerName = "trousseau";

/** The flags of an API server for `api`. */
export function flagsFor(api: KmsApi): string[] {
  return api === "v2" ? [] : ["--feature-gates=KMSv1=true"];
}

/** Whether a value in etcd was sealed by the plugin. */
export function isSealed({ value }: Entry, api: KmsApi): boolean {
  const prefix = `k8s:enc:kms:${api === "v2" ? "v2" : "v1"}:${providerName}:`;
  return Buffer.from(value.subarray(0, prefix.length)).toString("latin1") === prefix;
}

/** The entries of the kinds in the configuration, which must be sealed. */
export function guarded(entries: readonly Entry[]): Entry[] {
  return entries.filter(({ key }) => key.startsWith("/registry/secrets/") || key.startsWith("/registry/configmaps/"));
}

/** The key ID in a value that was sealed under v2: the second field of the API server's protobuf message. */
export function keyIdIn({ value }: Entry): string {
  const reader = protobuf.Reader.create(value.subarray(`k8s:enc:kms:v2:${providerName}:`.length));
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === (2 << 3 | 2)) return reader.string();
    reader.skipType(tag & 7);
  }
  throw new Error("The value holds no key ID.");
}
