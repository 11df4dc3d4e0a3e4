/**
 * Changed bytes, as an untrusted store could return them.
 *
 * @module
 */

/** Changed bytes; `what` describes the change in a few words. */
export interface Changed {
  readonly what: string;
  readonly bytes: Uint8Array;
}

/** A copy with some bits of one byte inverted. */
export function flipped(bytes: Uint8Array, at: number, mask = 0x01): Uint8Array {
  const copy = new Uint8Array(bytes);
  copy[at] = (copy[at] ?? 0) ^ mask;
  return copy;
}

/** Copies with one byte flipped, for each byte from offset `from` and each mask. */
export function everyFlip(bytes: Uint8Array, masks: readonly number[], from = 0): readonly Changed[] {
  return Array.from(bytes.keys()).slice(from).flatMap((at) =>
    masks.map((mask) => ({ what: `byte ${at} ^ ${mask}`, bytes: flipped(bytes, at, mask) }))
  );
}

/** All proper prefixes, the empty one first. */
export function everyCut(bytes: Uint8Array): readonly Changed[] {
  return Array.from(bytes, (_, length) => ({ what: `cut to ${length} bytes`, bytes: bytes.subarray(0, length) }));
}

/** Copies with one more byte at the end, for each of `tails`. */
export function everyAppended(bytes: Uint8Array, tails: readonly number[]): readonly Changed[] {
  return tails.map((tail) => ({ what: `with ${tail} behind it`, bytes: Uint8Array.of(...bytes, tail) }));
}

/** At most `maxItems` elements of a list, evenly spread. */
export function spread<T>(list: readonly T[], maxItems: number): readonly T[] {
  if (list.length <= maxItems) return list;
  return Array.from({ length: maxItems }, (_, index) => list[Math.floor(index * list.length / maxItems)] as T);
}
