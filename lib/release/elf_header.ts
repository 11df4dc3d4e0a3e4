/**
 * The header of an ELF file for 64-bit little-endian Linux: the machine, and the part that appending data changes.
 *
 * @module
 */

/** Bytes of the header (System V ABI, `Elf64_Ehdr`). */
export const elfHeaderBytes = 64;

const machines: Readonly<Record<number, "amd64" | "arm64">> = { 0x3e: "amd64", 0xb7: "arm64" };

/**
 * The machine of an ELF file.
 *
 * @param header the first 64 bytes, or more.
 * @returns `undefined` if this is no ELF file for 64-bit little-endian amd64 or arm64.
 */
export function elfMachine(header: Uint8Array): "amd64" | "arm64" | undefined {
  if (header.length < elfHeaderBytes) return undefined;
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  if (view.getUint32(0) !== 0x7f454c46 || view.getUint16(4) !== 0x0201) return undefined;
  return machines[view.getUint16(18, true)];
}
