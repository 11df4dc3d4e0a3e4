/**
 * How quickly each provider unwraps, so that the quickest is asked first and the next one not too late.
 *
 * @module
 */

/** Milliseconds. A hedge is never earlier than `least`: two calls for one data key should stay the exception. */
export const hedgeTimings = { unknown: 250, least: 20, most: 700 } as const;

const kept = 64;

/** The last unwraps of each provider. */
export class Latencies {
  readonly #samples = new Map<string, number[]>();

  /** Notes how long an unwrap took, in milliseconds. */
  note(name: string, ms: number): void {
    const samples = this.#samples.get(name) ?? [];
    samples.push(ms);
    if (samples.length > kept) samples.shift();
    this.#samples.set(name, samples);
  }

  /** The median; a provider that was never asked comes before one that is known to be slow. */
  typical(name: string): number {
    return this.#quantile(name, 0.5) ?? hedgeTimings.unknown;
  }

  /** How long to wait for a provider before the next one is asked too: its 95th percentile, within bounds. */
  hedge(name: string): number {
    const { unknown, least, most } = hedgeTimings;
    return Math.min(most, Math.max(least, this.#quantile(name, 0.95) ?? unknown));
  }

  /** @param share at least 0 and less than 1. */
  #quantile(name: string, share: number): number | undefined {
    const samples = this.#samples.get(name);
    return samples?.toSorted((a, b) => a - b)[Math.floor(share * samples.length)];
  }
}
