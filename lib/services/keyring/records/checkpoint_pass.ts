/**
 * One pass over a store: it is compared with its last checkpoint, and the next one is made. Both lists are in one order, so
 * that the memory in use does not depend on the number of rows.
 *
 * @module
 */
import { createHmac, type KeyObject } from "node:crypto";
import type { StoredRow, TableName } from "../engine/engine.ts";
import {
  type Checkpoint,
  type CheckpointEntry,
  checkpointEntryBytes,
  signedCheckpoint,
  verifiedCheckpoint,
} from "./checkpoint.ts";
import { CheckpointListReader, CheckpointListWriter, compareEntries, type ReadEntry } from "./checkpoint_list.ts";
import type { SealedRecordStore } from "./record_store.ts";
import { recordHeader } from "./seal.ts";

/** A store, and the file with its checkpoint. */
export interface CheckpointPlace {
  readonly store: SealedRecordStore;
  readonly path: string;
  /** Ed25519. */
  readonly signingKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** The difference of a store from its last checkpoint. */
export interface CheckpointDifference {
  /** `none`: there is no checkpoint; `damaged`: its file is not one of this store. */
  readonly checkpoint: "none" | "damaged" | "read";
  /** Time of the checkpoint in milliseconds since the epoch. */
  readonly since?: number;
  /** Rows with an older revision than at the checkpoint, and rows of before it that it does not have. */
  readonly putBack: number;
  /** Rows of the checkpoint that no server can have deleted. */
  readonly missing: number;
  /** The tables of both. */
  readonly tables: readonly TableName[];
}

/** The result of a pass. */
export interface CheckpointResult {
  readonly difference: CheckpointDifference;
  readonly checkpoint: Checkpoint;
  /** Signed. */
  readonly line: string;
}

/** Milliseconds by which a revision can lie before one that was written earlier: the clocks of several servers differ, and a
 * write has its revision before it is committed. */
const revisionSkewMs = 60_000;

/** Rows after which other work may run. */
const turn = 512;

/** A pass that has begun: later changes of the store are not seen. */
export class CheckpointPass implements AsyncDisposable {
  readonly #place: CheckpointPlace;
  readonly #rows: AsyncIterator<readonly StoredRow[]>;
  readonly #first: IteratorResult<readonly StoredRow[]>;

  private constructor(
    place: CheckpointPlace,
    rows: AsyncIterator<readonly StoredRow[]>,
    first: IteratorResult<readonly StoredRow[]>,
  ) {
    this.#place = place;
    this.#rows = rows;
    this.#first = first;
  }

  /** Takes the state of the store as it is now. @throws {KeyringError} `store_unavailable` */
  static async begin(place: CheckpointPlace, signal: AbortSignal): Promise<CheckpointPass> {
    const rows = place.store.engine.snapshot(signal)[Symbol.asyncIterator]();
    return new CheckpointPass(place, rows, await rows.next());
  }

  /**
   * Compares all rows.
   *
   * @param note called with the difference before the new checkpoint replaces the one in the file; without it, the file stays.
   * @throws {KeyringError} `store_unavailable`, `kms_unavailable`. @throws {Error} of the file system.
   */
  async end(note?: (difference: CheckpointDifference) => Promise<void>): Promise<CheckpointResult> {
    const { store, path, signingKey } = this.#place;
    const key = await store.lookupKey("checkpoint");
    using list = await CheckpointListReader.open(path);
    await using writer = note === undefined ? undefined : await CheckpointListWriter.open(path);
    const comparison = new Comparison(this.#place, key, list);
    const mac = createHmac("sha256", key);
    let [rows, newestRevision] = [0, 0];
    for await (const row of this.#all()) {
      const entry = entryOf(row);
      const bytes = checkpointEntryBytes(entry);
      mac.update(bytes);
      await writer?.add(bytes);
      await comparison.row(entry);
      newestRevision = Math.max(newestRevision, entry.revision);
      if (++rows % turn === 0) await new Promise<void>((resolve) => setTimeout(resolve));
    }
    const checkpoint = { at: Math.floor(store.clock.wall()), rows, newestRevision, digest: mac.digest("hex") };
    const difference = await comparison.end();
    const line = signedCheckpoint(checkpoint, signingKey);
    await note?.(difference);
    await writer?.end(line);
    return { difference, checkpoint, line };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#rows.return?.();
  }

  async *#all(): AsyncGenerator<StoredRow> {
    for (let part = this.#first; part.done !== true; part = await this.#rows.next()) yield* part.value;
  }
}

/** Rows of one kind, and their tables. */
class RowCount {
  count = 0;
  readonly tables = new Set<TableName>();

