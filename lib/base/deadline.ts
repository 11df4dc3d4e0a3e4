/**
 * Deadlines and cancellation. Each wait takes an AbortSignal; the reason of an aborted signal tells a timeout from a
 * cancellation by the caller.
 *
 * @module
 */
import { KmsError } from "./errors.ts";

/**
 * A signal that is aborted after a time or together with its parent, whichever is first. Dispose of it when the work is
 * done.
 */
export interface Deadline extends Disposable {
  readonly signal: AbortSignal;
  /** Milliseconds until the timeout. */
  readonly left: () => number;
}

/** Calls `fire` once after `ms` milliseconds. @returns a function that cancels the call. */
export type SetTimer = (ms: number, fire: () => void) => () => void;

/** {@linkcode SetTimer} with the timers of the runtime. */
export const afterTimeout: SetTimer = (ms, fire) => {
  const timer = setTimeout(fire, ms);
  return () => clearTimeout(timer);
};

/**
 * Coalesces many deadlines into one timer. Each fires at most `everyMs` milliseconds late. One timer for each call in
 * progress would cost more than many of the calls themselves. A deadline shorter than `10 * everyMs` gets its own
 * timer.
 *
 * @param now the current time in milliseconds, on the clock of `after`.
 */
export function coalescedTimers(after: SetTimer, everyMs: number, now: () => number): SetTimer {
  const waiting = new Set<{ readonly at: number; readonly fire: () => void }>();
  let cancel: (() => void) | undefined;
  const start = () => cancel ??= after(everyMs, tick);
  const tick = () => {
    cancel = undefined;
    const at = now();
    for (const one of [...waiting].filter((one) => one.at <= at)) {
      if (waiting.delete(one)) one.fire();
    }
    if (waiting.size > 0) start();
  };
  return (ms, fire) => {
    if (ms < 10 * everyMs) return after(ms, fire);
    const one = { at: now() + ms, fire };
    waiting.add(one);
    start();
    return () => {
      if (!waiting.delete(one) || waiting.size > 0) return;
      cancel?.();
      cancel = undefined;
    };
  };
}

/**
 * Limits the duration of work.
 *
 * It uses a plain timer and one listener: `AbortSignal.any` and `AbortSignal.timeout` keep their sources alive until
 * garbage collection, so that memory grows under load.
 *
 * @param ms milliseconds; at most 2^31-1.
 * @param now the current time in milliseconds, on the clock of `after`.
 */
export function deadline(
  ms: number,
  parent?: AbortSignal,
  after: SetTimer = afterTimeout,
  now: () => number = () => performance.now(),
): Deadline {
  const controller = new AbortController();
  const end = now() + ms;
  const cancel = after(Math.max(0, ms), () => controller.abort(timeoutReason()));
  const onParent = () => controller.abort(parent?.reason);
  if (parent?.aborted) onParent();
  else parent?.addEventListener("abort", onParent, { once: true });
  return {
    signal: controller.signal,
    left: () => end - now(),
    [Symbol.dispose]() {
      cancel();
      parent?.removeEventListener("abort", onParent);
    },
  };
}

/** The abort reason that {@linkcode abortError} treats as a timeout. */
export function timeoutReason(): DOMException {
  return new DOMException("The deadline passed.", "TimeoutError");
}

/**
 * The abort reason for work whose result is no longer needed. `abort()` without a reason would create an error with a
 * stack trace, which is not used.
 */
export const abandoned = "no longer wanted";

/**
 * The error for an aborted signal.
 *
 * @param action the operation that failed, as in "wrap with provider \"vault-eu\"".
 * @returns `deadline_exceeded` if the reason is a timeout, else `cancelled`.
 */
export function abortError(signal: AbortSignal, action: string): KmsError {
  return isTimeout(signal)
    ? new KmsError("deadline_exceeded", `Cannot ${action}: no answer within the deadline.`)
    : new KmsError("cancelled", `Cannot ${action}: the caller gave up.`);
}

/** Whether a signal was aborted by a timeout. */
export function isTimeout({ reason }: AbortSignal): boolean {
  return reason instanceof DOMException && reason.name === "TimeoutError";
}

/**
 * The time at which {@linkcode orAborted} rejects: at once, or after this turn of the event loop, so that the work's
 * own error can come first.
 */
export type AbortPatience = "at once" | "after this turn";

/**
 * Waits for `work` until `signal` is aborted. This does not stop the work; it must observe the signal itself.
 *
 * @param action the operation, as for {@linkcode abortError}.
 * @param patience `after this turn` for work that observes the signal and whose error can name the silent server.
 * @throws {KmsError} `deadline_exceeded` or `cancelled`, or the error of the work.
 */
export function orAborted<T>(
  work: Promise<T>,
  signal: AbortSignal,
  action: string,
  patience: AbortPatience = "at once",
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const end = () => reject(abortError(signal, action));
    const onAbort = () => patience === "at once" ? end() : void setImmediate(end);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    work.then((value) => {
      signal.removeEventListener("abort", onAbort);
      resolve(value);
    }, (thrown) => {
      signal.removeEventListener("abort", onAbort);
      reject(thrown);
    });
  });
}

/**
 * Starts work and waits for it, but not past `signal`, as {@linkcode orAborted} does.
 *
 * @param onAbort called when the signal fires. It runs before the listeners that the work itself registers.
 */
export function startedOrAborted<T>(
  start: () => Promise<T>,
  signal: AbortSignal,
  action: string,
  onAbort: () => void,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const end = () => {
      onAbort();
      reject(abortError(signal, action));
    };
    signal.addEventListener("abort", end, { once: true });
    const fail = (thrown: unknown) => {
      signal.removeEventListener("abort", end);
      reject(thrown);
    };
    try {
      start().then((value) => {
        signal.removeEventListener("abort", end);
        resolve(value);
      }, fail);
    } catch (thrown) {
      fail(thrown);
    }
  });
}

/** Resolves after `ms` milliseconds or as soon as `signal` is aborted. It never rejects; a loop checks the signal itself. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
  });
}

/**
 * A random time from `ms * (1 - share)` to `ms * (1 + share)`, so that nodes that started together do not send requests
 * together.
 *
 * @param share from 0 to 1
 * @param random returns a number from 0 to 1
 */
export function jittered(ms: number, share: number, random: () => number = Math.random): number {
  return ms * (1 - share + 2 * share * random());
}

/**
 * The pause after a number of consecutive failures, in the unit of its arguments: `first`, doubled for each failure, at
 * most `max`.
 */
export function backoff(failures: number, first: number, max: number): number {
  return Math.min(max, first * 2 ** failures);
}
