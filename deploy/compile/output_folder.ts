/**
 * The check of a folder whose content a task replaces.
 *
 * @module
 */
import { join, relative } from "node:path";

/** The folder that a task fills. */
export interface OutputFolder {
  readonly path: string;
  /** The checkout. Its `dist/` holds output alone. */
  readonly root: string;
  /** @returns whether the files and folders in it, by their names, come from an earlier run of the task. */
  readonly isOutput: (names: readonly string[]) => Promise<boolean> | boolean;
}

/**
 * Refuses a folder with content that no task made, before a task replaces it.
 *
 * @throws {Error} for the checkout and each folder above it, for a path that is no folder, and for other content.
 */
export async function requireReplaceable({ path, root, isOutput }: OutputFolder): Promise<void> {
  const found = await Deno.lstat(path).catch(ifAbsent);
  if (found === undefined) return;
  if (!found.isDirectory) throw refusal(path, "it is no folder");
  const [folder, checkout] = [await Deno.realPath(path), await Deno.realPath(root)];
  if (isBelow(checkout, folder)) throw refusal(path, "the checkout is in it");
  if (isBelow(folder, join(checkout, "dist"))) return;
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
  if (names.length > 0 && !await isOutput(names)) throw refusal(path, "it has files that this task did not make");
}

/** Whether `path` is `folder` or below it; both without links. */
function isBelow(path: string, folder: string): boolean {
  const between = relative(folder, path);
  return between !== ".." && !between.startsWith("../");
}

function refusal(path: string, reason: string): Error {
  return new Error(`Cannot replace ${path}: ${reason}. Name a new or an empty folder.`);
}

/** Throws a failure of the file system anew, but for the absence of a file. */
export function ifAbsent(thrown: unknown): undefined {
  if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
}
