/**
 * Verifies a whole store in one consistent state: each record opens, and index, metadata and values belong together.
 *
 * @module
 */
import { hex } from "../../../base/bytes.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import type { StoredRow, TableName } from "../engine/engine.ts";
import { rawContent, type RowContexts } from "../records/raw_rows.ts";
import type { OpenedRecord, RecordDecoder, RecordReader } from "../records/records.ts";
import type { SealedRecordStore } from "../records/record_store.ts";
import { type Claim, claimCodec } from "./import_records.ts";
import { indexCodec, type IndexEntry, rootFolderId, treeIdBytes } from "./index_record.ts";
import { metadataCodec, type StoredSecret, type StoredVersion } from "./metadata_record.ts";
import { valueContext } from "./value_contexts.ts";
import { valueCodec, valueKey } from "./value_record.ts";

/** How a store is verified. */
export interface VerifyCall {
  readonly signal: AbortSignal;
  /** The contexts of codecs of other tables than those of secrets. */
  readonly contexts?: RowContexts;
  /** Called with the number of rows that were read so far. */
  readonly onProgress?: (rows: number) => void;
}

/** The result. */
export interface VerifyReport {
  /** Number of rows by table. */
  readonly rows: Readonly<Partial<Record<TableName, number>>>;
  readonly secrets: number;
  /** Number of versions whose value was opened. */
  readonly values: number;
  /** The first 100 problems, a sentence each; no value. */
  readonly problems: readonly string[];
  readonly problemCount: number;
}

const maxProblems = 100;

/** Number of rows that are read before other work may run. */
const turn = 64;

/** Verifies a store. Problems are in the report. @throws {KeyringError} `kms_unavailable`, `store_unavailable`. */
export async function verifyStore(store: SealedRecordStore, call: VerifyCall): Promise<VerifyReport> {
  const run = new Verification(store, call);
  await store.ready(call.signal);
  let rows = 0;
  // Tables come in the order of their numbers: index, metadata, values.
  for await (const part of store.engine.snapshot(call.signal)) {
    for (const [index, row] of part.entries()) {
      if (index % turn === turn - 1) await new Promise<void>((resolve) => setTimeout(resolve));
      await run.row(row);
    }
    call.onProgress?.(rows += part.length);
  }
  return run.report();
}

/** A folder or secret of the index. */
interface IndexPlace {
  readonly parent: string;
  readonly entry: IndexEntry;
}

class Verification {
  readonly #reader: RecordReader;
  readonly #contexts: RowContexts;
  readonly #rows: Partial<Record<TableName, number>> = {};
  readonly #folders = new Map<string, IndexPlace>();
  readonly #secrets = new Map<string, IndexPlace>();
  /** Versions whose value has not been met yet, by the key of the value. */
  readonly #awaited = new Map<string, StoredVersion & { readonly path: string }>();
  readonly #metadata = new Set<string>();
  /** Values that no metadata names, by their keys: a claim may. */
  readonly #strays = new Map<string, StoredRow>();
  readonly #problems: string[] = [];
  #problemCount = 0;
  #values = 0;

  constructor(store: SealedRecordStore, { signal, contexts = {} }: VerifyCall) {
    this.#reader = store.reader(signal);
    this.#contexts = contexts;
  }

  async row(row: StoredRow): Promise<void> {
    this.#rows[row.table] = (this.#rows[row.table] ?? 0) + 1;
    switch (row.table) {
      // The table of keys was decoded as a whole when the store was opened.
      case "key":
        return;
      case "index":
        return this.#index(await this.#opened(indexCodec, row));
      case "metadata":
        return this.#secret(await this.#opened(metadataCodec, row));
      case "value":
        return await this.#value(row);
      case "claim":
        return await this.#claim(await this.#opened(claimCodec, row));
      default:
        await this.#try(row, () => rawContent(this.#reader, row, this.#contexts));
    }
  }

