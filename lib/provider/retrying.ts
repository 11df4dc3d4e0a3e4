/**
 * Makes a call again that may succeed a moment later.
 *
 * @module
 */
import { sleep as sleepUntil } from "../deadline.ts";
import { errorCodes, type KmsError, toKmsError } from "../errors.ts";
import { foreignPart, type Provider } from "./provider.ts";

/** How often and after which pauses. Times are milliseconds. */
export interface RetryOptions {
  /** Calls in all, the first one included. */
  readonly tries: number;
  /** The first pause; each later one is twice as long. Every pause is spread evenly over half to once and a half of it. */
  readonly firstPauseMs: number;
  /** A KMS that asks to be left alone for longer is not waited for: kube-apiserver gives an RPC 3 s in all. */
  readonly longestPauseMs: number;
  /** 0 to below 1. */
  readonly random: () => number;
  /** Resolves after a time or when the signal fires, and never throws. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

const defaults: RetryOptions = {
  tries: 4,
  firstPauseMs: 50,
  longestPauseMs: 2000,
  random: Math.random,
  sleep: sleepUntil,
};

/**
 * Retries `wrap` and `unwrap` where the table of codes says that it may help, with exponential back-off and jitter, at
 * the earliest when the KMS asks for it (`retryAfterMs`), and never past the signal. The error of the last try is the
 * one thrown: it says more than that time ran out. Probes are made once: they report what is.
 */
export function retrying(provider: Provider, options: Partial<RetryOptions> = {}): Provider {
  const settings = { ...defaults, ...options };
  return {
    name: provider.name,
    kind: provider.kind,
    probe: (call) => provider.probe(call),
    wrap: (dek, at, call) => persist(() => provider.wrap(dek, at, call), call.signal, settings),
    unwrap: (wrapped, call) => persist(() => provider.unwrap(wrapped, call), call.signal, settings),
    ...foreignPart(
      provider,
      (unwrapForeign) => (foreign, call) => persist(() => unwrapForeign(foreign, call), call.signal, settings),
    ),
    [Symbol.asyncDispose]: () => provider[Symbol.asyncDispose](),
  };
}

async function persist<T>(attempt: () => Promise<T>, signal: AbortSignal, options: RetryOptions): Promise<T> {
  for (let failures = 1;; failures++) {
    try {
      return await attempt();
    } catch (thrown) {
      const error = toKmsError(thrown);
      const pause = pauseAfter(error, failures, options);
      if (pause === undefined || signal.aborted) throw error;
      await options.sleep(pause, signal);
      if (signal.aborted) throw error;
    }
  }
}

/** How long to wait before the next try, or `undefined` if there is to be none. */
function pauseAfter(error: KmsError, failures: number, options: RetryOptions): number | undefined {
  if (errorCodes[error.code].retry !== "yes" || failures >= options.tries) return undefined;
  const backoff = options.firstPauseMs * 2 ** (failures - 1) * (0.5 + options.random());
  const pause = Math.max(backoff, error.retryAfterMs ?? 0);
  return pause > options.longestPauseMs ? undefined : pause;
}
