/**
 * Probes each provider for its health and for the version that wraps now.
 *
 * @module
 */
import { type Clock, deadlineBy } from "../base/clock.ts";
import { backoff, jittered, orAborted } from "../base/deadline.ts";
import { effectiveCode, errorCodes, type KmsError, toKmsError } from "../base/errors.ts";
import { WakeSignal } from "../base/wake_signal.ts";
import type { KeyState, Provider } from "../provider/provider.ts";

/** Milliseconds; `jitter` is a share. `rest` is how long a provider that rests is not even looked at. */
const probeTimings = {
  jitter: 0.1,
  deadline: 5_000,
  confirm: 5_000,
  firstRetry: 1_000,
  lastRetry: 10_000,
  refusedRetry: 15_000,
  rest: 3_600_000,
} as const;

/** Receives the results. */
export interface ProbeListener {
  /** @param begunAt when the probe began. @returns whether another probe has to confirm this version soon. */
  answered(name: string, state: KeyState, begunAt: number): boolean;
  failed(name: string, error: KmsError): void;
  /** Whether a provider needs no probe until {@linkcode Prober.probeSoon} is called for it. */
  rests(name: string): boolean;
}

/** How often a provider is probed while it is well. */
export interface ProbePace {
  /** Milliseconds. */
  readonly intervalMs: number;
  /** Numbers from 0 to below 1, which spread the probes of several nodes. */
  readonly random: () => number;
}

/** One loop for each provider. */
export class Prober {
  readonly #clock: Clock;
  readonly #listener: ProbeListener;
  readonly #pace: ProbePace;
  readonly #wakeSignals = new Map<string, WakeSignal>();

  constructor(clock: Clock, pace: ProbePace, listener: ProbeListener) {
    this.#clock = clock;
    this.#pace = pace;
    this.#listener = listener;
  }

  /** Probes until `signal` fires. */
  async run(providers: readonly Provider[], signal: AbortSignal): Promise<void> {
    await Promise.all(providers.map((provider) => this.#watch(provider, signal)));
  }

  /** Probes a provider within a second instead of after its interval. */
  probeSoon(name: string): void {
    this.#wakeSignals.get(name)?.wake();
  }

  async #watch(provider: Provider, signal: AbortSignal): Promise<void> {
    const wakeSignal = new WakeSignal();
    this.#wakeSignals.set(provider.name, wakeSignal);
    for (let failures = 0; !signal.aborted;) {
      if (this.#listener.rests(provider.name)) {
        await wakeSignal.wait(this.#clock, probeTimings.rest, signal);
        continue;
      }
      const { ms, failed } = await this.#probe(provider, failures, signal);
      failures = failed ? failures + 1 : 0;
      // At least a second between two probes, however often probeSoon() is called.
      const pause = Math.min(ms, probeTimings.firstRetry);
      await this.#clock.sleep(pause, signal);
      await wakeSignal.wait(this.#clock, ms - pause, signal);
    }
  }

  async #probe(provider: Provider, failures: number, signal: AbortSignal): Promise<{ ms: number; failed: boolean }> {
    using bound = deadlineBy(this.#clock, probeTimings.deadline, signal);
    const begunAt = this.#clock.now();
    try {
      const call = { signal: bound.signal };
      const action = `probe provider "${provider.name}"`;
      const state = await orAborted(provider.probe(call), bound.signal, action, "after this turn");
      const confirm = this.#listener.answered(provider.name, state, begunAt);
      const { intervalMs, random } = this.#pace;
      const ms = confirm ? probeTimings.confirm : jittered(intervalMs, probeTimings.jitter, random);
      return { ms, failed: false };
    } catch (thrown) {
      const error = toKmsError(thrown);
      if (!signal.aborted) this.#listener.failed(provider.name, error);
      return { ms: retryAfter(error, failures, this.#pace.random), failed: true };
    }
  }
}

function retryAfter(error: KmsError, failures: number, random: () => number): number {
  const { firstRetry, lastRetry, refusedRetry, jitter } = probeTimings;
  const isRefusal = errorCodes[effectiveCode(error)].refusal;
  const min = isRefusal && failures > 2 ? refusedRetry : backoff(failures, firstRetry, lastRetry);
  return jittered(Math.max(min, error.retryAfterMs ?? min), jitter, random);
}
