/**
 * Fixed random bytes for code that draws a nonce.
 *
 * @module
 */
import assert from "node:assert/strict";

/**
 * Gives `draws` as the results of draws of random bytes, in order, until it is disposed of; then the real source is back.
 *
 * @throws {Error} at a draw of another size, and when it is disposed of before all were drawn.
 */
export function fixedRandom(draws: readonly Uint8Array[]): Disposable {
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
  return {
    [Symbol.dispose]() {
      crypto.getRandomValues = original;
      assert.equal(left.length, 0, "fewer draws than the test knows");
    },
  };
}

/**
 * Runs synchronous code with {@linkcode fixedRandom}.
 *
 * @throws {Error} if the number of draws or the size of one differs.
 */
export function withRandom<T>(draws: readonly Uint8Array[], work: () => T): T {
  using _fixed = fixedRandom(draws);
  return work();
}
