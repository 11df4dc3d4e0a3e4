/**
 * The file of an embedded store: what can be checked before SQLite opens it, and how it is made.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { dirname } from "node:path";
import { beginsWith, utf8 } from "../../../base/bytes.ts";
import { syncFolderOf, withFile } from "../../../base/durable_file.ts";
import { whyUnopened, whyUnwritable } from "../../../base/file_failures.ts";
import { openOrCreate } from "../../../base/file_owner.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { sqliteFailure } from "./sqlite_failures.ts";
import { SqliteError, SqliteThread } from "./sqlite_thread.ts";

/** `TKRS` in the header of SQLite's files, where it tells the program that a file belongs to. */
const applicationId = 0x544b5253;

/** The format of rows and header; SQLite's `user_version`. */
const storeFormat = 1;

/** Places in the header of SQLite's files, and its size (https://www.sqlite.org/fileformat2.html, section 1.3). */
const places = { pageSize: 16, changes: 24, pages: 28, format: 60, application: 68, countedAt: 92, size: 100 } as const;

/**
 * Checks folder, kind, rights and header of the file.
 *
 * @returns whether it exists.
 * @throws {KeyringError} `store_unavailable` if it must not or cannot be used.
 */
export async function examineStore(path: string): Promise<boolean> {
  await examineFolder(path);
  const info = await Deno.lstat(path).catch((thrown) => {
    if (thrown instanceof Deno.errors.NotFound) return undefined;
    throw refused(path, whyUnopened(thrown, path), thrown);
  });
  const log = await Deno.lstat(`${path}-wal`).catch(() => undefined);
  if (info === undefined) {
    if (log === undefined) return false;
    throw refused(path, `there is "${path}-wal" without it; restore a backup, or remove that file to begin anew`);
  }
  if (!info.isFile) throw refused(path, "it is no regular file; remove it");
  if (((info.mode ?? 0) & 0o077) !== 0) throw refused(path, `others may use it; chmod 600 ${path}`);
  const header = await headerOf(path);
  examineHeader(path, header, info.size, log?.size ?? 0);
  return true;
}

/**
 * Makes a store. It appears at its path in one step, so that a crash leaves none or a whole one.
 *
 * @param storeId 16 bytes; random ones if left out.
 * @throws {KeyringError} `store_unavailable`.
 */
export async function makeStore(path: string, storeId: Uint8Array = new Uint8Array(randomBytes(16))): Promise<void> {
  const made = `${path}.new`;
  try {
    await removeStore(made);
    (await openOrCreate(made, { write: true, createNew: true, mode: 0o600 })).close();
    {
      await using thread = new SqliteThread();
      await thread.ask("make", { path: made, storeId, applicationId, format: storeFormat });
    }
    await placeStore(made, path);
  } catch (thrown) {
    if (thrown instanceof KeyringError) throw thrown;
    const why = thrown instanceof SqliteError ? sqliteFailure(thrown.failure) : whyUnwritable(thrown, path);
    throw new KeyringError("store_unavailable", `Cannot make the store at "${path}": ${why}.`, { cause: thrown });
  }
}

/** Removes a store that was not finished, with all files beside it. */
export async function removeStore(path: string): Promise<void> {
  for (const rest of ["", "-wal", "-shm", "-journal"]) await Deno.remove(`${path}${rest}`).catch(() => {});
}

/**
 * Syncs a closed store, and gives it its path.
 *
 * @throws {KeyringError} `store_unavailable` if a part of it is still in its log.
 */
export async function placeStore(made: string, path: string): Promise<void> {
  const log = await Deno.stat(`${made}-wal`).catch(() => undefined);
  if (log !== undefined && log.size > 0) throw refused(path, "its log could not be emptied; try again");
  for (const rest of ["-wal", "-shm"]) await Deno.remove(`${made}${rest}`).catch(() => {});
  await withFile(made, { read: true }, (file) => file.sync());
  await Deno.rename(made, path);
  await syncFolderOf(path);
}

/** @throws {KeyringError} `store_unavailable` for a format that this version does not know. */
export function requireFormat(path: string, format: number): void {
  if (format === storeFormat) return;
  throw refused(path, `it has format ${format}, and this version knows ${storeFormat}; use the version that wrote it`);
}

/** The error for a store that cannot be opened. */
export function refused(path: string, why: string, cause?: unknown): KeyringError {
  return new KeyringError("store_unavailable", `Cannot open the store at "${path}": ${why}.`, { cause });
}

async function examineFolder(path: string): Promise<void> {
  const folder = dirname(path);
  try {
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
  } catch (thrown) {
    throw refused(path, whyUnwritable(thrown, path), thrown);
  }
  const { mode } = await Deno.stat(folder);
  if (((mode ?? 0) & 0o077) !== 0) throw refused(path, `others may use its folder; chmod 700 ${folder}`);
}

async function headerOf(path: string): Promise<DataView> {
  try {
    return await withFile(path, { read: true, write: true }, async (file) => {
      const bytes = new Uint8Array(places.size);
      let length = 0;
      for (let read: number | null = 0; read !== null && length < bytes.length; length += read ?? 0) {
        read = await file.read(bytes.subarray(length));
      }
      return new DataView(bytes.buffer, 0, length);
    });
  } catch (thrown) {
    throw refused(path, whyUnwritable(thrown, path), thrown);
  }
}

function examineHeader(path: string, header: DataView, size: number, logSize: number): void {
  if (header.byteLength < places.size) throw refused(path, `it is truncated to ${size} bytes; restore a backup`);
  const bytes = new Uint8Array(header.buffer);
  const isOurs = beginsWith(bytes, utf8("SQLite format 3\0")) && header.getUint32(places.application) === applicationId;
  if (!isOurs) throw refused(path, "it is no store of the keyring; name another path");
  const format = header.getUint32(places.format);
  if (format > storeFormat) {
    throw refused(
      path,
      `it has format ${format}, and this version knows ${storeFormat}; use the version that wrote it`,
    );
  }
  const expected = header.getUint32(places.pages) * header.getUint16(places.pageSize);
  const isCounted = header.getUint32(places.changes) === header.getUint32(places.countedAt);
  // While there is a log, the file may end before the last pages, which are in the log.
  if (isCounted && logSize === 0 && size < expected) {
    throw refused(path, `it is truncated to ${size} of ${expected} bytes; restore a backup`);
  }
}
