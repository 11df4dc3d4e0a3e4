/**
 * The index record: one segment of a path. Row key: ID of the parent folder, 16 bytes, then an HMAC of parent and segment,
 * 32 bytes.
 *
 * Content: kind 1 · ID of the folder or secret 16 · name in UTF-8.
 *
 * @module
 */
import { concat, exactText, utf8 } from "../../../base/bytes.ts";
import type { RecordCodec } from "../records/records.ts";

/** The kinds of entry, with their numbers. */
const entryKinds = {
  folder: 1,
  secret: 2,
  /** A folder that had no entry; whoever adds one opens it again. */
  closing: 3,
} as const satisfies Readonly<Record<string, number>>;

const kindNames: ReadonlyMap<number, keyof typeof entryKinds> = new Map(
  Object.entries(entryKinds).map(([name, number]) => [number, name as keyof typeof entryKinds]),
);

/** An entry of a folder. */
export interface IndexEntry {
  readonly kind: keyof typeof entryKinds;
  /** 16 random bytes. */
  readonly id: Uint8Array;
  readonly name: string;
}

/** The number of bytes of the ID of a folder or secret. */
export const treeIdBytes = 16;

/** The ID of the root folder. */
export function rootFolderId(): Uint8Array {
  return new Uint8Array(treeIdBytes);
}

/** The record. */
export const indexCodec: RecordCodec<IndexEntry> = {
  table: "index",
  cached: true,
  encode: ({ kind, id, name }) => concat(Uint8Array.of(entryKinds[kind]), id, utf8(name)),
  decode: (bytes) => {
    const kind = kindNames.get(bytes[0] ?? 0);
    const name = exactText(bytes.subarray(1 + treeIdBytes));
    return kind && name ? { kind, id: bytes.slice(1, 1 + treeIdBytes), name } : undefined;
  },
};
