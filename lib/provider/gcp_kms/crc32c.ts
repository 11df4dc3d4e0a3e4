/**
 * CRC-32C, the checksum with which Cloud KMS and its clients detect changes in transit (RFC 3720, section 12.1:
 * polynomial 0x1EDC6F41, reflected). Node supports the other CRC-32 only.
 *
 * @module
 */

const reflected = 0x82f63b78;

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? reflected : 0);
  return value;
});

/** The checksum of all bytes, as an unsigned 32-bit number. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ (table[(crc ^ byte) & 0xff] ?? 0);
  return (crc ^ 0xffffffff) >>> 0;
}
