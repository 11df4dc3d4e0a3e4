/**
 * Latencies of each provider's unwraps, which give the order of calls and the time of a hedged call.
 *
 * @module
 */

/** Milliseconds. `min` keeps a second call for the same data key an exception; `unknown`: before the first unwrap. */
export const hedgeTimings = { unknown: 250, min: 20, max: 700 } as const;

const kept = 64;

/** The last 64 unwraps of each provider. */
export class Latencies {
  readonly #samples = new Map<string, number[]>();

  /** Adds the duration of an unwrap, in milliseconds. */
  note(name: string, ms: number): void {
    const samples = this.#samples.get(name) ?? [];
    samples.push(ms);
    if (samples.length > kept) samples.shift();
    this.#samples.set(name, samples);
  }

  /** The median in milliseconds. Without samples it is `unknown`, less than that of a provider known to be slow. */
  typical(name: string): number {
    return this.#quantile(name, 0.5) ?? hedgeTimings.unknown;
  }

  /** Milliseconds to wait for a provider before the next one is called too: its 95th percentile, within bounds. */
  hedge(name: string): number {
    const { unknown, min, max } = hedgeTimings;
    return Math.min(max, Math.max(min, this.#quantile(name, 0.95) ?? unknown));
  }

  /** @param share at least 0 and less than 1. */
  #quantile(name: string, share: number): number | undefined {
    const samples = this.#samples.get(name);
    return samples?.toSorted((a, b) => a - b)[Math.floor(share * samples.length)];
  }
}
