/**
 * The entries of folders in memory, opened and sorted. A list is given out only while the engine says that no row of its
 * folder has changed since it was read, and while the store keys open.
 *
 * @module
 */
import { compareTexts, hex } from "../../../base/bytes.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import type { OpenedRecord, RecordReader, RecordStore } from "../records/records.ts";
import type { IndexEntry } from "./index_record.ts";

/** An entry of a folder. */
export interface FolderEntry {
  /** Its name; that of a folder ends with a slash. */
  readonly label: string;
  readonly entry: IndexEntry;
}

interface FolderList {
  readonly mark: number;
  readonly entries: readonly FolderEntry[];
}

/** Maximum number of entries in all lists, each about 300 bytes, and of lists. */
const most = { entries: 30_000, lists: 500 } as const;

/** See the module. The least recently used lists go first. */
export class FolderLists {
  readonly #store: Pick<RecordStore, "mark">;
  readonly #lists = new Map<string, FolderList>();
  #count = 0;

  constructor(store: Pick<RecordStore, "mark">) {
    this.#store = store;
  }

  /**
   * All entries of a folder in the order of their labels' code units.
   *
   * @param read reads the rows of the folder's index.
   */
  async of(
    reader: RecordReader,
    folderId: Uint8Array,
    read: () => AsyncIterable<OpenedRecord<IndexEntry>>,
  ): Promise<readonly FolderEntry[]> {
    const known = await this.#known(reader, folderId);
    if (known !== undefined) return known;
    const mark = this.#store.mark("index", folderId);
    // During `reindex` an entry can be met at its old place and at its new one.
    const found = new Map<string, FolderEntry>();
    for await (const { value: entry } of read()) found.set(labelOf(entry), { label: labelOf(entry), entry });
    const entries = [...found.values()].sort((one, other) => compareTexts(one.label, other.label));
    if (mark !== undefined && mark === this.#store.mark("index", folderId)) this.#keep(folderId, { mark, entries });
    return entries;
  }

  async #known(reader: RecordReader, folderId: Uint8Array): Promise<readonly FolderEntry[] | undefined> {
    const name = hex(folderId);
    if (!this.#lists.has(name) || !await areKeysOpen(reader)) return undefined;
    // The mark is compared in the same turn in which the list is given out.
    const list = this.#lists.get(name);
    if (list === undefined) return undefined;
    this.#remove(name);
    if (list.mark !== this.#store.mark("index", folderId)) return undefined;
    this.#add(name, list);
    return list.entries;
  }

  #keep(folderId: Uint8Array, list: FolderList): void {
    const name = hex(folderId);
    this.#remove(name);
    // Whether a folder that is being removed is shown depends on its own rows.
    if (list.entries.length > most.entries || list.entries.some(({ entry }) => entry.kind === "closing")) return;
    this.#add(name, list);
    for (const oldest of this.#lists.keys()) {
      if (this.#count <= most.entries && this.#lists.size <= most.lists) break;
      this.#remove(oldest);
    }
  }

  #add(name: string, list: FolderList): void {
    this.#lists.set(name, list);
    this.#count += list.entries.length;
  }

  #remove(name: string): void {
    this.#count -= this.#lists.get(name)?.entries.length ?? 0;
    this.#lists.delete(name);
  }
}

function labelOf({ kind, name }: IndexEntry): string {
  return kind === "secret" ? name : `${name}/`;
}

/** Without an open key the folder is read, and fails as the read of any other record. */
async function areKeysOpen(reader: RecordReader): Promise<boolean> {
  try {
    await reader.requireKeys();
    return true;
  } catch (thrown) {
    if (thrown instanceof KeyringError) return false;
    throw thrown;
  }
}
