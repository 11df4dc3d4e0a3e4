/**
 * Rows of the bucket `key` of an etcd member's database, for tests.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import protobuf from "protobufjs";
import type { BoltPair } from "./bolt_pages.ts";

/** One write. Without a value it is a deletion. */
export interface EtcdWrite {
  readonly revision: number;
  readonly key: string;
  readonly value?: Uint8Array;
}

/** The row that etcd writes. */
export function etcdRow({ revision, key, value }: EtcdWrite): BoltPair {
  const at = Buffer.alloc(value === undefined ? 18 : 17);
  at.writeBigUInt64BE(BigInt(revision));
  at.write("_", 8);
  if (value === undefined) at.write("t", 17);
  const writer = protobuf.Writer.create().uint32(0x0a).bytes(Buffer.from(key));
  if (value !== undefined) {
    writer.uint32(0x10).uint32(1).uint32(0x18).uint32(revision).uint32(0x20).uint32(1).uint32(0x2a).bytes(value);
  }
  return [new Uint8Array(at), writer.finish()];
}
