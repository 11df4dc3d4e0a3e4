/**
 * Statistical tests of random choices that fail by chance with a probability of at most 10^-9.
 *
 * @module
 */
import { ok } from "node:assert/strict";

/** The probability that a test of correct code fails. */
const chance = 1e-9;

/**
 * The largest distance of a count from its expectation, by Bernstein's inequality: a sum X of `draws` independent events of
 * `probability` has P(|X − E| ≥ t) ≤ 2 exp(−t² / (2 (variance + t/3))).
 *
 * @param cells how many counts are compared; their chances are added up.
 */
export function farthest(draws: number, probability: number, cells: number): number {
  const variance = draws * probability * (1 - probability);
  const logarithm = Math.log(2 * cells / chance);
  return logarithm / 3 + Math.sqrt((logarithm / 3) ** 2 + 2 * variance * logarithm);
}

/** Fails if a value was not drawn as often as its probability says, or if another value was drawn. */
export function assertDistribution<Value>(drawn: readonly Value[], probabilities: ReadonlyMap<Value, number>): void {
  const counts = new Map<Value, number>();
  for (const value of drawn) counts.set(value, (counts.get(value) ?? 0) + 1);
  for (const value of counts.keys()) ok(probabilities.has(value), `${value} is not expected`);
  for (const [value, probability] of probabilities) {
    const distance = Math.abs((counts.get(value) ?? 0) - drawn.length * probability);
    const limit = farthest(drawn.length, probability, probabilities.size);
    ok(distance < limit, `${value}: ${counts.get(value)} of ${drawn.length}, ${distance} away, ${limit} allowed`);
  }
}

/** The same probability for each of these values. */
export function uniform<Value>(values: readonly Value[]): ReadonlyMap<Value, number> {
  return new Map(values.map((value) => [value, 1 / values.length]));
}
