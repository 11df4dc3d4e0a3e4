/**
 * Fetches packages of Debian into a folder that keeps them, and verifies each against the table.
 *
 * @module
 */
import { join } from "node:path";
import { concat, sha256Hex } from "../../lib/base/bytes.ts";
import { type DebianPackage, debianTableFile } from "./debian_table.ts";

/** The place of the packages. */
export interface DebianSource {
  /** The folder that keeps them; it is made if it is not there. */
  readonly folder: string;
  /** Finds the address of a mirror; called only for a package that is not in the folder. */
  readonly mirror: () => Promise<string>;
  /** The time for one package; one minute if left out. */
  readonly timeoutMs?: number;
}

/** The folder that keeps packages between two releases. */
export function debianCache(): string {
  const base = Deno.env.get("XDG_CACHE_HOME") ?? join(Deno.env.get("HOME") ?? "/tmp", ".cache");
  return join(base, "trousseau", "debian");
}

/** The name of a package in the folder. */
export function debianFileName({ name, sha256 }: DebianPackage): string {
  return `${name}-${sha256}.deb`;
}

/**
 * The path of a `.deb` with the SHA-256 of the table.
 *
 * @throws {Error} with one sentence, if it cannot be had or is another file.
 */
export async function fetchDebian(wanted: DebianPackage, source: DebianSource, signal: AbortSignal): Promise<string> {
  const path = join(source.folder, debianFileName(wanted));
  const kept = await Deno.readFile(path).catch(ifNotThere);
  if (kept !== undefined) {
    if (sha256Hex(kept) === wanted.sha256) return path;
    throw new Error(`Cannot use ${path}: it differs from the SHA-256 in its name. Remove it, and it is fetched anew.`);
  }
  const bytes = await download(wanted, await source.mirror(), path, source.timeoutMs ?? 60_000, signal);
  await Deno.mkdir(source.folder, { recursive: true });
  const fresh = await Deno.makeTempFile({ dir: source.folder, prefix: ".new-" });
  try {
    await Deno.writeFile(fresh, bytes);
    await Deno.rename(fresh, path);
  } catch (thrown) {
    await Deno.remove(fresh);
    throw thrown;
  }
  return path;
}

async function download(
  wanted: DebianPackage,
  mirror: string,
  path: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const address = `${mirror}/${wanted.archive}/${wanted.path}`;
  const named = `${wanted.name} ${wanted.version} for ${wanted.architecture}`;
  const limit = AbortSignal.timeout(timeoutMs);
  try {
    const response = await fetch(address, { signal: AbortSignal.any([signal, limit]) });
    if (response.status === 404 || response.status === 410) {
      await response.body?.cancel();
      throw new DebianRefusal(
        `Cannot fetch ${named}: the mirror does not serve ${address} any more. ` +
          `Renew ${debianTableFile} with deno task debian --update, or put the file at ${path}.`,
      );
    }
    if (!response.ok || response.body === null) {
      await response.body?.cancel();
      throw new Error(`the mirror answers with status ${response.status}`);
    }
    const bytes = await readExactly(response.body, wanted.size);
    if (bytes !== undefined && sha256Hex(bytes) === wanted.sha256) return bytes;
    throw new DebianRefusal(`Cannot use ${address}: its SHA-256 is not that of ${named} in ${debianTableFile}.`);
  } catch (thrown) {
    signal.throwIfAborted();
    if (thrown instanceof DebianRefusal) throw thrown;
    const cause = limit.aborted ? `no answer came in ${timeoutMs / 1000} seconds` : messageOf(thrown);
    throw new Error(`Cannot fetch ${named} from ${address}: ${cause}. Try again, or put the file at ${path}.`);
  }
}

/** A failure with its own sentence. */
class DebianRefusal extends Error {}

/** @returns `undefined` if there is more or less than `size`. */
async function readExactly(body: ReadableStream<Uint8Array>, size: number): Promise<Uint8Array | undefined> {
  const parts: Uint8Array[] = [];
  let read = 0;
  for await (const part of body) {
    read += part.length;
    if (read > size) return undefined;
    parts.push(part);
  }
  return read === size ? concat(...parts) : undefined;
}

function messageOf(thrown: unknown): string {
  return (thrown instanceof Error ? thrown.message : String(thrown)).replace(/\.$/, "");
}

function ifNotThere(thrown: unknown): undefined {
  if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
}
