/**
 * The file of a checkpoint: the entry of each row in the order of tables and keys, a zero byte, and the signed line. The hash
 * in the line covers the entries, so that a change of the file is found at its end.
 *
 * @module
 */
import { compareBytes, concat, exactText, utf8 } from "../../../base/bytes.ts";
import { syncFolderOf } from "../../../base/durable_file.ts";
import { ownerFor, setOwner } from "../../../base/file_owner.ts";
import { engineLimits, type TableName, tables } from "../engine/engine.ts";
import type { CheckpointEntry } from "./checkpoint.ts";

/** Bytes of the file in memory. */
const chunkBytes = 256 * 1024;

/** Maximum length of an entry and of the line in bytes. */
const maxEntry = 1 + 4 + engineLimits.keyBytes + 8;
const maxLine = 300;

const tableNames: ReadonlyMap<number, TableName> = new Map(
  Object.entries(tables).map(([name, number]) => [number, name as TableName]),
);

/** An entry as it was read, with its bytes. */
export interface ReadEntry extends CheckpointEntry {
  /** A view that is valid until the next entry is read. */
  readonly bytes: Uint8Array;
}

/** Reads a file from its beginning. */
export class CheckpointListReader implements Disposable {
  /** The last line, which is signed; `undefined` in a file that is no checkpoint. */
  readonly line: string | undefined;
  readonly #file: Deno.FsFile;
  #buffer = new Uint8Array(0);
  #at = 0;

  private constructor(file: Deno.FsFile, line: string | undefined) {
    this.#file = file;
    this.line = line;
  }

  /** Opens a file. @returns `undefined` if there is none. */
  static async open(path: string): Promise<CheckpointListReader | undefined> {
    const file = await openIfThere(path);
    if (file === undefined) return undefined;
    try {
      const line = await lineIn(file);
      await file.seek(0, Deno.SeekMode.Start);
      return new CheckpointListReader(file, line);
    } catch (thrown) {
      file.close();
      throw thrown;
    }
  }

  /** The next entry; `undefined` after the last one, and where the file is no checkpoint. */
  async next(): Promise<ReadEntry | undefined> {
    if (this.#buffer.length - this.#at < maxEntry) await this.#fill();
    const entry = entryIn(this.#buffer.subarray(this.#at));
    this.#at += entry?.bytes.length ?? 0;
    return entry;
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }

  async #fill(): Promise<void> {
    const next = new Uint8Array(chunkBytes);
    const rest = this.#buffer.subarray(this.#at);
    next.set(rest);
    let length = rest.length;
    while (length < chunkBytes) {
      const read = await this.#file.read(next.subarray(length));
      if (read === null) break;
      length += read;
    }
    [this.#buffer, this.#at] = [next.subarray(0, length), 0];
  }
}

/** Writes a file beside its path, which it replaces at the end. */
export class CheckpointListWriter implements AsyncDisposable {
  readonly #path: string;
  readonly #temporary: string;
  readonly #file: Deno.FsFile;
  #parts: Uint8Array[] = [];
  #size = 0;
  #isDone = false;

  private constructor(path: string, temporary: string, file: Deno.FsFile) {
    this.#path = path;
    this.#temporary = temporary;
    this.#file = file;
  }

  /** Begins a file. One that was left by a crash is written over. */
  static async open(path: string): Promise<CheckpointListWriter> {
    const temporary = `${path}.unfinished`;
    await removeFile(temporary);
    const owner = await ownerFor(path);
    const file = await Deno.open(temporary, { write: true, createNew: true, mode: 0o600 });
    await setOwner(file, temporary, owner);
    return new CheckpointListWriter(path, temporary, file);
  }

  /** Adds the bytes of an entry. */
  async add(bytes: Uint8Array): Promise<void> {
    this.#parts.push(bytes.slice());
    this.#size += bytes.length;
    if (this.#size >= chunkBytes) await this.#flush();
  }

  /** Ends the file with its line, and puts it in the place of the former one. */
  async end(line: string): Promise<void> {
    await this.add(utf8(`\0${line}`));
    await this.#flush();
    await this.#file.sync();
    await Deno.rename(this.#temporary, this.#path);
    this.#isDone = true;
    await syncFolderOf(this.#path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#file.close();
    if (!this.#isDone) await removeFile(this.#temporary);
  }

  async #flush(): Promise<void> {
    const bytes = concat(...this.#parts);
    [this.#parts, this.#size] = [[], 0];
    for (let at = 0; at < bytes.length;) at += await this.#file.write(bytes.subarray(at));
  }
}

/** The order of rows in the file and in a snapshot. */
export function compareEntries(one: CheckpointEntry, other: CheckpointEntry): number {
  return tables[one.table] - tables[other.table] || compareBytes(one.key, other.key);
}

/** Removes a file, if there is one. */
export async function removeFile(path: string): Promise<void> {
  await Deno.remove(path).catch((thrown) => {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
  });
}

function entryIn(bytes: Uint8Array): ReadEntry | undefined {
  const table = tableNames.get(bytes[0] ?? 0);
  if (table === undefined || bytes.length < 5) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const end = 5 + view.getUint32(1);
  if (end > 5 + engineLimits.keyBytes || bytes.length < end + 8) return undefined;
  const revision = Number(view.getBigUint64(end));
  return { table, key: bytes.subarray(5, end), revision, bytes: bytes.subarray(0, end + 8) };
}

async function openIfThere(path: string): Promise<Deno.FsFile | undefined> {
  try {
    return await Deno.open(path, { read: true });
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return undefined;
    throw thrown;
  }
}

/** The text behind the last zero byte. */
async function lineIn(file: Deno.FsFile): Promise<string | undefined> {
  const { size } = await file.stat();
  await file.seek(Math.max(0, size - maxLine), Deno.SeekMode.Start);
  const bytes = new Uint8Array(maxLine);
  let length = 0;
  for (let read: number | null = 1; read !== null && length < maxLine; length += read ?? 0) {
    read = await file.read(bytes.subarray(length));
  }
  const zero = bytes.subarray(0, length).lastIndexOf(0);
  return zero < 0 ? undefined : exactText(bytes.subarray(zero + 1, length));
}
