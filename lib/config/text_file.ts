/**
 * Text files that an operator names: regular files of limited size.
 *
 * @module
 */
import { utf8Text } from "../base/bytes.ts";
import { readRegularFile, whyUnreadable } from "../base/durable_file.ts";
import { KmsError } from "../base/errors.ts";

/** Maximum size in bytes. */
const largest = 256 * 1024;

/**
 * Reads a text file.
 *
 * @param path as the operator gave it.
 * @param read another function to read it, for a file with credentials.
 * @throws {KmsError} `config` if it is missing, not a regular file, longer than 256 KiB or not UTF-8.
 */
export async function readTextFile(path: string, read: typeof readRegularFile = readRegularFile): Promise<string> {
  const bytes = await read(path, largest).catch((thrown) => {
    throw unreadable(path, whyUnreadable(thrown, path), thrown);
  });
  const text = utf8Text(bytes);
  if (text === undefined) throw unreadable(path, "it is not UTF-8 text");
  return text;
}

function unreadable(path: string, why: string, cause?: unknown): KmsError {
  return new KmsError("config", `Cannot read ${path}: ${why}.`, { cause });
}
