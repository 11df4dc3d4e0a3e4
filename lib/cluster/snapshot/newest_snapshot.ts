/**
 * The newest snapshot of a folder.
 *
 * @module
 */
import { join } from "node:path";
import { formatDuration } from "../../base/duration.ts";
import { KmsError } from "../../base/errors.ts";
import { whyUnopened } from "../../base/file_failures.ts";
import { SnapshotError } from "./snapshot_error.ts";

/** Names of files that are no snapshot: hidden ones, one that is being written, and checksums. */
const passedOver = /^\.|\.(?:part|tmp|sha256|sha256sum|md5)$/;

/** Milliseconds by which the clock of the machine that wrote a file may be ahead. */
const maxAheadMs = 86_400_000;

const hourMs = 3_600_000;

/** A file, and when it was last modified, in milliseconds since the epoch. */
interface DatedFile {
  readonly path: string;
  readonly modifiedAt: number;
}

/**
 * The path of the file that was modified last, in the folder itself. It is not opened.
 *
 * @param maxAgeMs the age in milliseconds that it may have.
 * @param now the wall clock, in milliseconds since the epoch.
 * @throws {SnapshotError} if there is no file, or if it is older, or dated in the future.
 * @throws {KmsError} `config` if the folder cannot be read.
 */
export async function newestSnapshot(folder: string, maxAgeMs: number, now: number): Promise<string> {
  const files = await datedFiles(folder);
  const newest = files.reduce<DatedFile | undefined>((a, b) => a && a.modifiedAt >= b.modifiedAt ? a : b, undefined);
  if (newest === undefined) {
    throw outdated(`${folder} has no snapshot: name the folder into which etcdctl snapshot save writes.`);
  }
  const { path, modifiedAt } = newest;
  const age = now - modifiedAt;
  if (age > maxAgeMs) {
    const hours = Math.floor(age / hourMs);
    throw outdated(
      `${path} is the newest snapshot and ${hours} hours old, more than ${formatDuration(maxAgeMs)}: find out why no ` +
        "newer one was saved.",
    );
  }
  if (age < -maxAheadMs) {
    throw outdated(`${path} is the newest snapshot and dated in the future: set the clock, or its date.`);
  }
  return path;
}

async function datedFiles(folder: string): Promise<readonly DatedFile[]> {
  const files: DatedFile[] = [];
  try {
    for await (const { name } of Deno.readDir(folder)) {
      if (passedOver.test(name)) continue;
      const path = join(folder, name);
      const found = await statOf(path);
      if (found?.isFile) files.push({ path, modifiedAt: found.mtime?.getTime() ?? 0 });
    }
  } catch (thrown) {
    throw new KmsError("config", `Cannot read the folder ${folder}: ${whyUnopened(thrown, folder)}.`);
  }
  return files;
}

/** `undefined` if a file was removed since the folder was read, or if a symbolic link leads nowhere. */
async function statOf(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.stat(path);
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return undefined;
    throw thrown;
  }
}

function outdated(message: string): SnapshotError {
  return new SnapshotError(message, "snapshot_outdated");
}
