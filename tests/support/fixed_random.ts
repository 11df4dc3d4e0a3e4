/**
 * Randomness that a test chooses, for code that draws a nonce.
 *
 * @module
 */
import assert from "node:assert/strict";

/**
 * Runs synchronous code while each draw of random bytes gives the next of `draws`. The real source is back when it returns.
 *
 * @throws if the code draws another number of bytes, more often or less often.
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
  // node:crypto's randomBytes draws from here too.
  crypto.getRandomValues = draw as typeof original;
  try {
    const result = work();
    assert.equal(left.length, 0, "fewer draws than the test knows");
    return result;
  } finally {
    crypto.getRandomValues = original;
  }
}