  report(): VerifyReport {
    for (const [id, { entry }] of this.#secrets) {
      if (!this.#metadata.has(id)) this.#problem(`The index names the secret "${entry.name}", which has no metadata.`);
    }
    for (const { version, path } of this.#awaited.values()) {
      this.#problem(`Version ${version} of "${path}" has no value.`);
    }
    for (const { key } of this.#strays.values()) this.#problem(`The value ${hex(key)} belongs to no version.`);
    const [secrets, values, problemCount] = [this.#metadata.size, this.#values, this.#problemCount];
    return { rows: this.#rows, secrets, values, problems: this.#problems, problemCount };
  }

  #index(row: OpenedRecord<IndexEntry> | undefined): void {
    if (!row) return;
    const place = { parent: hex(row.key.subarray(0, treeIdBytes)), entry: row.value };
    const places = row.value.kind === "secret" ? this.#secrets : this.#folders;
    const id = hex(row.value.id);
    if (places.has(id)) this.#problem(`The index has two entries for one ${row.value.kind}, "${row.value.name}".`);
    places.set(id, place);
  }

  #secret(row: OpenedRecord<StoredSecret> | undefined): void {
    if (!row) return;
    const { path, versions } = row.value;
    this.#metadata.add(hex(row.key));
    const shown = this.#pathOf(hex(row.key));
    if (shown === undefined) this.#problem(`The index does not name the secret "${path}".`);
    else if (shown !== path) this.#problem(`The index leads to the secret "${path}" as "${shown}".`);
    for (const version of versions.filter(({ state }) => state === "live" || state === "deleted")) {
      this.#awaited.set(hex(valueKey(row.key, version.version)), { ...version, path });
    }
  }

  async #value(row: StoredRow): Promise<void> {
    const key = hex(row.key);
    const version = this.#awaited.get(key);
    this.#awaited.delete(key);
    if (!version) return void this.#strays.set(key, row);
    const opened = await this.#opened(valueCodec(version.fields.map(({ name }) => name)), row);
    if (!opened) return;
    this.#values++;
    if (opened.value.hash !== version.hash) {
      this.#problem(`Version ${version.version} of "${version.path}" is not the value that its metadata was made for.`);
    }
  }

  async #claim(row: OpenedRecord<Claim> | undefined): Promise<void> {
    if (!row) return;
    const key = valueKey(row.value.id, row.value.base + 1);
    const stray = this.#strays.get(hex(key));
    this.#strays.delete(hex(key));
    const [version] = row.value.secret.versions;
    const context = version && valueContext(version, key);
    if (stray) await this.#try(stray, () => rawContent(this.#reader, stray, { value: () => Promise.resolve(context) }));
  }

  /** The path by which the index leads to a secret. */
  #pathOf(id: string): string | undefined {
    const root = hex(rootFolderId());
    let place = this.#secrets.get(id);
    const names: string[] = [];
    // A loop of folders would be longer than any path.
    while (place && names.length <= 16) {
      names.unshift(place.entry.name);
      if (place.parent === root) return names.join("/");
      place = this.#folders.get(place.parent);
    }
    return undefined;
  }

  async #opened<Value>(codec: RecordDecoder<Value>, row: StoredRow): Promise<OpenedRecord<Value> | undefined> {
    const { cached: _cached, ...uncached } = codec;
    return await this.#try(row, () => this.#reader.open(uncached, { name: row, row }));
  }

  async #try<Result>({ table, key, version }: StoredRow, open: () => Promise<Result>): Promise<Result | undefined> {
    try {
      return await open();
    } catch (thrown) {
      if (!(thrown instanceof KeyringError) || thrown.code !== "integrity") throw thrown;
      this.#problem(`The row ${hex(key)} of the table "${table}", version ${version}, does not verify.`);
      return undefined;
    }
  }

  #problem(sentence: string): void {
    this.#problemCount++;
    if (this.#problems.length < maxProblems) this.#problems.push(sentence);
  }
}
