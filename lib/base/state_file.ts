/**
 * Small JSON files in the state folder, beside the key IDs. Each holds one kind of value and a format number; none is
 * secret.
 *
 * The folder belongs to one node. A version ignores files that it does not know, so that a rolling upgrade can add
 * files.
 *
 * @module
 */
import { utf8 } from "./bytes.ts";
import { readRegularFile, replaceFile, whyUnreadable } from "./durable_file.ts";
import { KmsError } from "./errors.ts";
import { whyUnwritable } from "./file_failures.ts";

/** Description of a file in the state folder. */
export interface StateFileFormat<T> {
  /** File name, for instance `sentinels.json`. */
  readonly name: string;
  /** Content as a noun phrase for messages, for instance `the sentinels of this node`. */
  readonly content: string;
  /** Format number that is written and read. A higher number in a file means that a newer version wrote it. */
  readonly format: number;
  /** Maximum size of a file that is read, in bytes. */
  readonly maxBytes: number;
  /** Returns the value of a parsed file with the right format number; `undefined` if its fields are invalid. */
  readonly parse: (fields: { readonly [key: string]: unknown }) => T | undefined;
  /** Advice for a damaged file. Messages append it after a semicolon. */
  readonly advice: string;
}

/** A file of one node. */
export interface StateFile<T> {
  readonly path: string;
  /**
   * Reads the value; `undefined` if the file does not exist.
   *
   * @throws {KmsError} `config` if the file cannot be read, is not a regular file, is too large, damaged or of a newer
   *   format.
   */
  read(): Promise<T | undefined>;
  /**
   * Replaces the file. After the promise resolves, the content survives a power failure. A missing folder is created.
   *
   * @throws {KmsError} `config` if the file cannot be written.
   */
  write(value: T): Promise<void>;
}

/** Creates access to a file of the state folder; does not open it. */
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
