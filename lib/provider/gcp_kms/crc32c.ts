/**
 * CRC-32C, the checksum by which Cloud KMS and its clients tell each other that nothing changed on the way (RFC 3720,
 * section 12.1: polynomial 0x1EDC6F41, reflected). Node has the other CRC-32 only.
 *
 * @module
 */

const reflected = 0x82f63b78;

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? reflected : 0);
  return value;
});

/** Of all the bytes, as an unsigned number of 32 bits. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ (table[(crc ^ byte) & 0xff] ?? 0);
  return (crc ^ 0xffffffff) >>> 0;
}
