/**
 * Backups of a store, and restores into a new one.
 *
 * @module
 */
import type { Clock } from "../../../base/clock.ts";
import { equalBytes } from "../../../base/bytes.ts";
import { syncFolderOf, withFile } from "../../../base/durable_file.ts";
import { whyUnwritable } from "../../../base/file_failures.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { type Engine, engineLimits } from "../engine/engine.ts";
import { BackupReader, type BackupRow, type BackupSummary, encodeBackup, verifyBackup } from "./backup_format.ts";

/** Maximum number of bytes that are read at once. */
const chunkBytes = 256 * 1024;

/** The bytes of a backup of all rows in one consistent state. */
export function backupOf(engine: Engine, clock: Pick<Clock, "wall">, signal: AbortSignal): AsyncIterable<Uint8Array> {
  return encodeBackup({ storeId: engine.storeId, createdAt: Math.max(0, clock.wall()) }, engine.snapshot(signal));
}

/**
 * Writes a backup into a new file of mode 0600, syncs it, and reads it back before it appears at its path.
 *
 * @throws {KeyringError} `exists` for a path at which there is something; `request_invalid` if it cannot be written;
 *   `integrity` if it does not read back; the errors of the engine. Then there is no file at the path.
 */
export async function writeBackupFile(path: string, chunks: AsyncIterable<Uint8Array>): Promise<BackupSummary> {
  const temporary = `${path}.unfinished`;
  try {
    if (await Deno.lstat(path).catch(() => undefined) !== undefined) {
      throw new KeyringError(
        "exists",
        `Cannot write the backup to "${path}": there is a file already; name another one.`,
      );
    }
    await withFile(temporary, { write: true, createNew: true, mode: 0o600 }, async (file) => {
      for await (const chunk of chunks) {
        for (let at = 0; at < chunk.length;) at += await file.write(chunk.subarray(at));
      }
      await file.sync();
    });
    const summary = await verifyBackup(fileChunks(temporary));
    await Deno.rename(temporary, path);
    await syncFolderOf(path);
    return summary;
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.AlreadyExists)) await Deno.remove(temporary).catch(() => {});
    if (thrown instanceof KeyringError) throw thrown;
    const why = whyUnwritable(thrown, temporary);
    throw new KeyringError("request_invalid", `Cannot write the backup to "${path}": ${why}.`, { cause: thrown });
  }
}

/** The bytes of a file. */
export async function* fileChunks(path: string): AsyncGenerator<Uint8Array> {
  using file = await Deno.open(path, { read: true });
  for (;;) {
    const bytes = new Uint8Array(chunkBytes);
    const length = await file.read(bytes);
    if (length === null) return;
    yield bytes.subarray(0, length);
  }
}

/**
 * Writes the rows of a backup into an empty store with the same ID, which `restoreEmbeddedStore` or `restoreEtcdStore`
 * have begun: they let it appear only when this has succeeded.
 *
 * @throws {KeyringError} `exists` for a store that is not empty, `request_invalid` for one with another ID, `integrity` for
 *   a damaged backup, `store_unavailable`.
 */
export async function restoreRows(
  engine: Engine,
  chunks: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<BackupSummary> {
  const reader = await BackupReader.open(chunks);
  if (!equalBytes(reader.head.storeId, engine.storeId)) {
    throw new KeyringError("request_invalid", "Cannot restore the backup: it is of another store.");
  }
  for await (const _ of engine.snapshot(signal)) {
    throw new KeyringError("exists", "Cannot restore the backup: the store is not empty; restore into a new one.");
  }
  for await (const rows of transactionsOf(reader.rows())) {
    const absent = rows.map(({ table, key }) => ({ table, key, version: "absent" } as const));
    if (await engine.commit(absent, rows, signal)) continue;
    throw new KeyringError(
      "conflict",
      "Cannot restore the backup: somebody else writes to the store; stop the servers.",
    );
  }
  return reader.summary;
}

/** Rows in groups that one transaction can write, each with a condition. */
async function* transactionsOf(rows: AsyncIterable<BackupRow>): AsyncGenerator<readonly BackupRow[]> {
  let [group, size]: [BackupRow[], number] = [[], 0];
  for await (const row of rows) {
    const isFull = group.length >= engineLimits.operations / 2 ||
      size + row.bytes.length > engineLimits.transactionBytes;
    if (isFull) {
      yield group;
      [group, size] = [[], 0];
    }
    group.push(row);
    size += row.bytes.length;
  }
  if (group.length > 0) yield group;
}
