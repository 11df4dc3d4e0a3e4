/**
 * The folder in which `init` writes its files. Root will run a script of it, so that no other user may change it.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { utf8 } from "../../../base/bytes.ts";
import { readRegularFile, replaceFile } from "../../../base/durable_file.ts";
import { KmsError } from "../../../base/errors.ts";
import { whyUnwritable } from "../../../base/file_failures.ts";
import { ownUser } from "../../../base/file_owner.ts";
import { equalBytes } from "../../../base/bytes.ts";
import type { InitFile } from "./init_file.ts";

/** Bits of a mode. */
const bits = { others: 0o077, writable: 0o022, sticky: 0o1000 } as const;

/** Maximum size in bytes of a file that is compared. */
const largest = 1024 * 1024;

/**
 * Writes the files that are missing. Every file is complete when it has its name, so that an earlier run that was cut off
 * has left some of them and no half one.
 *
 * @returns how many were written.
 * @throws {KmsError} `config` if a file is there and differs, or if another user can change the folder; nothing is written
 *   then.
 */
export async function writeInitFiles(folder: string, files: readonly InitFile[]): Promise<number> {
  await makeFolder(folder);
  const missing: InitFile[] = [];
  for (const file of files) if (!await isThere(folder, file)) missing.push(file);
  for (const { path, text } of missing) {
    const place = join(folder, path);
    await orUnwritable(place, async () => {
      await Deno.mkdir(dirname(place), { recursive: true, mode: 0o700 });
      await replaceFile(place, utf8(text), path.endsWith(".sh") ? 0o700 : 0o600);
    });
  }
  return missing.length;
}

/** @throws {KmsError} `config` if it is there with another content. */
async function isThere(folder: string, { path, text }: InitFile): Promise<boolean> {
  const place = join(folder, path);
  const found = await readRegularFile(place, largest).catch((thrown) => {
    if (thrown instanceof Deno.errors.NotFound) return undefined;
    throw differs(folder, path);
  });
  if (found === undefined) return false;
  if (equalBytes(found, utf8(text))) return true;
  throw differs(folder, path);
}

function differs(folder: string, path: string): KmsError {
  return new KmsError(
    "config",
    `Cannot write ${join(folder, path)}: it is there and differs; move ${folder} away, or use it as it is.`,
  );
}

async function makeFolder(folder: string): Promise<void> {
  await orUnwritable(folder, async () => {
    await Deno.mkdir(folder, { mode: 0o700 }).catch((thrown) => {
      if (!(thrown instanceof Deno.errors.AlreadyExists)) throw thrown;
    });
  });
  const { isDirectory, mode, uid } = await Deno.lstat(folder);
  const own = isDirectory ? ownUser(folder) : undefined;
  if (own === undefined || uid !== own || ((mode ?? 0) & bits.others) !== 0) {
    throw new KmsError("config", `Cannot write into ${folder}: it is no folder of this user with mode 0700.`);
  }
  for (let above = dirname(folder);; above = dirname(above)) {
    const { mode, uid } = await Deno.stat(above);
    const isShared = ((mode ?? 0) & bits.writable) !== 0 && ((mode ?? 0) & bits.sticky) === 0;
    if (isShared || (uid !== 0 && uid !== own)) {
      throw new KmsError("config", `Cannot write into ${folder}: another user can replace it by way of ${above}.`);
    }
    if (above === dirname(above)) return;
  }
}

async function orUnwritable(path: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (thrown) {
    throw new KmsError("config", `Cannot write ${path}: ${whyUnwritable(thrown, path)}.`, { cause: thrown });
  }
}