  /** A store key that is gone, or that is another one, is found when a record is opened. */
  add({ table }: CheckpointEntry): void {
    if (table === "key") return;
    this.count++;
    this.tables.add(table);
  }
}

/** Walks the list of a checkpoint beside the rows of a store. */
class Comparison {
  readonly #list: CheckpointListReader | undefined;
  readonly #kept: Checkpoint | undefined;
  readonly #mac: ReturnType<typeof createHmac>;
  readonly #isShared: boolean;
  readonly #putBack = new RowCount();
  readonly #missing = new RowCount();
  /** Rows that the list lacks, and that are hardly older than the checkpoint. */
  readonly #recent = new RowCount();
  #newest = 0;
  #listed: ReadEntry | undefined;
  #hasBegun = false;

  constructor({ store, publicKey }: CheckpointPlace, key: Uint8Array, list: CheckpointListReader | undefined) {
    this.#list = list;
    this.#kept = verifiedCheckpoint(list?.line ?? "", publicKey);
    this.#isShared = store.engine.kind === "etcd";
    this.#mac = createHmac("sha256", key);
  }

  async row(row: CheckpointEntry): Promise<void> {
    if (this.#kept === undefined) return;
    if (!this.#hasBegun) await this.#next();
    this.#hasBegun = true;
    this.#newest = Math.max(this.#newest, row.revision);
    while (this.#listed !== undefined && compareEntries(this.#listed, row) < 0) {
      this.#missing.add(this.#listed);
      await this.#next();
    }
    if (this.#listed === undefined || compareEntries(this.#listed, row) > 0) {
      return this.#added(row, this.#kept.newestRevision);
    }
    const least = this.#listed.revision - (this.#isShared ? revisionSkewMs : 0);
    // A row without a revision is damaged: it does not open.
    if (row.revision < least && row.revision > 0) this.#putBack.add(row);
    await this.#next();
  }

  async end(): Promise<CheckpointDifference> {
    const none = { putBack: 0, missing: 0, tables: [] };
    if (this.#list === undefined) return { checkpoint: "none", ...none };
    for (; this.#listed !== undefined; await this.#next()) this.#missing.add(this.#listed);
    const { at, digest, newestRevision } = this.#kept ?? {};
    if (at === undefined || newestRevision === undefined || digest !== this.#mac.digest("hex")) {
      return { checkpoint: "damaged", ...none };
    }
    // A server writes a row before its first deletion: without a newer row, no server has changed anything since.
    const isUnchanged = !this.#isShared && this.#newest <= newestRevision;
    const found = [this.#putBack, ...(isUnchanged ? [this.#recent, this.#missing] : [])];
    return {
      checkpoint: "read",
      since: at,
      putBack: this.#putBack.count + (isUnchanged ? this.#recent.count : 0),
      missing: isUnchanged ? this.#missing.count : 0,
      tables: [...new Set(found.flatMap(({ tables }) => [...tables]))],
    };
  }

  #added(row: CheckpointEntry, newestRevision: number): void {
    if (row.revision > newestRevision) return;
    (row.revision <= newestRevision - revisionSkewMs ? this.#putBack : this.#recent).add(row);
  }

  async #next(): Promise<void> {
    this.#listed = await this.#list?.next();
    if (this.#listed !== undefined) this.#mac.update(this.#listed.bytes);
  }
}

function entryOf({ table, key, bytes }: StoredRow): CheckpointEntry {
  return { table, key, revision: table === "key" ? 0 : recordHeader(bytes)?.revision ?? 0 };
}
