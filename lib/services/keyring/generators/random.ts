/**
 * Uniform choices from the runtime's cryptographic generator, which the kernel seeds.
 *
 * @module
 */

/**
 * A whole number from 0 to `limit` − 1; each is equally probable. Numbers are drawn with as many bits as `limit` − 1 has,
 * and those that are too large are dropped: a remainder would make small numbers more probable. A draw is kept with a
 * probability of at least 1/2.
 *
 * @param limit from 1 to 2^31.
 */
export function uniformBelow(limit: number): number {
  const bits = 32 - Math.clz32(limit - 1);
  for (;;) {
    const drawn = drawnBytes(bits).reduce((sum, byte) => (sum << 8) | byte, 0) & (2 ** bits - 1);
    if (drawn < limit) return drawn;
  }
}

/**
 * {@linkcode uniformBelow} for numbers of any size.
 *
 * @param limit 1 or more.
 */
export function uniformBigBelow(limit: bigint): bigint {
  const bits = bitLength(limit - 1n);
  for (;;) {
    const drawn = drawnBytes(bits).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n) & ((1n << BigInt(bits)) - 1n);
    if (drawn < limit) return drawn;
  }
}

/** The items in an order of which each is equally probable (Fisher and Yates), as a new array. */
export function shuffled<T>(items: readonly T[]): T[] {
  const left = [...items];
  return items.flatMap(() => left.splice(uniformBelow(left.length), 1));
}

/** The binary logarithm of a number that may be larger than a double; 1 or more. */
export function log2Of(value: bigint): number {
  const shift = Math.max(0, bitLength(value) - 53);
  return Math.log2(Number(value >> BigInt(shift))) + shift;
}

function bitLength(value: bigint): number {
  return value === 0n ? 0 : value.toString(2).length;
}

/** Random bytes for a number of bits; none for no bits. */
function drawnBytes(bits: number): readonly number[] {
  return bits === 0 ? [] : [...crypto.getRandomValues(new Uint8Array(Math.ceil(bits / 8)))];
}
