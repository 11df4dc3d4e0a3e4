/**
 * The format of a backup: the sealed rows of a store, as they are.
 *
 * ```text
 * head     "TKRBACK" 0x0a, format (1 byte), ID of the store (16), milliseconds since the epoch (8)
 * row      number of the table (1, not 0), length of the key (1), length of the content (4), key, content
 * end      0x00, number of rows (8), SHA-256 of all before (32)
 * ```
 *
 * Numbers are big-endian. Rows are in the order of tables and keys, so that none stands twice. The hash finds damage;
 * that nobody has changed the rows follows from their seals and from the checkpoint among them.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { beginsWith, concat, equalBytes, utf8 } from "../../../base/bytes.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { engineLimits, type RowName, type TableName, tables } from "../engine/engine.ts";

/** The head of a backup. */
export interface BackupHead {
  /** 16 bytes. */
  readonly storeId: Uint8Array;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

/** A row of a backup. */
export interface BackupRow extends RowName {
  readonly bytes: Uint8Array;
}

/** A whole backup. */
export interface BackupSummary extends BackupHead {
  readonly rows: number;
  /** SHA-256 of all but itself, 32 bytes. */
  readonly sha256: Uint8Array;
}

const magic = utf8("TKRBACK\n");
const backupFormat = 1;
const headBytes = magic.length + 1 + 16 + 8;

const tableNames: ReadonlyMap<number, TableName> = new Map(
  Object.entries(tables).map(([name, number]) => [number, name as TableName]),
);

/** The bytes of a backup. @param pages rows in the order of tables and keys. */
export async function* encodeBackup(
  { storeId, createdAt }: BackupHead,
  pages: AsyncIterable<readonly BackupRow[]>,
): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha256");
  const hashed = (bytes: Uint8Array) => {
    hash.update(bytes);
    return bytes;
  };
  yield hashed(concat(magic, Uint8Array.of(backupFormat), storeId, uint64(createdAt)));
  let rows = 0;
  for await (const page of pages) {
    rows += page.length;
    yield hashed(concat(...page.flatMap(({ table, key, bytes }) => [rowHead(table, key, bytes.length), key, bytes])));
  }
  yield hashed(concat(Uint8Array.of(0), uint64(rows)));
  yield new Uint8Array(hash.digest());
}

/** Reads a backup. {@linkcode BackupReader.rows} must be iterated to its end before the summary is known. */
export class BackupReader {
  readonly #source: HashedSource;
  #summary: BackupSummary | undefined;
  readonly head: BackupHead;

  private constructor(source: HashedSource, head: BackupHead) {
    this.#source = source;
    this.head = head;
  }

  /**
   * Reads the head.
   *
   * @throws {KeyringError} `integrity` if it is none, or of a newer format.
   */
  static async open(chunks: AsyncIterable<Uint8Array>): Promise<BackupReader> {
    const source = new HashedSource(chunks);
    const head = await source.take(headBytes);
    if (head === undefined || !beginsWith(head, magic)) throw unreadable("it is no backup of a keyring");
    const format = head[magic.length] ?? 0;
    if (format !== backupFormat) {
      throw unreadable(
        `it has format ${format}, and this version reads ${backupFormat}; use the version that wrote it`,
      );
    }
    const createdAt = numberOf(head.subarray(-8));
    return new BackupReader(source, { storeId: head.slice(magic.length + 1, magic.length + 17), createdAt });
  }

  /**
   * The rows. It ends only if the hash is right.
   *
   * @throws {KeyringError} `integrity`.
   */
  async *rows(): AsyncGenerator<BackupRow> {
    let count = 0;
    for (let last: Uint8Array = new Uint8Array();; count++) {
      const row = await this.#row();
      if (row === undefined) break;
      const name = concat(Uint8Array.of(tables[row.table]), row.key);
      if (!isGreater(name, last)) throw damaged();
      last = name;
      yield row;
    }
    const counted = await this.#source.take(8);
    const sha256 = this.#source.digest();
    const stated = await this.#source.take(32);
    const isWhole = counted !== undefined && numberOf(counted) === count && stated !== undefined &&
      equalBytes(stated, sha256) && await this.#source.take(1) === undefined;
    if (!isWhole) throw damaged();
    this.#summary = { ...this.head, rows: count, sha256 };
  }

  /** The summary, after the last row. */
  get summary(): BackupSummary {
    if (this.#summary === undefined) throw new KeyringError("internal", "The backup has not been read to its end.");
    return this.#summary;
  }

  async #row(): Promise<BackupRow | undefined> {
    const [number] = await this.#source.take(1) ?? [];
    if (number === 0) return undefined;
    const table = number === undefined ? undefined : tableNames.get(number);
    const [keyLength = 0] = await this.#source.take(1) ?? [];
    if (table === undefined || keyLength < 1 || keyLength > engineLimits.keyBytes) throw damaged();
    const length = await this.#source.take(4);
    if (length === undefined || numberOf(length) > engineLimits.rowBytes) throw damaged();
    const key = await this.#source.take(keyLength);
    const bytes = await this.#source.take(numberOf(length));
    if (key === undefined || bytes === undefined) throw damaged();
    return { table, key, bytes };
  }
}

/**
 * Reads a backup to its end.
 *
 * @throws {KeyringError} `integrity`.
 */
export async function verifyBackup(chunks: AsyncIterable<Uint8Array>): Promise<BackupSummary> {
  const reader = await BackupReader.open(chunks);
  for await (const _ of reader.rows());
  return reader.summary;
}

/** Takes bytes of known number from chunks of any size, and hashes them. */
class HashedSource {
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #hash = createHash("sha256");
  #rest: Uint8Array = new Uint8Array();

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** A copy of the next bytes; `undefined` if there are fewer. */
  async take(length: number): Promise<Uint8Array | undefined> {
    const parts: Uint8Array[] = [];
    for (let left = length; left > 0;) {
      if (this.#rest.length === 0) {
        const next = await this.#chunks.next();
        if (next.done === true) return undefined;
        this.#rest = next.value;
      }
      const part = this.#rest.subarray(0, left);
      parts.push(part);
      this.#rest = this.#rest.subarray(part.length);
      left -= part.length;
    }
    const taken = concat(...parts);
    this.#hash.update(taken);
    return taken;
  }

  /** The hash of what was taken so far. */
  digest(): Uint8Array {
    return new Uint8Array(this.#hash.copy().digest());
  }
}

function rowHead(table: TableName, key: Uint8Array, length: number): Uint8Array {
  return concat(Uint8Array.of(tables[table], key.length), uint64(length).subarray(4));
}

function uint64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}

/** A big-endian number; not exact above 2^53, where it is no valid count, size or time. */
function numberOf(bytes: Uint8Array): number {
  return bytes.reduce((number, byte) => number * 256 + byte, 0);
}

function isGreater(one: Uint8Array, other: Uint8Array): boolean {
  const at = one.findIndex((byte, index) => byte !== other[index]);
  return at >= 0 && (one[at] ?? 0) > (other[at] ?? -1);
}

function damaged(): KeyringError {
  return unreadable("it is damaged or cut off; use another copy");
}

function unreadable(why: string): KeyringError {
  return new KeyringError("integrity", `Cannot read the backup: ${why}.`);
}
