/**
 * Measures a server under a load of well-formed calls: the latency of a normal client beside it, and the memory of the
 * server during the load and a minute later.
 *
 * @module
 */
import { join } from "node:path";
import { footprint } from "../bench/process_figures.ts";
import { type CallFigures, PipelinedClient } from "./pipelined_client.ts";
import { encryptPath, encryptRequest, type Load } from "./pressure_client.ts";
import { pause, run } from "./processes.ts";

/** The loads. Each is the maximum of one kind of well-formed calls within the limits. */
export const loads = {
  "pipelined calls on one connection": { connections: 1, inFlight: 1000, restMs: 0, uidBytes: 8, frameBytes: 0 },
  "many connections with a few calls each": { connections: 200, inFlight: 4, restMs: 5, uidBytes: 8, frameBytes: 0 },
  "many small frames": { connections: 4, inFlight: 32, restMs: 0, uidBytes: 60_000, frameBytes: 16 },
} as const satisfies Record<string, Omit<Load, "seconds">>;

/** The name of a load. */
export type LoadName = keyof typeof loads;

/** The bounds of resident memory, in MB (10^6 bytes). */
export const bounds = { heightMb: 200, aboveIdleMb: 20 } as const;

/** The maximum p99 of the normal client beside a load, as a multiple of its p99 without load. */
export const slower: Readonly<Partial<Record<LoadName, number>>> = { "pipelined calls on one connection": 5 };

/** Milliseconds from the end of a load to the second measurement of memory. */
export const laterMs = 60_000;

/** The measured server. */
export interface Subject {
  readonly socket: string;
  readonly pid: number;
}

/** The result. Memory is in MB. */
export interface Pressure {
  readonly alone: CallFigures;
  readonly beside: CallFigures;
  /** The figures of the load itself. */
  readonly load: CallFigures;
  readonly idleMb: number;
  readonly heightMb: number;
  /** The end of the load, in milliseconds of `performance.now()`. */
  readonly endedAt: number;
}

/** Milliseconds from the start of a server until its start-up and the garbage collection after it have ended. */
const settleMs = 6_000;
const aloneSeconds = 4;
const loadSeconds = 8;
/** The normal client starts this much later than the load and ends this much earlier. */
const leadSeconds = 1.5;

/** Measures one load. */
export async function measurePressure({ socket, pid }: Subject, name: LoadName): Promise<Pressure> {
  await pause(settleMs);
  const idleMb = (await footprint(pid)).residentMb;
  const alone = await goodClient(socket, aloneSeconds);
  const load = putLoad(socket, { ...loads[name], seconds: loadSeconds });
  await pause(leadSeconds * 1000);
  const beside = await goodClient(socket, loadSeconds - 2 * leadSeconds);
  const figures = await load;
  const endedAt = performance.now();
  // The peak that the kernel records. Polling during the load would slow down the normal client's process.
  return { alone, beside, load: figures, idleMb, heightMb: (await footprint(pid)).highestMb, endedAt };
}

/** Waits until one minute after the load. @returns the resident memory then, in MB. */
export async function residentLater({ pid }: Subject, { endedAt }: Pressure): Promise<number> {
  await pause(Math.max(0, endedAt + laterMs - performance.now()));
  return (await footprint(pid)).residentMb;
}

/** The figures as text. */
export function describePressure({ alone, beside, load, idleMb, heightMb }: Pressure, laterMb: number): string {
  const latencies = ({ p50, p99, failed, calls }: CallFigures) =>
    `p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms, ${failed} of ${calls} failed`;
  return `good client alone: ${latencies(alone)}; beside the load: ${latencies(beside)}; load: ${load.calls} calls, ` +
    `${load.failed} failed; resident ${idleMb.toFixed(0)} MB idle, ${heightMb.toFixed(0)} MB at its height, ` +
    `${laterMb.toFixed(0)} MB a minute later`;
}

async function goodClient(socket: string, seconds: number): Promise<CallFigures> {
  await using client = await PipelinedClient.dial(socket);
  const signal = AbortSignal.timeout(seconds * 1000);
  return await client.run({ path: encryptPath, message: encryptRequest(8), inFlight: 1, restMs: 2, signal });
}

/** Runs the load in a separate process, so that it slows down the server and not the normal client. */
async function putLoad(socket: string, load: Load): Promise<CallFigures> {
  const program = join(import.meta.dirname ?? ".", "pressure_client.ts");
  const args = [
    "run",
    "--no-check",
    "--allow-net",
    "--allow-read",
    "--allow-write",
    program,
    socket,
    JSON.stringify(load),
  ];
  const { code, stdout, stderr } = await run(Deno.execPath(), args);
  if (code !== 0) throw new Error(`Cannot put load on ${socket}: ${stderr.trim()}`);
  return JSON.parse(stdout);
}
