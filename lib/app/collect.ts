/**
 * Giving back memory that is not used any more.
 *
 * @module
 */
import process from "node:process";
import { afterTimeout, type SetTimer } from "../base/deadline.ts";

/** What V8 has as `gc` under `--expose-gc`: without other flavours it keeps code that might be run again. */
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
  /** `undefined` where the engine offers no collection, and is left alone. */
  readonly collect?: Collect | undefined;
  readonly usage?: () => Usage;
}

// Long enough for the first probes and data keys. The collection takes some 60 ms, which a call of that moment waits.
const settleMs = 2_000;

/** How often it is looked whether the process rests, in milliseconds. */
const lookMs = 10_000;

/** A process rests that used no more than this of the processor's time since the last look, in milliseconds. */
const restMs = 500;

/** Bytes by which memory has to have grown since the last collection to be worth another one. */
const worthwhile = 8e6;

/**
 * Has the engine collect everything once a server has started, and again whenever the server rests after it has grown.
 *
 * Most of what a start allocates, and the code that it ran, is never used again: schemas, YAML, protocol files, an SDK
 * that was evaluated. The same is true of what a burst of calls has left behind. An engine that waits for the next
 * allocations to notice waits for ever in a process that is idle. That is 10 MB and more of a process of 80 after a start,
 * and up to 100 MB after a burst.
 *
 * Disposing calls it off.
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
    // Memory that one collection frees may go back to the system with the next one.
    helped = least < resident - worthwhile;
  };
  const look = () => {
    const now = usage();
    const rests = now.processorMs - last.processorMs <= restMs;
    if (rests && (helped || now.resident > least + worthwhile)) collectNow();
    last = usage();
    callOff = after(lookMs, look);
  };
  let callOff = after(settleMs, () => {
    collectNow();
    helped = false;
    last = usage();
    callOff = after(lookMs, look);
  });
  return { [Symbol.dispose]: () => callOff() };
}

function collector(): Collect | undefined {
  return (globalThis as { gc?: Collect }).gc;
}

function usageOfThis(): Usage {
  const { user, system } = process.cpuUsage();
  return { resident: Deno.memoryUsage().rss, processorMs: (user + system) / 1000 };
}
