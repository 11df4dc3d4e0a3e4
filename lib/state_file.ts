/**
 * Small JSON files in the state folder, beside the key IDs: one fact a file, with a format number, none of it secret.
 *
 * The folder belongs to one node. A build that does not know a file leaves it alone, so a rolling upgrade may add files.
 *
 * @module
 */
import { utf8 } from "./bytes.ts";
import { readRegularFile, replaceFile, whyUnreadable } from "./durable_file.ts";
import { KmsError } from "./errors.ts";
import { whyUnwritable } from "./file_failures.ts";

/** How a file of the state folder looks. */
export interface StateFileFormat<T> {
  /** The file's name, for instance `sentinels.json`. */
  readonly name: string;
  /** Its content in a sentence about it, for instance `the sentinels of this node`. */
  readonly content: string;
  /** The format that is written and read; a larger number in the file is a newer version's. */
  readonly format: number;
  /** The largest file that is read, in bytes. */
  readonly maxBytes: number;
  /** The value of a parsed file whose format number fits, or `undefined` if it is anything else. */
  readonly parse: (fields: { readonly [key: string]: unknown }) => T | undefined;
  /** Advice for a damaged file, behind a semicolon. */
  readonly advice: string;
}

/** One file of one node. */
export interface StateFile<T> {
  readonly path: string;
  /**
   * Reads it; `undefined` where there is no such file.
   *
   * @throws {KmsError} `config` if it cannot be read, is no regular file, is too long, damaged, or of a newer format.
   */
  read(): Promise<T | undefined>;
  /**
   * Replaces it; returns when it would survive a power cut. The folder is made if it is not there.
   *
   * @throws {KmsError} `config` if it cannot be written.
   */
  write(value: T): Promise<void>;
}

/** A file of the state folder. */
export function stateFile<T extends object>(folder: string, format: StateFileFormat<T>): StateFile<T> {
  const path = `${folder}/${format.name}`;
  return { path, read: () => readState(path, format), write: (value) => writeState(folder, path, format, value) };
}

async function readState<T>(path: string, { content, format, maxBytes, parse, advice }: StateFileFormat<T>) {
  const bytes = await readRegularFile(path, maxBytes).catch((thrown) => {
    if (thrown instanceof Deno.errors.NotFound) return undefined;
    throw new KmsError("config", `Cannot read ${content} from ${path}: ${whyUnreadable(thrown, path)}.`, {
      cause: thrown,
    });
  });
  if (bytes === undefined) return undefined;
  const fields = jsonObject(bytes);
  const found = fields?.format;
  if (typeof found === "number" && found > format) {
    throw new KmsError(
      "config",
      `Cannot use ${content} in ${path}: a newer version of Trousseau wrote it (format ${found}, this version reads ` +
        `${format}); start that version, or remove the file if you go back on purpose.`,
    );
  }
  const value = fields !== undefined && found === format ? parse(fields) : undefined;
  if (value !== undefined) return value;
  throw new KmsError("config", `Cannot use ${content} in ${path}: the file is damaged; ${advice}.`);
}

async function writeState<T extends object>(
  folder: string,
  path: string,
  { content, format }: StateFileFormat<T>,
  value: T,
): Promise<void> {
  try {
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    await replaceFile(path, utf8(`${JSON.stringify({ format, ...value })}\n`), 0o600);
  } catch (thrown) {
    throw new KmsError("config", `Cannot write ${content} to ${path}: ${whyUnwritable(thrown, path)}.`, {
      cause: thrown,
    });
  }
}

/** The fields of a JSON text in UTF-8, none where it is no object; `undefined` if it is no JSON. */
function jsonObject(bytes: Uint8Array): { readonly [key: string]: unknown } | undefined {
  try {
    return Object(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)));
  } catch {
    return undefined;
  }
}
