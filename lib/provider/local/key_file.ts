/**
 * The key file of the local provider: its format, and reading with checks of its owner, kind and content.
 *
 * ```json
 * { "format": 1, "keys": [{ "id": "16 hex digits", "createdAt": "2026-01-31T12:00:00.000Z", "key": "base64 of 32 bytes" }] }
 * ```
 *
 * The last key wraps; all keys unwrap. The ID of a new key is its check value, which detects a changed key: see
 * `check_value.ts`. IDs of older keys are random. In both cases a file that was lost and created again shares no version
 * with the lost one.
 *
 * @module
 */
import { base64, fromBase64, utf8, utf8Text } from "../../base/bytes.ts";
import { systemClock } from "../../base/clock.ts";
import { withFile } from "../../base/durable_file.ts";
import type { ErrorCode } from "../../base/errors.ts";
import { whyUnopened } from "../../base/file_failures.ts";
import { isRefusal } from "../../base/system_failures.ts";
import { checkValueOf, isMarked, markedFrom } from "./check_value.ts";

/** One key of the file. */
export interface LocalKey {
  /** 16 lowercase hexadecimal digits: the check value of the key, or a random number in older keys. */
  readonly id: string;
  /** Milliseconds since the epoch, strictly ascending from key to key. */
  readonly createdAt: number;
  /** 32 bytes; the owner of the object wipes them. */
  readonly material: Uint8Array;
}

/** The reason why a key file cannot be used: a code, and the end of a sentence with the remedy. */
export interface KeyFileProblem {
  readonly problem: true;
  readonly code: Extract<
    ErrorCode,
    "key_unknown" | "key_unusable" | "permission_denied" | "provider_protocol" | "unreachable"
  >;
  readonly why: string;
}

/** A complete and well-formed key file. */
export interface KeyFile {
  readonly problem: false;
  /** At least one key, oldest first. */
  readonly keys: readonly LocalKey[];
  /** The state of the file when it was read: see {@linkcode stampOf}. */
  readonly stamp: string;
  readonly info: Deno.FileInfo;
}

/** `maxBytes` is the maximum size of a file that is read; `keys` is the maximum number of its keys. */
export const keyFileLimits = { maxBytes: 1_048_576, keys: 1000 } as const;

const format = 1;
const otherFormat =
  `has a format that this version does not know (it knows format ${format}); start the version that wrote it`;
const keyBytes = 32;

/** A new random key. Its `createdAt` is the next marked instant, and later than that of `last` even if the clock was set back. */
export function newLocalKey(last?: LocalKey): LocalKey {
  const material = crypto.getRandomValues(new Uint8Array(keyBytes));
  const createdAt = markedFrom(Math.max(systemClock.wall(), (last?.createdAt ?? 0) + 1));
  return { id: checkValueOf(material), createdAt, material };
}

/** The content of a key file. */
export function encodeKeyFile(keys: readonly LocalKey[]): Uint8Array {
  const rows = keys.map(({ id, createdAt, material }) => ({
    id,
    createdAt: new Date(createdAt).toISOString(),
    key: base64(material),
  }));
  return utf8(`${JSON.stringify({ format, keys: rows }, undefined, 2)}\n`);
}

/**
 * Parses the content of a key file.
 *
 * @returns all keys; or the end of a sentence with the fault and its place, without any content of the file.
 */
export function parseKeyFile(bytes: Uint8Array): readonly LocalKey[] | string {
  const root = parsedJson(bytes);
  if (!hasExactly(root, ["format", "keys"])) return "is not a key file: it must hold `format` and `keys` alone";
  if (root.format !== format) return otherFormat;
  if (!Array.isArray(root.keys) || root.keys.length === 0) return "holds no key";
  if (root.keys.length > keyFileLimits.keys) return `holds more than ${keyFileLimits.keys} keys`;
  const keys: LocalKey[] = [];
  for (const [index, row] of root.keys.entries()) {
    const key = parseKey(row);
    if (typeof key === "string") return `is malformed: keys[${index}] ${key}`;
    if (keys.some(({ id }) => id === key.id)) return `is malformed: keys[${index}] has the id of another key`;
    if (key.createdAt <= (keys.at(-1)?.createdAt ?? -1)) return `is malformed: keys[${index}] is not the younger one`;
    if (isDamaged(key)) {
      return `is damaged: keys[${index}] has an id that does not fit its key, so that one of the two was changed`;
    }
    keys.push(key);
  }
  return keys;
}

function isDamaged({ id, createdAt, material }: LocalKey): boolean {
  return isMarked(createdAt) && id !== checkValueOf(material);
}

function parsedJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(utf8Text(bytes) ?? "");
  } catch {
    return undefined;
  }
}

