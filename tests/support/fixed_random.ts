/**
 * Fixed random bytes for code that draws a nonce.
 *
 * @module
 */
import assert from "node:assert/strict";

/**
 * Runs synchronous code with `draws` as the results of its draws of random bytes, in order. The real source is restored
 * when it returns.
 *
 * @throws {Error} if the number of draws or the size of one differs.
 */
export function withRandom<T>(draws: readonly Uint8Array[], work: () => T): T {
  const original = crypto.getRandomValues;
  const left = [...draws];
  const draw = <A extends ArrayBufferView | null>(target: A): A => {
    const next = left.shift();
    assert.ok(target instanceof Uint8Array && next?.length === target.length, "a draw that the test does not know");
    target.set(next);
    return target;
  };
  // `randomBytes` of node:crypto calls this function too.
  crypto.getRandomValues = draw as typeof original;
  try {
    const result = work();
    assert.equal(left.length, 0, "fewer draws than the test knows");
    return result;
  } finally {
    crypto.getRandomValues = original;
  }
}
