/**
 * Checkpoints: a keyed hash over table, row key and revision of every record. Somebody who can write the store and puts
 * older rows back changes it.
 *
 * @module
 */
import { type KeyObject, sign, verify } from "node:crypto";
import { base64url, ByteWriter, fieldSize, fromBase64url, utf8 } from "../../../base/bytes.ts";
import { type RowName, tables } from "../engine/engine.ts";

/** A checkpoint of one consistent state. */
export interface Checkpoint {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Number of rows of all tables. */
  readonly rows: number;
  /** The greatest revision. */
  readonly newestRevision: number;
  /** HMAC-SHA-256 of the entries of all rows, 64 hexadecimal digits. */
  readonly digest: string;
}

/** The part of a row that a checkpoint covers. */
export interface CheckpointEntry extends RowName {
  /** 0 for the table `key`, whose rows have none. */
  readonly revision: number;
}

const textPattern =
  /^trousseau-checkpoint-1 ([0-9]{1,16}) ([0-9]{1,16}) ([0-9]{1,16}) ([0-9a-f]{64}) ([A-Za-z0-9_-]{86})$/;

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

/** The entry of a row: table in one byte · key behind its length in four bytes · revision in eight bytes. */
export function checkpointEntryBytes({ table, key, revision }: CheckpointEntry): Uint8Array {
  return new ByteWriter(1 + fieldSize(key) + 8).uint8(tables[table]).field(key)
    .uint32(Math.floor(revision / 2 ** 32)).uint32(revision % 2 ** 32).written();
}
