/**
 * Giving back what starting has left behind.
 *
 * @module
 */
import { type After, afterTimeout } from "../deadline.ts";

/** What V8 has as `gc` under `--expose-gc`: without other flavours it keeps code that might be run again. */
type Collect = (options: { readonly type: "major"; readonly flavor: "last-resort" }) => void;

// Long enough for the first probes and data keys. The collection takes some 60 ms, which a call of that moment waits.
const settleMs = 2_000;

/**
 * Has the engine collect everything once, when a server has started.
 *
 * Most of what a start allocates, and the code that it ran, is never used again: schemas, YAML, protocol files, an SDK
 * that was evaluated. An engine that waits for the next allocations to notice waits for ever in a process that is idle.
 * That is 10 MB and more of a process of 80.
 *
 * An engine that offers no collection is left alone. Disposing calls it off.
 */
export function collectOnceStarted(after: After = afterTimeout, collect = collector()): Disposable {
  const callOff = after(settleMs, () => collect?.({ type: "major", flavor: "last-resort" }));
  return { [Symbol.dispose]: callOff };
}

function collector(): Collect | undefined {
  return (globalThis as { gc?: Collect }).gc;
}