function parseKey(row: unknown): LocalKey | string {
  if (!hasExactly(row, ["id", "createdAt", "key"])) return "must hold `id`, `createdAt` and `key` alone";
  const { id, createdAt, key } = row;
  if (!isLocalKeyId(id)) return "has an id that is not 16 lowercase hexadecimal digits";
  const time = Date.parse(String(createdAt));
  if (Number.isNaN(time) || new Date(time).toISOString() !== createdAt) return "has a createdAt that is no UTC time";
  const material = typeof key === "string" ? fromBase64(key) : undefined;
  if (material?.length !== keyBytes) return `has a key that is not ${keyBytes} bytes of base64`;
  return { id, createdAt: time, material };
}

/** Whether a text can be the ID of a local key. */
export function isLocalKeyId(id: unknown): id is string {
  return typeof id === "string" && /^[0-9a-f]{16}$/.test(id);
}

function hasExactly<Name extends string>(
  value: unknown,
  names: readonly Name[],
): value is { readonly [Key in Name]: unknown } {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const keys = Object.keys(value);
  return keys.length === names.length && names.every((name) => keys.includes(name));
}

/** A text that differs for two states of a file if device, inode, size, mode or a time of change differs. */
export function stampOf({ dev, ino, size, mode, mtime, ctime }: Deno.FileInfo): string {
  return [dev, ino, size, mode, mtime?.getTime(), ctime?.getTime()].join();
}

/**
 * The stamp of a key file. The file is examined, but not read.
 *
 * @returns the stamp, or the reason why the file cannot be used.
 */
export async function stampOfKeyFile(path: string): Promise<string | KeyFileProblem> {
  try {
    const info = await Deno.lstat(path);
    return unsafe(path, info) ?? stampOf(info);
  } catch (error) {
    return unreadable(path, error);
  }
}

/**
 * Reads and checks a key file. A symlink is refused, and so is a file that users other than its owner can read or write.
 *
 * @returns the keys, which the caller must wipe, or the reason why they cannot be read.
 */
export async function readKeyFile(path: string): Promise<KeyFile | KeyFileProblem> {
  try {
    // A rotation can replace the file between `lstat` and `open`, but not in three attempts in a row.
    return await readUnchanged(path) ?? await readUnchanged(path) ?? await readUnchanged(path) ??
      problem("unreachable", path, "changes faster than it can be read");
  } catch (error) {
    return unreadable(path, error);
  }
}

/** @returns `undefined` if the opened file is not the examined one, for instance because a symlink replaced it. */
async function readUnchanged(path: string): Promise<KeyFile | KeyFileProblem | undefined> {
  const examined = await Deno.lstat(path);
  const refusal = unsafe(path, examined);
  if (refusal !== undefined) return refusal;
  return await withFile(path, { read: true }, (file) => readOpened(path, file, examined));
}

async function readOpened(
  path: string,
  file: Deno.FsFile,
  examined: Deno.FileInfo,
): Promise<KeyFile | KeyFileProblem | undefined> {
  const info = await file.stat();
  if (stampOf(info) !== stampOf(examined)) return undefined;
  if (info.size > keyFileLimits.maxBytes) return problem("provider_protocol", path, "is too large for a key file");
  if (info.size === 0) return problem("provider_protocol", path, "is empty; put it back from a backup");
  const bytes = await readAll(file, info.size);
  const keys = parseKeyFile(bytes);
  bytes.fill(0);
  if (keys === otherFormat) return problem("provider_protocol", path, otherFormat);
  if (typeof keys === "string") return problem("provider_protocol", path, `${keys}; put it back from a backup`);
  return { problem: false, keys, stamp: stampOf(info), info };
}

async function readAll(file: Deno.FsFile, size: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(size);
  let at = 0;
  while (at < size) {
    const read = await file.read(bytes.subarray(at));
    if (read === null) break;
    at += read;
  }
  return bytes.subarray(0, at);
}

function unsafe(path: string, info: Deno.FileInfo): KeyFileProblem | undefined {
  if (info.isSymlink) return problem("key_unusable", path, "is a symlink; name the file itself instead");
  if (info.isDirectory) return problem("key_unusable", path, "is a folder; name a file in it");
  if (!info.isFile) return problem("key_unusable", path, "is not a regular file");
  const mode = (info.mode ?? 0o777) & 0o777;
  if ((mode & 0o077) === 0) return undefined;
  const others = `is open to others than its owner (mode 0${mode.toString(8)})`;
  return problem("key_unusable", path, `${others}; run \`chmod 600\` on it, and rotate if it may have been read`);
}

function unreadable(path: string, error: unknown): KeyFileProblem {
  if (error instanceof Deno.errors.NotFound) return problem("key_unknown", path, "is not there");
  const code = isRefusal(error) || error instanceof Deno.errors.NotCapable ? "permission_denied" : "unreachable";
  return problem(code, path, `cannot be read: ${whyUnopened(error, path)}`);
}

function problem(code: KeyFileProblem["code"], path: string, what: string): KeyFileProblem {
  return { problem: true, code, why: `the key file "${path}" ${what}` };
}
