/**
 * The commit of a checkout, which staging writes into the program.
 *
 * @module
 */
import { join } from "node:path";
import { parseSourceMark, type SourceMark } from "../../lib/base/version.ts";
import { compileEnvironment } from "./environment.ts";

/** The placeholder in `lib/base/version.ts`, in the form that git replaces. */
export const sourcePlaceholder = "source:$Format:%H %ct$";

/**
 * The commit of the checkout at `root`, and whether a file differs from it that git does not ignore.
 *
 * An unpacked archive has no record of its files: it counts as unchanged.
 *
 * @returns `undefined` where neither `git archive` nor git says one.
 * @throws {Error} if this is a clone that git refuses to read.
 */
export async function sourceOf(root: string): Promise<SourceMark | undefined> {
  const archived = parseSourceMark(await Deno.readTextFile(join(root, "lib/base/version.ts")));
  if (archived !== undefined) return archived;
  // A folder above can be a clone of another project.
  if (!await isThere(join(root, ".git"))) return undefined;
  const head = await git(root, ["log", "-1", "--format=%H %ct"]);
  if (head === undefined) return undefined;
  const changes = await git(root, ["status", "--porcelain", "--untracked-files=normal"]);
  return parseSourceMark(`source:${head.trim()}${changes === "" ? "" : " modified"}`);
}

/**
 * The files below `root` that are in git's index, relative to it.
 *
 * @returns `undefined` where `root` is no clone, or there is no git.
 * @throws {Error} if git refuses to read the clone.
 */
export async function trackedFiles(root: string): Promise<ReadonlySet<string> | undefined> {
  if (!await isThere(join(root, ".git"))) return undefined;
  const listed = await git(root, ["ls-files", "-z"]);
  return listed === undefined ? undefined : new Set(listed.split("\0"));
}

/** Writes the commit into the text of a module, where its placeholder stands. */
export function withSource(text: string, source: SourceMark | undefined): string {
  if (source === undefined) return text;
  const { commit, time, modified } = source;
  return text.replaceAll(sourcePlaceholder, `source:${commit} ${time}${modified ? " modified" : ""}`);
}

async function git(root: string, args: readonly string[]): Promise<string | undefined> {
  try {
    const command = new Deno.Command("git", { args: ["-C", root, ...args], clearEnv: true, env: compileEnvironment() });
    const { success, stdout, stderr } = await command.output();
    if (success) return new TextDecoder().decode(stdout);
    throw new Error(`Cannot read the commit of ${root}: ${new TextDecoder().decode(stderr).trim()}`);
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return undefined;
    throw thrown;
  }
}

async function isThere(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
