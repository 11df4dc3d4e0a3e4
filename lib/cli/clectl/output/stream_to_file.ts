/**
 * Files that are complete or absent.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { hex } from "../../../base/bytes.ts";
import { replaceFile, syncFolderOf, withFile } from "../../../base/durable_file.ts";
import { KmsError } from "../../../base/errors.ts";
import { whyUnwritable } from "../../../base/file_failures.ts";

/**
 * Writes a stream to a file of mode 0600, and reads the file back. Nothing stands under the name before both have ended
 * well.
 *
 * @throws {KmsError} `config` if the file cannot be written or has other bytes, or the error of the stream.
 */
export async function streamToFile(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${hex(crypto.getRandomValues(new Uint8Array(8)))}.tmp`);
  try {
    await withFile(temporary, { write: true, createNew: true, mode: 0o600 }, async (file) => {
      const written = createHash("sha256");
      for await (const chunk of chunks) {
        written.update(chunk);
        for (let rest = chunk; rest.length > 0;) rest = rest.subarray(await file.write(rest));
      }
      await file.sync();
      if (await hashOfFile(temporary) === written.digest("hex")) return;
      throw new KmsError(
        "config",
        `Cannot write ${path}: the file reads back as other bytes than were written; look at the disk.`,
      );
    });
    await Deno.rename(temporary, path);
    await syncFolderOf(path);
  } catch (thrown) {
    await Deno.remove(temporary).catch(() => undefined);
    throw thrown instanceof KmsError ? thrown : unwritable(path, thrown);
  }
}

/** SHA-256 in hexadecimal. */
async function hashOfFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of (await Deno.open(path)).readable) hash.update(chunk);
  return hash.digest("hex");
}

/** Replaces a file by one of mode 0600, in one step. @throws {KmsError} `config` */
export async function replaceOutput(path: string, bytes: Uint8Array): Promise<void> {
  try {
    await replaceFile(path, bytes, 0o600);
  } catch (thrown) {
    throw unwritable(path, thrown);
  }
}

function unwritable(path: string, thrown: unknown): KmsError {
  return new KmsError("config", `Cannot write ${path}: ${whyUnwritable(thrown, path)}.`, { cause: thrown });
}
