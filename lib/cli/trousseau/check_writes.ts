/**
 * Checks whether `serve` and `sops` could write the files that the configuration names. No test file is left behind.
 *
 * @module
 */
import { dirname } from "node:path";
import type { Config } from "../../config/config.ts";
import { writeBeside } from "../../base/durable_file.ts";
import { KmsError } from "../../base/errors.ts";
import { whyUnwritable } from "../../base/file_failures.ts";
import { whyFolderUnwritable } from "../../base/state_folder.ts";
import { errnoOf } from "../../base/system_failures.ts";
import { openFileTarget } from "../../telemetry/line_target.ts";

/** The writes that failed. */
export interface WriteFindings {
  /** One error for each failed write. */
  readonly unwritable: readonly KmsError[];
  /** Whole sentences about writes that would fail but do not prevent a start. */
  readonly warnings: readonly string[];
}

/** Tries to write into the state folder and to the audit files. */
export async function tryWrites(config: Pick<Config, "state" | "telemetry" | "sops">): Promise<WriteFindings> {
  const audits = new Set([config.telemetry.audit, config.sops.audit]);
  const [state, ...audit] = await Promise.all([
    tryState(config.state),
    ...[...audits].filter((path) => path !== undefined).filter((path) => path !== "stdout").map(tryAudit),
  ]);
  const unwritable = [state, ...audit].filter((found) => found instanceof KmsError);
  return { unwritable, warnings: typeof state === "string" ? [state] : [] };
}

/** The error, a warning, or `undefined` if the folder is writable. */
async function tryState(folder: string): Promise<KmsError | string | undefined> {
  const missing = await missingFolders(folder);
  const made: string[] = [];
  try {
    for (const one of missing) {
      await Deno.mkdir(one, { mode: 0o700 });
      made.push(one);
    }
  } catch (thrown) {
    await removeAll(made);
    // Deno's permissions may not include the parent folders. `serve` creates them together with the last one, in one
    // recursive mkdir that requires the permission for the last one only.
    if (thrown instanceof Deno.errors.NotCapable && missing.length > 1) return undefined;
    return notMade(folder, thrown);
  }
  try {
    const why = await whyFolderUnwritable(folder);
    return why === undefined ? undefined : unwritableState(folder, why);
  } finally {
    await removeAll(made);
  }
}

/** The missing folders, outermost first. */
async function missingFolders(folder: string): Promise<readonly string[]> {
  const missing: string[] = [];
  for (let at = folder; at !== dirname(at) && await isMissing(at); at = dirname(at)) missing.unshift(at);
  return missing;
}

async function isMissing(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => false, (thrown) => thrown instanceof Deno.errors.NotFound);
}

async function removeAll(folders: readonly string[]): Promise<void> {
  // If another process has begun to use a folder, it is not empty and stays.
  for (const one of folders.toReversed()) await Deno.remove(one).catch(() => undefined);
}

function notMade(folder: string, thrown: unknown): KmsError | string {
  const why = whyUnwritable(thrown, folder);
  const errno = errnoOf(thrown);
  return errno === "EACCES" || errno === "EPERM"
    ? `The state folder ${folder} is not there, and this user cannot make it: ${why}; make it for the user that serves.`
    : new KmsError("config", `Cannot make the state folder ${folder}: ${why}.`);
}

function unwritableState(folder: string, why: string): KmsError {
  return new KmsError(
    "config",
    `Cannot write to the state folder ${folder}: ${why}. Each new key ID is written there first.`,
  );
}

/** Opens an existing file without writing to it, and tests the file system with a temporary file beside it. */
async function tryAudit(path: string): Promise<KmsError | undefined> {
  const isThere = !await isMissing(path);
  try {
    if (isThere) await (await openFileTarget(path))[Symbol.asyncDispose]();
  } catch (thrown) {
    if (thrown instanceof KmsError) return thrown;
    throw thrown;
  }
  try {
    await Deno.remove(await writeBeside(path, new Uint8Array(4096), 0o600));
    return undefined;
  } catch (thrown) {
    if (!await matters(thrown, path, isThere)) return undefined;
    const message = `Cannot write the audit stream to ${JSON.stringify(path)}: ${whyUnwritable(thrown, path)}.`;
    return new KmsError("config", message, { cause: thrown });
  }
}

/**
 * Whether the failure concerns the audit file. Appending to an existing file requires no permission for its folder, and
 * Deno's permissions may include the file only.
 */
async function matters(thrown: unknown, path: string, isThere: boolean): Promise<boolean> {
  const errno = errnoOf(thrown);
  if (isThere) return errno !== undefined && ofTheDisk.includes(errno);
  if (!(thrown instanceof Deno.errors.NotCapable)) return true;
  return (await Deno.permissions.query({ name: "write", path })).state !== "granted";
}

const ofTheDisk: readonly string[] = ["ENOSPC", "EDQUOT", "EROFS", "EIO", "EFBIG"];
