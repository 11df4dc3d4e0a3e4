/**
 * JSON files of the user's own: written in one step with mode 0600, in folders with mode 0700.
 *
 * @module
 */
import { dirname } from "node:path";
import { utf8, utf8Text } from "../../../base/bytes.ts";
import { readRegularFile, replaceFile, whyUnreadable } from "../../../base/durable_file.ts";
import { KmsError } from "../../../base/errors.ts";
import { whyUnwritable } from "../../../base/file_failures.ts";

/** Maximum size of a file in bytes: a few certificates. */
const maxBytes = 262_144;

/** A document of such a file. Its member `format` is 1. */
export type FileDocument = Readonly<Record<string, unknown>>;

/**
 * Reads a file. @returns `undefined` if it does not exist.
 *
 * @throws {KmsError} `config`
 */
export async function readPrivateFile(path: string): Promise<FileDocument | undefined> {
  const invalid = (why: string) => new KmsError("config", `${path}: ${why}.`);
  let bytes: Uint8Array;
  try {
    bytes = await readRegularFile(path, maxBytes);
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return undefined;
    throw invalid(`Cannot read the file: ${whyUnreadable(thrown, path)}`);
  }
  let document: unknown;
  try {
    document = JSON.parse(utf8Text(bytes) ?? "");
  } catch {
    throw invalid("The file is not JSON; remove it and log in again");
  }
  if (typeof document !== "object" || document === null) throw invalid("The file has no JSON object in it");
  const { format } = document as FileDocument;
  if (format !== 1) throw invalid("The file is of a newer clectl, or not of clectl");
  return document as FileDocument;
}

/** Writes a file, and its folder. @throws {KmsError} `config` */
export async function writePrivateFile(path: string, document: object): Promise<void> {
  try {
    await Deno.mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await replaceFile(path, utf8(`${JSON.stringify({ format: 1, ...document }, null, 2)}\n`), 0o600);
  } catch (thrown) {
    throw new KmsError("config", `Cannot write ${path}: ${whyUnwritable(thrown, path)}.`, { cause: thrown });
  }
}

/** Removes a file. @returns whether it existed. @throws {KmsError} `config` */
export async function removePrivateFile(path: string): Promise<boolean> {
  try {
    await Deno.remove(path);
    return true;
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return false;
    throw new KmsError("config", `Cannot remove ${path}: ${whyUnwritable(thrown, path)}.`, { cause: thrown });
  }
}
