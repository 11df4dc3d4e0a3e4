/**
 * The place at which a chain goes on when a process starts: the last line of its file, or of the newest rotated one.
 *
 * @module
 */
import { type FileHandle, open, readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import {
  type ChainPosition,
  maxAuditLineBytes,
  parsedAuditLine,
  positionOf,
} from "../../../api/keyring/audit_format.ts";
import { maxFragmentLines } from "../../../api/keyring/audit_verify.ts";

/** The end of a file. */
export interface ChainTail {
  /** The last complete line; `undefined` if the file has none. */
  readonly position: ChainPosition | undefined;
  /** The bytes behind that line, which a write has left that was cut off. */
  readonly fragment: Uint8Array;
}

/** Bytes at the end of a file that are searched for its last line. */
export const tailBytes = 262_144;

/**
 * Finds the last line.
 *
 * @param bytes the last {@linkcode tailBytes} of a file, or all of it.
 * @returns `undefined` if the bytes do not end as an audit does, with at most one cut-off write.
 */
export function chainTail(bytes: Uint8Array): ChainTail | undefined {
  let end = bytes.lastIndexOf(10);
  for (let skipped = 0; end >= 0 && skipped < maxFragmentLines; skipped++) {
    const from = end === 0 ? 0 : bytes.lastIndexOf(10, end - 1) + 1;
    const line = bytes.subarray(from, end);
    const parsed = parsedAuditLine(line);
    if (parsed !== undefined) return checkedTail(positionOf(parsed.seq, line), bytes.slice(end + 1));
    end = from - 1;
  }
  return end < 0 && bytes.length < tailBytes ? checkedTail(undefined, bytes.slice()) : undefined;
}

/** Lines that are longer than any line of an audit could not be verified later. */
function checkedTail(position: ChainPosition | undefined, fragment: Uint8Array): ChainTail | undefined {
  let from = 0;
  for (let end = fragment.indexOf(10); end >= 0; end = fragment.indexOf(10, from)) {
    if (end - from > maxAuditLineBytes) return undefined;
    from = end + 1;
  }
  return fragment.length - from > maxAuditLineBytes ? undefined : { position, fragment };
}

/**
 * The end of the newest file that logrotate has made of a file, by the numbers of their lines: `PATH.1`, `PATH-20301231`.
 * Compressed ones and those that cannot be read are passed over.
 */
export async function rotatedTail(path: string): Promise<ChainTail | undefined> {
  const start = basename(path);
  const names = await readdir(dirname(path)).catch(() => []);
  const rotated = names.filter((name) =>
    name.startsWith(start) && /^[.-][0-9][0-9.-]*$/.test(name.slice(start.length))
  );
  const tails = await Promise.all(rotated.map((name) => readTail(join(dirname(path), name)).catch(() => undefined)));
  return tails.reduce(
    (newest, tail) => (tail?.position?.seq ?? 0) > (newest?.position?.seq ?? 0) ? tail : newest,
    undefined,
  );
}

async function readTail(path: string): Promise<ChainTail | undefined> {
  const file = await open(path, "r");
  try {
    const info = await file.stat();
    return info.isFile() ? chainTail(await lastBytes(file, info.size, tailBytes)) : undefined;
  } finally {
    await file.close();
  }
}

/** The last bytes of a file of a known size, at most `max`. Fewer if the file is cut in the meantime. */
export async function lastBytes(file: FileHandle, size: number, max: number): Promise<Uint8Array> {
  const from = Math.max(0, size - max);
  const bytes = new Uint8Array(size - from);
  let read = 0;
  while (read < bytes.length) {
    const { bytesRead } = await file.read(bytes, read, bytes.length - read, from + read);
    if (bytesRead === 0) break;
    read += bytesRead;
  }
  return bytes.subarray(0, read);
}
