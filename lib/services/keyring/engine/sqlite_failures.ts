/**
 * Reasons of failures of SQLite as text for an operator: the end of a sentence without its full stop.
 *
 * @module
 */
import type { SqliteFailure } from "./sqlite_jobs.ts";

/** By the primary result code of SQLite. */
const sqliteFailures: Readonly<Record<number, string>> = {
  3: "this user may not use its files",
  5: "another program holds its database locked; end that program",
  7: "the machine has no memory left",
  8: "its file or its file system is read-only; look at the mount and at the owner of the file",
  10: "the disk fails; look at the log of the kernel, and restore a backup onto another disk",
  11: "its file is damaged; restore a backup",
  13: "the disk is full; make room there",
  14: "its files cannot be opened; look at the owner of the folder and at the limit of open files",
  26: "its file is damaged; restore a backup",
};

/** Failed syncs: SQLITE_IOERR_FSYNC and SQLITE_IOERR_DIR_FSYNC. The kernel may have dropped the written pages. */
const failedSyncs: readonly unknown[] = [1034, 1290];

/** The primary result codes of a damaged file. */
const damage: readonly unknown[] = [11, 26];

/** The reason of a failure. */
export function sqliteFailure({ code, name }: SqliteFailure): string {
  if (name === "NotCapable") return "the program is not permitted to write there; name a path in its state folder";
  const known = code === undefined ? undefined : sqliteFailures[code & 0xff];
  return known ?? `SQLite fails (${code ?? name})`;
}

/** Whether nothing that is read or written after this failure can be trusted. */
export function isFinalFailure({ code }: SqliteFailure): boolean {
  return code !== undefined && (failedSyncs.includes(code) || damage.includes(code & 0xff));
}

/** Whether the outcome of a commit that ended with this failure depends on what the disk has kept. */
export function isUncertain({ code }: SqliteFailure): boolean {
  return failedSyncs.includes(code);
}
