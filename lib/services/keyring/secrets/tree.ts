/**
 * The tree of paths: folders with random IDs, and under each the HMACs of its segments.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { beginsWith, concat, hex, utf8 } from "../../../base/bytes.ts";
import { type FolderPath, parentOf, type SecretPath, segmentsOf } from "../../../api/keyring/paths.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import type { FetchedRecord, OpenedRecord, RecordReader, RecordStore, RecordTransaction } from "../records/records.ts";
import type { RowName } from "../engine/engine.ts";
import { importListName } from "./import_records.ts";
import { indexCodec, type IndexEntry, rootFolderId, treeIdBytes } from "./index_record.ts";
import { metadataCodec, type StoredSecret } from "./metadata_record.ts";
import { type TreeHint, TreeHints } from "./tree_hints.ts";
import { valueKey } from "./value_record.ts";

/** A secret that was found, with the row of the index that led to it. */
export interface FoundSecret {
  /** 16 bytes. */
  readonly id: Uint8Array;
  readonly metadata: OpenedRecord<StoredSecret>;
  readonly indexKey: Uint8Array;
  /** The row of the newest version, if it was fetched in the same call. */
  readonly value?: FetchedRecord;
  /** The row of the unfinished imports, from the same call. */
  readonly imports?: FetchedRecord;
}

/** Folders that a transaction has made, by parent and name: a transaction does not read its own writes. */
export type MadeFolders = Map<string, Uint8Array>;

/** Number of rows of one scan. */
const scanRows = 1_000;

/** See the module. */
export class SecretTree {
  readonly #store: RecordStore;
  readonly #hints = new TreeHints();

  constructor(store: RecordStore) {
    this.#store = store;
  }

  /**
   * The secret at a path. The path in its metadata is compared: a row of the index that leads elsewhere is `integrity`.
   *
   * @param withValue whether to fetch the newest value in the same call, where that is possible.
   */
  async find(reader: RecordReader, path: SecretPath, withValue = false): Promise<FoundSecret | undefined> {
    return await this.#findAtHints(reader, path, withValue) ?? await this.#findByWalk(reader, path);
  }

  /** As {@linkcode SecretTree.find} for an answer to a caller: a path that `reindex` has moved meanwhile is found. */
  async findSurely(reader: RecordReader, path: SecretPath, withValue = false): Promise<FoundSecret | undefined> {
    const found = await this.find(reader, path, withValue);
    return found ?? (await reader.keysChanged() ? await this.#findByWalk(reader, path) : undefined);
  }

  /** The ID of a folder. */
  async folder(reader: RecordReader, path: FolderPath): Promise<Uint8Array | undefined> {
    const walked = await this.#walk(reader, path);
    if (walked || !await reader.keysChanged()) return walked;
    return await this.#walk(reader, path);
  }

  /** All entries of a folder, in no order. A folder that is being removed is left out if it is empty. */
  async *entries(reader: RecordReader, folderId: Uint8Array): AsyncIterable<OpenedRecord<IndexEntry>> {
    let after: Uint8Array | undefined;
    for (;;) {
      const rows = await reader.scan(indexCodec, { prefix: folderId, limit: scanRows, ...(after && { after }) });
      for (const row of rows) {
        if (row.value.kind !== "closing" || !await this.#isEmpty(reader, row.value.id)) yield row;
      }
      if (rows.length < scanRows) return;
      after = rows.at(-1)?.key;
    }
  }

  /** Adds the row for a path that does not exist, and the folders on the way. */
  async add(
    tx: RecordTransaction,
    path: SecretPath,
    id: Uint8Array,
    made: MadeFolders = new Map(),
  ): Promise<void> {
    const segments = segmentsOf(path);
    let parent = (await this.#walkAtHints(tx, parentOf(path), "open"))?.id;
    if (!parent) {
      parent = rootFolderId();
      for (const segment of segments.slice(0, -1)) parent = await this.#openFolder(tx, parent, segment, made);
    }
    const name = segments.at(-1) ?? "";
    const [key = parent] = await entryKeys(tx, parent, name, "secret");
    tx.put(indexCodec, key, { kind: "secret", id, name });
  }

  /** Forgets where a path was, after a transaction that moved it. */
  forget(path: SecretPath): void {
    this.#hints.forget(path);
  }

  /**
   * Removes a folder that has become empty, and those above it. A folder is closed first: whoever adds an entry reads its
   * row and opens it again, so that one of the two transactions fails.
   */
  async prune(folder: FolderPath, signal: AbortSignal): Promise<void> {
    for (let path = folder; path !== ""; path = parentOf(path)) {
      if (!await this.#removeIfEmpty(path, signal)) return;
      this.#hints.forget(path);
    }
  }

  async #removeIfEmpty(path: FolderPath, signal: AbortSignal): Promise<boolean> {
    const isClosed = await this.#store.transaction(async (tx) => {
      const row = await this.#folderRow(tx, path);
      if (!row || !await this.#isEmpty(tx, row.value.id)) return false;
      tx.put(indexCodec, row.key, { ...row.value, kind: "closing" });
      return true;
    }, signal);
    if (!isClosed) return false;
    return await this.#store.transaction(async (tx) => {
      const row = await this.#folderRow(tx, path);
      if (row?.value.kind !== "closing") return false;
      const isEmpty = await this.#isEmpty(tx, row.value.id);
      if (isEmpty) tx.delete(indexCodec, row.key);
      else tx.put(indexCodec, row.key, { ...row.value, kind: "folder" });
      return isEmpty;
    }, signal);
  }

