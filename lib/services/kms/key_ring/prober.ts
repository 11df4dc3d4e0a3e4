/**
 * Asks each provider, at its own pace, whether it is well and which version wraps now.
 *
 * @module
 */
import { type Clock, deadlineBy } from "../../../base/clock.ts";
import { backoff, jittered, orAborted } from "../../../base/deadline.ts";
import { effectiveCode, errorCodes, type KmsError, toKmsError } from "../../../base/errors.ts";
import type { KeyState, Provider } from "../../../provider/provider.ts";
import { WakeSignal } from "./wake_signal.ts";
import type { Observed } from "./snapshot.ts";

/** Milliseconds. A probe every 75 s is 1,152 a day, which leaves room for logins and renewals below 1,440 calls. */
export const probeTimings = {
  interval: 75_000,
  jitter: 0.1,
  deadline: 5_000,
  confirm: 5_000,
  firstRetry: 1_000,
  lastRetry: 10_000,
  refusedRetry: 15_000,
} as const;

/** Who is told what the probes found. */
export interface ProbeListener {
  /** @returns whether another probe shall confirm this version soon. */
  answered(name: string, state: KeyState): Observed;
  failed(name: string, error: KmsError): void;
}

/** How often each provider is probed while it is well, and what spreads that over several nodes. */
export interface ProbePace {
  readonly intervalMs: number;
  /** Numbers from 0 to 1. */
  readonly random: () => number;
}

/** The loops that probe, one a provider. */
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

  /** Has a provider probed within a second: something suggests that it has changed. */
  probeSoon(name: string): void {
    this.#wakeSignals.get(name)?.wake();
  }

  async #watch(provider: Provider, signal: AbortSignal): Promise<void> {
    const bell = new WakeSignal();
    this.#wakeSignals.set(provider.name, bell);
    for (let failures = 0; !signal.aborted;) {
      const { ms, failed } = await this.#probe(provider, failures, signal);
      failures = failed ? failures + 1 : 0;
      // A second passes in any case, so that many pokes are one probe.
      const least = Math.min(ms, probeTimings.firstRetry);
      await this.#clock.sleep(least, signal);
      await bell.wait(this.#clock, ms - least, signal);
    }
  }

  async #probe(provider: Provider, failures: number, signal: AbortSignal): Promise<{ ms: number; failed: boolean }> {
    using bound = deadlineBy(this.#clock, probeTimings.deadline, signal);
    try {
      const call = { signal: bound.signal };
      const action = `probe provider "${provider.name}"`;
      const state = await orAborted(provider.probe(call), bound.signal, action, "after this turn");
      const observed = this.#listener.answered(provider.name, state);
      const { intervalMs, random } = this.#pace;
      const ms = observed === "confirm" ? probeTimings.confirm : jittered(intervalMs, probeTimings.jitter, random);
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
  const least = isRefusal && failures > 2 ? refusedRetry : backoff(failures, firstRetry, lastRetry);
  return jittered(Math.max(least, error.retryAfterMs ?? 0), jitter, random);
}
