/**
 * Limits the requests of each identity by a token bucket.
 *
 * @module
 */
import { KeyringError } from "../../../api/keyring/problems.ts";
import type { Clock } from "../../../base/clock.ts";

/** Limits of one identity. */
export interface RateOptions {
  /** Requests per second in the long run. */
  readonly perSecond: number;
  /** Requests at once. */
  readonly burst: number;
}

interface Bucket {
  /** Requests that may be made at once. */
  left: number;
  at: number;
}

/** Maximum number of buckets that are not full; more identities than that at once share none. */
const maxBuckets = 10_000;

/** See the module. */
export class RateLimit {
  readonly #options: RateOptions;
  readonly #clock: Pick<Clock, "now">;
  readonly #buckets = new Map<string, Bucket>();

  constructor(options: RateOptions, clock: Pick<Clock, "now">) {
    this.#options = options;
    this.#clock = clock;
  }

  /** Counts a request. @throws {KeyringError} `rate_limited` */
  take(id: string): void {
    const { perSecond, burst } = this.#options;
    const now = this.#clock.now();
    const bucket = this.#buckets.get(id) ?? this.#newBucket(id, now);
    bucket.left = Math.min(burst, bucket.left + (now - bucket.at) / 1_000 * perSecond);
    bucket.at = now;
    if (bucket.left < 1) {
      throw new KeyringError(
        "rate_limited",
        `This identity sends more than ${perSecond} requests a second; send fewer.`,
        { retryAfterSeconds: Math.max(1, (1 - bucket.left) / perSecond) },
      );
    }
    bucket.left--;
  }

  #newBucket(id: string, now: number): Bucket {
    if (this.#buckets.size >= maxBuckets) this.#forget(now);
    const bucket = { left: this.#options.burst, at: now };
    this.#buckets.set(id, bucket);
    return bucket;
  }

  /** Removes the buckets that are full again, and the oldest one in any case. */
  #forget(now: number): void {
    const { perSecond, burst } = this.#options;
    for (const [id, { left, at }] of this.#buckets) {
      if (left + (now - at) / 1_000 * perSecond >= burst) this.#buckets.delete(id);
    }
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size >= maxBuckets && oldest !== undefined) this.#buckets.delete(oldest);
  }
}
