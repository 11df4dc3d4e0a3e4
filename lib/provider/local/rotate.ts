/**
 * Adds a key to a local key file, for `trousseau keys rotate`.
 *
 * @module
 */
import { dirname } from "node:path";
import { withFile } from "../../base/durable_file.ts";
import { KmsError } from "../../base/errors.ts";
import { whyUnwritable } from "../../base/file_failures.ts";
import { keyFileLimits, type LocalKey, newLocalKey, readKeyFile } from "./key_file.ts";
import { replaceKeyFile } from "./write_key_file.ts";

/** The result of a rotation. */
export interface LocalRotation {
  /** ID of the new key, which wraps from now on. */
  readonly id: string;
  /** Number of keys in the file after the rotation. */
  readonly keys: number;
}

/**
 * Appends a new key, which wraps from then on; the earlier keys continue to unwrap. A running plugin sees it at its
 * next probe.
 *
 * Concurrent rotations of the same file are serialized by a lock on its folder, which leaves no file behind. The new
 * file has the mode, owner and group of the old one and replaces it atomically.
 *
 * @param complaintOf the reason why the keys of the file must not be used, as the end of a sentence; `undefined` if
 *   there is none.
 * @throws {KmsError} `config` if the file is missing, unsafe or malformed, or cannot be written; the file is then
 *   unchanged.
 */
export async function rotateLocalKey(
  keyFile: string,
  complaintOf: (keys: readonly LocalKey[]) => string | undefined = () => undefined,
): Promise<LocalRotation> {
  try {
    return await withFile(dirname(keyFile), { read: true }, async (folder) => {
      await folder.lock(true);
      return await rotateLocked(keyFile, complaintOf);
    });
  } catch (error) {
    if (error instanceof KmsError) throw error;
    throw refused(`"${keyFile}" cannot be written: ${whyUnwritable(error, keyFile)}`, error);
  }
}

async function rotateLocked(
  keyFile: string,
  complaintOf: (keys: readonly LocalKey[]) => string | undefined,
): Promise<LocalRotation> {
  const file = await readKeyFile(keyFile);
  if (file.problem) throw refused(file.why);
  const complaint = complaintOf(file.keys);
  if (complaint !== undefined) throw refused(complaint);
  if (file.keys.length >= keyFileLimits.keys) {
    throw refused(`"${keyFile}" holds ${keyFileLimits.keys} keys, no more fit`);
  }
  const key = newLocalKey(file.keys.at(-1));
  const keys = [...file.keys, key];
  try {
    await replaceKeyFile(keyFile, file, keys);
    return { id: key.id, keys: keys.length };
  } finally {
    for (const { material } of keys) material.fill(0);
  }
}

function refused(why: string, cause?: unknown): KmsError {
  return new KmsError("config", `Cannot rotate the local key: ${why}.`, { cause });
}
