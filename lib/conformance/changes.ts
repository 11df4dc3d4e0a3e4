/**
 * Bytes that were changed on their way: what a store that cannot be trusted may hand in.
 *
 * @module
 */

/** Bytes and how they were changed, in a few words. */
export interface Changed {
  readonly what: string;
  readonly bytes: Uint8Array;
}

/** A copy with some bits of one byte turned over. */
export function flipped(bytes: Uint8Array, at: number, mask = 0x01): Uint8Array {
  const copy = new Uint8Array(bytes);
  copy[at] = (copy[at] ?? 0) ^ mask;
  return copy;
}

/** Each byte from a place on flipped, once with each mask. */
export function everyFlip(bytes: Uint8Array, masks: readonly number[], from = 0): readonly Changed[] {
  return Array.from(bytes.keys()).slice(from).flatMap((at) =>
    masks.map((mask) => ({ what: `byte ${at} ^ ${mask}`, bytes: flipped(bytes, at, mask) }))
  );
}

/** Each beginning, the empty one first. */
export function everyCut(bytes: Uint8Array): readonly Changed[] {
  return Array.from(bytes, (_, length) => ({ what: `cut to ${length} bytes`, bytes: bytes.subarray(0, length) }));
}

/** With one more byte behind it: each of those given. */
export function everyAppended(bytes: Uint8Array, tails: readonly number[]): readonly Changed[] {
  return tails.map((tail) => ({ what: `with ${tail} behind it`, bytes: Uint8Array.of(...bytes, tail) }));
}

/** At most so many of a list, spread over all of it. */
export function spread<T>(list: readonly T[], most: number): readonly T[] {
  if (list.length <= most) return list;
  return Array.from({ length: most }, (_, index) => list[Math.floor(index * list.length / most)] as T);
}
