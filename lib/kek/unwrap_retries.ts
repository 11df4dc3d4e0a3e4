/**
 * Repeats an unwrap that failed, for a provider that is not probed. Without it only a Decrypt would show the end of an
 * outage, and a provider that is sick is asked last. A probe could not take its place: the login of such a provider may
 * have lost the right to wrap.
 *
 * @module
 */
import { type Clock, deadlineBy } from "../base/clock.ts";
import { backoff, jittered, orAborted } from "../base/deadline.ts";
import { effectiveCode, errorCodes, type KmsError, toKmsError } from "../base/errors.ts";
import type { CheckedProvider, Unwrappable } from "../provider/provider.ts";
import type { HealthBoard } from "./health.ts";

/**
 * Milliseconds; `jitter` is a share. The pause doubles from `first` to `last`. A KMS that is gone for good is asked about
 * a hundred times a day: with the tries of `retrying` 400 calls, where a provider that is probed has 1,152.
 */
const retryTimings = { deadline: 5_000, first: 60_000, last: 900_000, jitter: 0.1 } as const;

/** A provider whose unwraps are recorded on the board. */
type Reader = Pick<CheckedProvider, "name" | "unwrap">;

/** The repeated unwraps of a group, at most one for each provider. */
export class UnwrapRetries {
  readonly #clock: Clock;
  readonly #board: HealthBoard;
  readonly #random: () => number;
  readonly #running = new Map<string, Promise<void>>();

  /** @param random numbers from 0 to below 1, which spread the calls of several nodes. */
  constructor(clock: Clock, board: HealthBoard, random: () => number) {
    this.#clock = clock;
    this.#board = board;
    this.#random = random;
  }

  /** Repeats an unwrap until its KMS answers, the provider is well by another call, or `signal` fires. */
  start(reader: Reader, wrapped: Unwrappable, signal: AbortSignal): void {
    const { name } = reader;
    if (this.#running.has(name) || !this.#isUnwell(name)) return;
    const running = this.#repeat(reader, wrapped, signal).finally(() => this.#running.delete(name));
    this.#running.set(name, running);
  }

  /** Waits for the calls in progress, after the signal of {@linkcode UnwrapRetries.start} has fired. */
  async ended(): Promise<void> {
    await Promise.all(this.#running.values());
  }

  async #repeat(reader: Reader, wrapped: Unwrappable, signal: AbortSignal): Promise<void> {
    let pause: number = retryTimings.first;
    for (let failures = 1;; failures++) {
      await this.#clock.sleep(jittered(pause, retryTimings.jitter, this.#random), signal);
      if (signal.aborted || !this.#isUnwell(reader.name)) return;
      const begunAt = this.#clock.now();
      const error = await this.#unwrap(reader, wrapped, signal);
      if (error && isAboutData(error)) this.#board.reached(reader.name, begunAt);
      pause = Math.max(backoff(failures, retryTimings.first, retryTimings.last), error?.retryAfterMs ?? 0);
    }
  }

  async #unwrap({ name, unwrap }: Reader, wrapped: Unwrappable, signal: AbortSignal): Promise<KmsError | undefined> {
    using bound = deadlineBy(this.#clock, retryTimings.deadline, signal);
    try {
      const work = unwrap(wrapped, { signal: bound.signal });
      (await orAborted(work, bound.signal, `unwrap with provider "${name}"`, "after this turn")).fill(0);
      return undefined;
    } catch (thrown) {
      return toKmsError(thrown);
    }
  }

  #isUnwell(name: string): boolean {
    const { state } = this.#board.of(name);
    return state === "sick" || state === "refusing";
  }
}

/** Whether a KMS that was reached refused these bytes alone: `errorCodes` says which refused unwraps are no illness. */
function isAboutData(error: KmsError): boolean {
  const code = effectiveCode(error);
  return code === "integrity" || (errorCodes[code].refusal && errorCodes[code].sick === "probe-or-wrap");
}
