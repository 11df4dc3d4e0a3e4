/**
 * Numbers that a seed repeats.
 *
 * @module
 */

/** A seed from the environment variable, else a random one. */
export function seedFrom(variable: string): number {
  const given = Deno.env.get(variable);
  return given === undefined ? crypto.getRandomValues(new Uint32Array(1))[0] ?? 1 : Number(given);
}

/** Numbers from 0 to below 1, the same ones for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
