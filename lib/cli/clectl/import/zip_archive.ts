/**
 * The parts of a ZIP archive (APPNOTE 6.3.10), unpacked within a limit and packed again without compression. The reader
 * of workbooks then unpacks nothing itself: the sizes in an archive can be untrue.
 *
 * @module
 */
import { crc32, inflateRawSync } from "node:zlib";
import { concat, utf8, utf8Text } from "../../../base/bytes.ts";
import { importFileLimits, UnreadableImportError } from "./rows.ts";

/** Maximum number of parts. A workbook has a few and one for each sheet. */
const maxParts = 4096;

const endSignature = 0x06054b50;
const directorySignature = 0x02014b50;
const localSignature = 0x04034b50;

/** A part of an archive. */
interface ArchivePart {
  readonly name: Uint8Array;
  readonly content: Uint8Array;
}

/**
 * The same archive with all parts stored.
 *
 * @param change of the content of a part, by its name.
 * @param maxBytes of all parts together.
 * @throws {UnreadableImportError}
 */
export function storedArchive(
  bytes: Uint8Array,
  change: (name: string, content: Uint8Array) => Uint8Array = (_, content) => content,
  maxBytes: number = importFileLimits.unpackedBytes,
): Uint8Array {
  const parts = partsOf(bytes, maxBytes);
  return packed(parts.map(({ name, content }) => ({ name, content: change(utf8Text(name) ?? "", content) })));
}

function partsOf(bytes: Uint8Array, maxBytes: number): readonly ArchivePart[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = endOf(view);
  const count = view.getUint16(end + 10, true);
  if (count > maxParts) throw new UnreadableImportError(`it has more than ${maxParts} parts`);
  let [at, left]: [number, number] = [view.getUint32(end + 16, true), maxBytes];
  const parts: ArchivePart[] = [];
  for (let index = 0; index < count; index++) {
    const part = inBounds(() => partAt(bytes, view, at, left));
    left -= part.content.length;
    at = part.next;
    parts.push(part);
  }
  return parts;
}

/** Offset of the end of the central directory. A comment of up to 65,535 bytes follows it. */
function endOf(view: DataView): number {
  for (let at = view.byteLength - 22; at >= Math.max(0, view.byteLength - 22 - 0xffff); at--) {
    if (view.getUint32(at, true) === endSignature) return at;
  }
  throw broken();
}

function partAt(bytes: Uint8Array, view: DataView, at: number, left: number): ArchivePart & { readonly next: number } {
  if (view.getUint32(at, true) !== directorySignature) throw broken();
  if ((view.getUint16(at + 8, true) & 1) !== 0) {
    throw new UnreadableImportError("it has a password; save it without one");
  }
  const [method, crc, size] = [
    view.getUint16(at + 10, true),
    view.getUint32(at + 16, true),
    view.getUint32(at + 20, true),
  ];
  const [nameLength, extra, comment] = [28, 30, 32].map((offset) => view.getUint16(at + offset, true));
  const local = view.getUint32(at + 42, true);
  if (view.getUint32(local, true) !== localSignature) throw broken();
  const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
  if (start + size > bytes.length) throw broken();
  const content = unpacked(bytes.subarray(start, start + size), method, left);
  if (crc32(content) !== crc) throw broken();
  const name = bytes.slice(at + 46, at + 46 + (nameLength ?? 0));
  return { name, content, next: at + 46 + (nameLength ?? 0) + (extra ?? 0) + (comment ?? 0) };
}

function unpacked(bytes: Uint8Array, method: number, left: number): Uint8Array {
  if (method === 0 && bytes.length <= left) return bytes;
  if (method !== 8) throw method === 0 ? tooLarge() : broken();
  try {
    return new Uint8Array(inflateRawSync(bytes, { maxOutputLength: Math.max(1, left) }));
  } catch (thrown) {
    const isTooLarge = thrown instanceof RangeError ||
      (thrown instanceof Error && "code" in thrown && thrown.code === "ERR_BUFFER_TOO_LARGE");
    throw isTooLarge ? tooLarge() : broken();
  }
}

function packed(parts: readonly ArchivePart[]): Uint8Array {
  const [locals, directory]: [Uint8Array[], Uint8Array[]] = [[], []];
  let offset = 0;
  for (const { name, content } of parts) {
    const sizes = [crc32(content), content.length, content.length] as const;
    const local = concat(header(localSignature, sizes, name.length, 30), name, content);
    const row = header(directorySignature, sizes, name.length, 46);
    new DataView(row.buffer).setUint32(42, offset, true);
    directory.push(row, name);
    locals.push(local);
    offset += local.length;
  }
  const index = concat(...directory);
  const end = new DataView(new ArrayBuffer(22));
  end.setUint32(0, endSignature, true);
  end.setUint16(8, parts.length, true);
  end.setUint16(10, parts.length, true);
  end.setUint32(12, index.length, true);
  end.setUint32(16, offset, true);
  return concat(...locals, index, new Uint8Array(end.buffer));
}

/** A local header, or a row of the directory, which has one more field before the common ones. */
function header(
  signature: number,
  sizes: readonly [number, number, number],
  nameLength: number,
  length: 30 | 46,
): Uint8Array {
  const view = new DataView(new ArrayBuffer(length));
  const at = length === 30 ? 14 : 16;
  view.setUint32(0, signature, true);
  view.setUint16(4, 20, true);
  sizes.forEach((size, index) => view.setUint32(at + 4 * index, size, true));
  view.setUint16(at + 12, nameLength, true);
  return new Uint8Array(view.buffer);
}

function inBounds<T>(read: () => T): T {
  try {
    return read();
  } catch (thrown) {
    throw thrown instanceof RangeError ? broken() : thrown;
  }
}

function broken(): UnreadableImportError {
  return new UnreadableImportError("it is not a whole workbook");
}

function tooLarge(): UnreadableImportError {
  return new UnreadableImportError(
    `it is larger than ${importFileLimits.unpackedBytes / 1024 / 1024} MiB when it is unpacked`,
  );
}

/** Whether bytes begin as an archive does. */
export function isArchive(bytes: Uint8Array): boolean {
  return utf8("PK\u0003\u0004").every((byte, at) => bytes[at] === byte);
}
