/**
 * Deadlines: every wait takes an AbortSignal, and a signal that fired says whether time ran out or the caller left.
 *
 * @module
 */
import { KmsError } from "./errors.ts";

/** A signal that fires after `ms`, or with `parent`, whichever is first. Call `clear` when the work is done. */
export interface Deadline extends Disposable {
  readonly signal: AbortSignal;
  /** Milliseconds until it fires because time has run out. */
  readonly left: () => number;
}

/** Calls back once after `ms`; what it returns calls that off. */
export type SetTimer = (ms: number, fire: () => void) => () => void;

/** {@linkcode SetTimer} on the machine's own timers. */
export const afterTimeout: SetTimer = (ms, fire) => {
  const timer = setTimeout(fire, ms);
  return () => clearTimeout(timer);
};

/**
 * Many deadlines on one timer, each of them kept at most `everyMs` late: a timer of its own for each of the calls under
 * way costs more than what many of them do. A deadline so short that this would matter has a timer of its own.
 *
 * @param now milliseconds, on the clock that `after` goes by.
 */
export function coalescedTimers(after: SetTimer, everyMs: number, now: () => number): SetTimer {
  const waiting = new Set<{ readonly at: number; readonly fire: () => void }>();
  let callOff: (() => void) | undefined;
  const start = () => callOff ??= after(everyMs, tick);
  const tick = () => {
    callOff = undefined;
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
      callOff?.();
      callOff = undefined;
    };
  };
}

/**
 * Bounds a piece of work.
 *
 * A plain timer and one listener: `AbortSignal.any` and `AbortSignal.timeout` keep their sources alive until they are
 * collected, which under load is memory that grows.
 *
 * @param ms milliseconds; at most 2^31-1.
 * @param now milliseconds, on the clock that `after` goes by.
 */
export function deadline(
  ms: number,
  parent?: AbortSignal,
  after: SetTimer = afterTimeout,
  now: () => number = () => performance.now(),
): Deadline {
  const controller = new AbortController();
  const end = now() + ms;
  const callOff = after(Math.max(0, ms), () => controller.abort(timeoutReason()));
  const onParent = () => controller.abort(parent?.reason);
  if (parent?.aborted) onParent();
  else parent?.addEventListener("abort", onParent, { once: true });
  return {
    signal: controller.signal,
    left: () => end - now(),
    [Symbol.dispose]() {
      callOff();
      parent?.removeEventListener("abort", onParent);
    },
  };
}

/** The reason that {@linkcode abortError} reads as "time ran out". */
export function timeoutReason(): DOMException {
  return new DOMException("The deadline passed.", "TimeoutError");
}

/** The reason to abort what nobody waits for any more: without one, an error with a stack trace is made for nobody. */
export const abandoned = "no longer wanted";

/**
 * The error for a signal that fired.
 *
 * @param action what could not be done, as in "wrap with provider \"vault-eu\"".
 * @returns `deadline_exceeded` if its reason is a TimeoutError, else `cancelled`.
 */
export function abortError(signal: AbortSignal, action: string): KmsError {
  return isTimeout(signal)
    ? new KmsError("deadline_exceeded", `Cannot ${action}: no answer within the deadline.`)
    : new KmsError("cancelled", `Cannot ${action}: the caller gave up.`);
}

/** Whether a signal has fired because time ran out. */
export function isTimeout({ reason }: AbortSignal): boolean {
  return reason instanceof DOMException && reason.name === "TimeoutError";
}

/** When {@linkcode orAborted} rejects: at once, or after this turn of the event loop, for the work's own error. */
export type AbortPatience = "at once" | "after this turn";

/**
 * Waits for `work`, but not past `signal`. The work itself is not stopped by this: hand it the signal too.
 *
 * @param patience `after this turn` for work that heeds the signal itself and whose error may name the silent server.
 * @throws {KmsError} `deadline_exceeded` or `cancelled`, or whatever the work throws.
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

/** Resolves after `ms`, or as soon as `signal` fires; it never throws, so that a loop can ask the signal itself. */
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

/** Spreads `ms` evenly over ±`share`, so that nodes that started together do not call together. */
export function jittered(ms: number, share: number, random: () => number = Math.random): number {
  return ms * (1 - share + 2 * share * random());
}

/** The pause after so many failures in a row: `first`, then twice as long each time, `most` at the longest. */
export function backoff(failures: number, first: number, most: number): number {
  return Math.min(most, first * 2 ** failures);
}