  async #folderRow(reader: RecordReader, path: FolderPath): Promise<OpenedRecord<IndexEntry> | undefined> {
    const parent = await this.#walk(reader, parentOf(path));
    return parent && await entryOf(reader, parent, segmentsOf(path).at(-1) ?? "", "folder");
  }

  async #isEmpty(reader: RecordReader, folderId: Uint8Array): Promise<boolean> {
    return (await reader.scan(indexCodec, { prefix: folderId, limit: 1 })).length === 0;
  }

  async #openFolder(
    tx: RecordTransaction,
    parent: Uint8Array,
    name: string,
    made: MadeFolders,
  ): Promise<Uint8Array> {
    const place = `${hex(parent)} ${name}`;
    const known = made.get(place);
    if (known) return known;
    const found = await entryOf(tx, parent, name, "folder");
    if (found?.value.kind === "folder") return found.value.id;
    const id = found?.value.id ?? newTreeId();
    const [key = parent] = found ? [found.key] : await entryKeys(tx, parent, name, "folder");
    tx.put(indexCodec, key, { kind: "folder", id, name });
    made.set(place, id);
    return id;
  }

  async #walk(reader: RecordReader, path: FolderPath): Promise<Uint8Array | undefined> {
    return (await this.#walkAtHints(reader, path))?.id ?? await this.#walkBySteps(reader, path);
  }

  /** The folder, if all rows on the way are where they were; `open`: and none is being removed. */
  async #walkAtHints(
    reader: RecordReader,
    path: FolderPath,
    which: "any" | "open" = "any",
  ): Promise<Pick<TreeHint, "id"> | undefined> {
    const hints = this.#hintsOf(path);
    if (!hints) return undefined;
    const rows = await reader.getMany(indexCodec, hints.map(({ key }) => key));
    let parent = rootFolderId();
    for (const [index, segment] of segmentsOf(path).entries()) {
      const [hint, row] = [hints[index], rows[index]];
      if (!hint || !row || !leadsTo(row, hint, parent, segment)) return void this.#hints.forget(path);
      if (which === "open" && row.value.kind !== "folder") return undefined;
      parent = row.value.id;
    }
    return { id: parent };
  }

  async #walkBySteps(reader: RecordReader, path: FolderPath): Promise<Uint8Array | undefined> {
    let id = rootFolderId();
    let at = "";
    for (const segment of segmentsOf(path)) {
      const row = await entryOf(reader, id, segment, "folder");
      if (!row) return undefined;
      at += `${segment}/`;
      id = row.value.id;
      this.#hints.note(at as FolderPath, { key: row.key, id });
    }
    return id;
  }

  async #findByWalk(reader: RecordReader, path: SecretPath): Promise<FoundSecret | undefined> {
    const folder = await this.#walk(reader, parentOf(path));
    const row = folder && await entryOf(reader, folder, segmentsOf(path).at(-1) ?? "", "secret");
    if (!row) return undefined;
    // Both in one state: a move between two reads would look as if the store was changed.
    const names: RowName[] = [{ table: "index", key: row.key }, { table: "metadata", key: row.value.id }];
    const [index, metadata, imports] = await reader.fetch([...names, importListName]);
    const again = index && await reader.open(indexCodec, index);
    if (!again || !beginsWith(again.value.id, row.value.id)) return undefined;
    const found = await checkedSecret(reader, path, again, metadata);
    return this.#noted(path, { ...found, ...(imports && { imports }) });
  }

  /** The secret, if all rows on the way are where they were. */
  async #findAtHints(reader: RecordReader, path: SecretPath, value: boolean): Promise<FoundSecret | undefined> {
    const hints = this.#hintsOf(path);
    const last = hints?.at(-1);
    if (!hints || !last) return undefined;
    const names: RowName[] = hints.map(({ key }) => ({ table: "index", key }));
    const values: RowName[] = value ? [{ table: "value", key: valueKey(last.id, last.version ?? 1) }] : [];
    const fetched = await reader.fetch([...names, { table: "metadata", key: last.id }, importListName, ...values]);
    const [metadata, imports, fetchedValue] = fetched.slice(names.length);
    let parent = rootFolderId();
    for (const [index, segment] of segmentsOf(path).entries()) {
      const [hint, one] = [hints[index], fetched[index]];
      const row = one && await reader.open(indexCodec, one);
      if (!hint || !row || !leadsTo(row, hint, parent, segment)) return void this.#hints.forget(path);
      if (index === hints.length - 1) {
        const found = await checkedSecret(reader, path, row, metadata);
        const beside = { ...(imports && { imports }), ...(fetchedValue && { value: fetchedValue }) };
        return this.#noted(path, { ...found, ...beside });
      }
      parent = row.value.id;
    }
    return undefined;
  }

  #noted(path: SecretPath, found: FoundSecret): FoundSecret {
    const { id, indexKey, metadata: { value: { currentVersion } } } = found;
    this.#hints.note(path, { key: indexKey, id, version: currentVersion });
    return found;
  }

  /** The known IDs of a path and of the folders on the way; none for the root. */
  #hintsOf(path: SecretPath | FolderPath): readonly TreeHint[] | undefined {
    const hints = path === "" ? [] : [this.#hints.get(path)];
    for (let folder = parentOf(path); folder !== ""; folder = parentOf(folder)) hints.unshift(this.#hints.get(folder));
    return hints.every((hint) => hint !== undefined) ? hints : undefined;
  }
}

