/**
 * Garbage collection while the process is idle.
 *
 * @module
 */
import process from "node:process";
import { afterTimeout, type SetTimer } from "../base/deadline.ts";

/** V8's `gc` under `--expose-gc`. The flavour `last-resort` also drops compiled code that is not in use. */
type Collect = (options: { readonly type: "major"; readonly flavor: "last-resort" }) => void;

/** Resources that a process uses. */
export interface Usage {
  /** Resident memory, in bytes. */
  readonly resident: number;
  /** Processor time since the start, in milliseconds. */
  readonly processorMs: number;
}

/** Dependencies of the collection; a test replaces them. */
export interface CollectOptions {
  readonly after?: SetTimer;
  /** `undefined` if the engine offers no explicit collection. Then none is run. */
  readonly collect?: Collect | undefined;
  readonly usage?: () => Usage;
}

// Long enough for the first probes and data keys. The collection takes about 60 ms, and delays a concurrent call by
// that.
const settleMs = 2_000;

/** Milliseconds between two checks whether the process is idle. */
const lookMs = 10_000;

/** Milliseconds of processor time since the last check, up to which the process counts as idle. */
const restMs = 500;

/** Bytes by which memory must have grown since the last collection before another one runs. */
const worthwhile = 8e6;

/**
 * Runs a full collection 2 s after the start of a server, and again when the server is idle and has grown.
 *
 * Most objects and code of a start are never used again: schemas, YAML, protocol files, an evaluated SDK. The same
 * holds after a burst of calls. V8 collects on allocation, and an idle process allocates nothing. The garbage is 10 MB
 * and more of a process of 80 MB after a start, and up to 100 MB after a burst.
 *
 * Disposing cancels it.
 */
export function collectAtRest(options: CollectOptions = {}): Disposable {
  const { after = afterTimeout, usage = usageOfThis } = options;
  const collect = "collect" in options ? options.collect : collector();
  if (collect === undefined) return { [Symbol.dispose]() {} };
  let last: Usage = { resident: 0, processorMs: 0 };
  let least = 0;
  let helped = false;
  const collectNow = () => {
    const { resident } = usage();
    collect({ type: "major", flavor: "last-resort" });
    least = usage().resident;
    // V8 can return the memory of one collection to the system in the next one.
    helped = least < resident - worthwhile;
  };
  const look = () => {
    const now = usage();
    const rests = now.processorMs - last.processorMs <= restMs;
    if (rests && (helped || now.resident > least + worthwhile)) collectNow();
    last = usage();
    cancelTimer = after(lookMs, look);
  };
  let cancelTimer = after(settleMs, () => {
    collectNow();
    helped = false;
    last = usage();
    cancelTimer = after(lookMs, look);
  });
  return { [Symbol.dispose]: () => cancelTimer() };
}

function collector(): Collect | undefined {
  return (globalThis as { gc?: Collect }).gc;
}

function usageOfThis(): Usage {
  const { user, system } = process.cpuUsage();
  return { resident: Deno.memoryUsage().rss, processorMs: (user + system) / 1000 };
}
