/**
 * Checkpoints: a keyed hash over table, row key and revision of every record. Somebody who can write the store and puts
 * older rows back changes it.
 *
 * @module
 */
import { createHmac, type KeyObject, sign, verify } from "node:crypto";
import { base64url, ByteWriter, equalBytes, fieldSize, fromBase64url, utf8 } from "../../../base/bytes.ts";
import { type StoredRow, tables } from "../engine/engine.ts";
import { isCount, jsonBytes, jsonMembers } from "./json_record.ts";
import type { RecordCodec } from "./records.ts";
import type { SealedRecordStore } from "./record_store.ts";
import { recordHeader } from "./seal.ts";
import { metaKey } from "./store_format.ts";

/** A checkpoint of one consistent state. */
export interface Checkpoint {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Number of rows of all tables, without the checkpoint's own. */
  readonly rows: number;
  /** The greatest revision. */
  readonly newestRevision: number;
  /** HMAC-SHA-256, 64 hexadecimal digits. */
  readonly digest: string;
}

const checkpointName = { table: "meta", key: metaKey("checkpoint") } as const;
const textPattern =
  /^trousseau-checkpoint-1 ([0-9]{1,16}) ([0-9]{1,16}) ([0-9]{1,16}) ([0-9a-f]{64}) ([A-Za-z0-9_-]{86})$/;

const checkpointCodec: RecordCodec<Checkpoint> = {
  table: "meta",
  encode: jsonBytes,
  decode: (bytes) => {
    const { at, rows, newestRevision, digest } = jsonMembers(bytes) ?? {};
    if (!isCount(at) || !isCount(rows) || !isCount(newestRevision) || typeof digest !== "string") return undefined;
    return { at, rows, newestRevision, digest };
  },
};

/** Makes a checkpoint of the store as it is now. */
export async function makeCheckpoint(store: SealedRecordStore, signal: AbortSignal): Promise<Checkpoint> {
  const key = await store.lookupKey("checkpoint");
  const mac = createHmac("sha256", key);
  let [rows, newestRevision] = [0, 0];
  for await (const part of store.engine.snapshot(signal)) {
    for (const row of part.filter((one) => !isCheckpoint(one))) {
      const revision = row.table === "key" ? 0 : recordHeader(row.bytes)?.revision ?? 0;
      mac.update(rowBytes(row, revision));
      rows++;
      newestRevision = Math.max(newestRevision, revision);
    }
  }
  return { at: Math.floor(store.clock.wall()), rows, newestRevision, digest: mac.digest("hex") };
}

/** Stores a checkpoint of the store as it is, for {@linkcode compareCheckpoint}: at an orderly stop. */
export async function keepCheckpoint(store: SealedRecordStore, signal: AbortSignal): Promise<Checkpoint> {
  const checkpoint = await makeCheckpoint(store, signal);
  const { key } = checkpointName;
  await store.transaction((tx) => Promise.resolve(tx.put(checkpointCodec, key, checkpoint)), signal);
  return checkpoint;
}

/**
 * Compares the store with the checkpoint in it.
 *
 * @returns `changed` if a record was written since, by a server that did not stop orderly or by somebody else.
 */
export async function compareCheckpoint(
  store: SealedRecordStore,
  signal: AbortSignal,
): Promise<"same" | "changed" | "none"> {
  const kept = await store.reader(signal).get(checkpointCodec, checkpointName.key);
  if (!kept) return "none";
  const { digest } = await makeCheckpoint(store, signal);
  return digest === kept.value.digest ? "same" : "changed";
}

/** A checkpoint as a line of text, signed with an Ed25519 key. It contains no space but between its parts. */
export function signedCheckpoint({ at, rows, newestRevision, digest }: Checkpoint, key: KeyObject): string {
  const text = `trousseau-checkpoint-1 ${at} ${rows} ${newestRevision} ${digest}`;
  return `${text} ${base64url(new Uint8Array(sign(null, utf8(text), key)))}`;
}

/** The checkpoint of a line; `undefined` if it is not signed by the key. */
export function verifiedCheckpoint(line: string, publicKey: KeyObject): Checkpoint | undefined {
  const [, at, rows, newestRevision, digest = "", signature = ""] = textPattern.exec(line) ?? [];
  const bytes = fromBase64url(signature);
  const text = line.slice(0, -signature.length - 1);
  if (!bytes || signature === "" || !verify(null, utf8(text), publicKey, bytes)) return undefined;
  return { at: Number(at), rows: Number(rows), newestRevision: Number(newestRevision), digest };
}

function isCheckpoint({ table, key }: StoredRow): boolean {
  return table === checkpointName.table && equalBytes(key, checkpointName.key);
}

/** Table in one byte · key behind its length · revision in eight bytes. */
function rowBytes({ table, key }: StoredRow, revision: number): Uint8Array {
  return new ByteWriter(1 + fieldSize(key) + 8).uint8(tables[table]).field(key)
    .uint32(Math.floor(revision / 2 ** 32)).uint32(revision % 2 ** 32).written();
}
