/**
 * Reads one file of a ZIP archive: `denort` is published as one.
 *
 * Layouts are those of PKWARE's APPNOTE 6.3, sections 4.3.7, 4.3.12 and 4.3.16. Zip64 and encryption are refused.
 *
 * @module
 */
import { crc32, inflateRawSync } from "node:zlib";

const signatures = { local: 0x04034b50, central: 0x02014b50, end: 0x06054b50 } as const;
const methods = { stored: 0, deflated: 8 } as const;

/** The largest file that is unpacked: `denort` has about 80 MB. */
const maxBytes = 512 * 1024 * 1024;

/**
 * The content of the file `name`.
 *
 * @throws {Error} if the archive is broken, has no such file, or its checksum does not hold.
 */
export function readZipEntry(archive: Uint8Array<ArrayBuffer>, name: string): Uint8Array {
  try {
    const view = new DataView(archive.buffer, archive.byteOffset, archive.byteLength);
    return unpack(archive, view, name);
  } catch (cause) {
    throw new Error(`Cannot read ${name} from the ZIP archive: ${cause instanceof Error ? cause.message : cause}`);
  }
}

function unpack(archive: Uint8Array, view: DataView, name: string): Uint8Array {
  const at = findCentral(archive, view, name);
  const [method, sum] = [view.getUint16(at + 10, true), view.getUint32(at + 16, true)];
  const [packed, size] = [view.getUint32(at + 20, true), view.getUint32(at + 24, true)];
  const local = view.getUint32(at + 42, true);
  if (size > maxBytes) throw new Error(`it has ${size} bytes.`);
  if (view.getUint32(local, true) !== signatures.local) throw new Error("its header is damaged.");
  const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
  if (start + packed > archive.length) throw new Error("the archive is cut off.");
  const bytes = inflated(archive.subarray(start, start + packed), method, size);
  if (bytes.length !== size || crc32(bytes) !== sum) throw new Error("its checksum does not hold.");
  return bytes;
}

function inflated(bytes: Uint8Array, method: number, size: number): Uint8Array {
  if (method === methods.stored) return bytes;
  if (method === methods.deflated) return inflateRawSync(bytes, { maxOutputLength: Math.max(size, 1) });
  throw new Error(`it is packed by method ${method}.`);
}

function findCentral(archive: Uint8Array, view: DataView, name: string): number {
  const end = findEnd(view);
  let at = view.getUint32(end + 16, true);
  for (let left = view.getUint16(end + 10, true); left > 0; left--) {
    if (view.getUint32(at, true) !== signatures.central) throw new Error("the archive's list is damaged.");
    const nameLength = view.getUint16(at + 28, true);
    if (new TextDecoder().decode(archive.subarray(at + 46, at + 46 + nameLength)) === name) return at;
    at += 46 + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  throw new Error("there is no such file.");
}

// The record at the end has 22 bytes and a comment of at most 65,535.
function findEnd(view: DataView): number {
  for (let at = view.byteLength - 22; at >= Math.max(0, view.byteLength - 22 - 0xffff); at--) {
    if (view.getUint32(at, true) === signatures.end) return at;
  }
  throw new Error("it is no ZIP archive.");
}
