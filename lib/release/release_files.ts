/**
 * The files of a release against its list of sums.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { ReleaseError } from "./release_error.ts";
import { parseSums, type Sum, sumsFile } from "./sums.ts";

/** The signature of the list of sums. */
export const signatureFile = `${sumsFile}.minisig`;

/** A file of a release that does not hold. */
export interface ReleaseFinding {
  /** Its name, relative to the folder of the release. */
  readonly file: string;
  /** One sentence. */
  readonly problem: string;
}

/** The largest text that is read whole: bill of materials and provenance have some 200 KB. */
const maxTextBytes = 16 * 1024 * 1024;

const fileName = /^[A-Za-z0-9][\w.+~-]*(?:\/[A-Za-z0-9][\w.+~-]*)*$/;

/**
 * Reads the list of sums.
 *
 * @throws {ReleaseError} for a line of another form, a name that leads out of the folder, or a name that stands twice.
 */
export function parseReleaseSums(text: string): readonly Sum[] {
  const sums = parseSums(text);
  const names = new Set<string>();
  for (const { file } of sums) {
    if (!fileName.test(file)) {
      throw new ReleaseError(`The list names "${file}", which is no name of a file of a release.`);
    }
    if (names.has(file)) throw new ReleaseError(`The list names "${file}" twice.`);
    names.add(file);
  }
  return sums;
}

/** The files that differ from the list, that it lacks, and that are missing. */
export async function compareFiles(
  folder: string,
  sums: readonly Sum[],
  signal: AbortSignal,
): Promise<ReleaseFinding[]> {
  const found = await listFiles(folder);
  const listed = new Set(sums.map(({ file }) => file));
  const known = new Set([...listed, sumsFile, signatureFile]);
  const added = found.filter(({ file }) => !known.has(file)).map(({ file }): ReleaseFinding => ({
    file,
    problem: "It is not in the list of sums: it was added after the release was signed.",
  }));
  const links = found.filter(({ file, isFile }) => known.has(file) && !isFile).map(({ file }): ReleaseFinding => ({
    file,
    problem: "It is no plain file: a link can lead to another one later.",
  }));
  const plain = new Set(found.filter(({ isFile }) => isFile).map(({ file }) => file));
  const wrong: ReleaseFinding[] = [];
  for (const { file, sha256 } of sums) {
    if (!plain.has(file)) {
      if (!found.some((one) => one.file === file)) wrong.push({ file, problem: "It is missing." });
    } else if (await fileSha256(join(folder, file), signal) !== sha256) {
      wrong.push({ file, problem: "Its SHA-256 is not the one in the list: it was changed." });
    }
  }
  return [...added, ...links, ...wrong];
}

/** Reads a text of the release. @throws {ReleaseError} if it is missing, too large, or not UTF-8. */
export async function readReleaseText(folder: string, file: string): Promise<string> {
  const path = join(folder, file);
  const info = await Deno.lstat(path).catch(() => undefined);
  if (info?.isFile !== true) throw new ReleaseError("It is missing.");
  if (info.size > maxTextBytes) throw new ReleaseError("It is too large to be part of a release.");
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(await Deno.readFile(path));
  } catch {
    throw new ReleaseError("It cannot be read as text.");
  }
}

/** The SHA-256 of a file, in lowercase hex. */
export async function fileSha256(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  using file = await Deno.open(path);
  for await (const chunk of file.readable) {
    signal?.throwIfAborted();
    hash.update(chunk);
  }
  return hash.digest("hex");
}

/** All files below a folder, sorted; folders themselves are left out, links are not followed. */
export async function listFiles(folder: string, below = ""): Promise<{ file: string; isFile: boolean }[]> {
  const entries = await Array.fromAsync(Deno.readDir(join(folder, below)));
  const lists = entries.map(async ({ name, isDirectory, isFile }) => {
    const file = below === "" ? name : `${below}/${name}`;
    return isDirectory ? await listFiles(folder, file) : [{ file, isFile }];
  });
  return (await Promise.all(lists)).flat().toSorted((one, other) => one.file < other.file ? -1 : 1);
}