/** A new ID of a folder or secret. */
export function newTreeId(): Uint8Array {
  return new Uint8Array(randomBytes(treeIdBytes));
}

/** The failure for rows of a path that do not belong together. */
export function misledPath(path: SecretPath | FolderPath): KeyringError {
  const message = `The index does not lead to "${path}": the store was changed or damaged; restore a backup.`;
  return new KeyringError("integrity", message);
}

/** The keys under which the row of a segment may be, that of the current index key first. */
export async function entryKeys(
  reader: RecordReader,
  parent: Uint8Array,
  name: string,
  kind: "folder" | "secret",
): Promise<readonly Uint8Array[]> {
  return (await reader.lookupKeys(kind, parent, utf8(name))).map((mac) => concat(parent, mac));
}

async function entryOf(
  reader: RecordReader,
  parent: Uint8Array,
  name: string,
  kind: "folder" | "secret",
): Promise<OpenedRecord<IndexEntry> | undefined> {
  const rows = await reader.getMany(indexCodec, await entryKeys(reader, parent, name, kind));
  const row = rows.find((one) => one !== undefined);
  if (row && (row.value.name !== name || (row.value.kind === "secret") !== (kind === "secret"))) {
    throw misledPath(name as SecretPath);
  }
  return row;
}

function leadsTo(row: OpenedRecord<IndexEntry>, { id }: TreeHint, parent: Uint8Array, name: string): boolean {
  return row.value.name === name && beginsWith(row.value.id, id) && beginsWith(row.key, parent);
}

async function checkedSecret(
  reader: RecordReader,
  path: SecretPath,
  row: OpenedRecord<IndexEntry>,
  fetched: FetchedRecord | undefined,
): Promise<FoundSecret> {
  const metadata = fetched && await reader.open(metadataCodec, fetched);
  if (!metadata || metadata.value.path !== path) throw misledPath(path);
  return { id: row.value.id, metadata, indexKey: row.key };
}
