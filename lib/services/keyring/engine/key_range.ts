/**
 * Ranges of keys.
 *
 * @module
 */
import { engineLimits, type Range } from "./engine.ts";

/** A key that is greater than all keys. */
const endOfTable: Uint8Array = new Uint8Array(engineLimits.keyBytes + 1).fill(0xff);

/** The keys of a range: from the first one, and before the second one. */
export function boundsOf({ prefix, after }: Range): { readonly from: Uint8Array; readonly to: Uint8Array } {
  // The least key that is greater than another one has a zero byte more.
  const next = after === undefined ? prefix : new Uint8Array([...after, 0]);
  return { from: ownBytes(greater(prefix, next)), to: endOfPrefix(prefix) };
}

/** The least key that is greater than all that begin with the prefix. */
export function endOfPrefix(prefix: Uint8Array): Uint8Array {
  const last = prefix.findLastIndex((byte) => byte < 0xff);
  if (last < 0) return endOfTable;
  const end = prefix.slice(0, last + 1);
  end[last] = (end[last] ?? 0) + 1;
  return end;
}

function greater(one: Uint8Array, other: Uint8Array): Uint8Array {
  const at = one.findIndex((byte, index) => byte !== other[index]);
  if (at < 0) return one.length > other.length ? one : other;
  return (one[at] ?? 0) > (other[at] ?? -1) ? one : other;
}

/** Bytes in a buffer of their own: a message to a worker holds the whole buffer of an array. */
export function ownBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}
