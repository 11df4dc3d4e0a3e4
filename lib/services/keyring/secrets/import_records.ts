/**
 * The records of an import: the list of imports that are not finished, the state of each, and its claims.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { ByteReader, ByteWriter, hex } from "../../../base/bytes.ts";
import { isCount, jsonBytes, jsonMembers } from "../records/json_record.ts";
import type { RecordCodec } from "../records/records.ts";
import { treeIdBytes } from "./index_record.ts";
import { metadataCodec, type StoredSecret } from "./metadata_record.ts";

/** The states of an import. */
const importStates = {
  /** Rows are being written that no reader sees. */
  staging: true,
  /** All its secrets exist; they are moved to their places. */
  committed: true,
  /** None of its secrets exists; its rows are being deleted. */
  aborted: true,
} as const satisfies Readonly<Record<string, true>>;

/** The state of an import. Times are in milliseconds since the epoch. */
export interface StoredImport {
  readonly state: keyof typeof importStates;
  /** From then on an import that is not committed is removed. */
  readonly leaseUntil: number;
}

/** A path that an import has claimed, and what it puts there. */
export interface Claim {
  /** 16 bytes. */
  readonly importId: Uint8Array;
  /** ID of the secret, 16 bytes. */
  readonly id: Uint8Array;
  /** The newest version before the import; 0 for a new secret. */
  readonly base: number;
  /** Path, labels, expiry and the one version that is added. */
  readonly secret: StoredSecret;
}

/** The row of {@linkcode importListCodec}: each reader and writer of secrets looks at it. */
export const importListName = { table: "meta", key: new TextEncoder().encode("imports") } as const;

/** IDs in hexadecimal of the imports that are not finished. There is no row if there are none. */
export const importListCodec: RecordCodec<readonly string[]> = {
  table: "meta",
  encode: (active) => jsonBytes({ active }),
  decode: (bytes) => {
    const { active } = jsonMembers(bytes) ?? {};
    return Array.isArray(active) && active.every((id) => typeof id === "string") ? active : undefined;
  },
};

/** The record of an import. Row key: its ID. */
export const importCodec: RecordCodec<StoredImport> = {
  table: "import",
  encode: jsonBytes,
  decode: (bytes) => {
    const { state, leaseUntil } = jsonMembers(bytes) ?? {};
    if (typeof state !== "string" || !Object.hasOwn(importStates, state) || !isCount(leaseUntil)) return undefined;
    return { state: state as StoredImport["state"], leaseUntil };
  },
};

/** The record of a claim. Content: ID of the import 16 · ID of the secret 16 · version before 4 · metadata. */
export const claimCodec: RecordCodec<Claim> = {
  table: "claim",
  encode: ({ importId, id, base, secret }) => {
    const metadata = metadataCodec.encode(secret);
    const writer = new ByteWriter(2 * treeIdBytes + 4 + metadata.length);
    return writer.bytes(importId).bytes(id).uint32(base).bytes(metadata).written().slice();
  },
  decode: (bytes) => {
    const reader = new ByteReader(bytes);
    const [importId, id] = [reader.take(treeIdBytes), reader.take(treeIdBytes)];
    const [high, low] = [reader.uint16(), reader.uint16()];
    const secret = metadataCodec.decode(reader.rest() ?? new Uint8Array(0));
    if (!importId || !id || high === undefined || low === undefined || !secret) return undefined;
    return { importId: importId.slice(), id: id.slice(), base: high * 65_536 + low, secret };
  },
};

/** The ID of an import from hexadecimal. */
export function importIdOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "hex"));
}

/** Whether a claim is of an import. */
export function isClaimOf({ importId }: Claim, id: Uint8Array): boolean {
  return hex(importId) === hex(id);
}
