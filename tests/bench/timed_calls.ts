/**
 * One measurement of a running server: the driver's figures, and the processor time of the server for each call.
 *
 * @module
 */
import type { Driver, DriverCommand, DriverOptions, Figures } from "./driver.ts";
import type { Contestant, Running } from "./contestants.ts";
import { processorSeconds } from "./process_figures.ts";

/** The numbers of concurrent calls that are measured. */
export const callsInFlight = [1, 16, 128] as const;

/** Number of values with distinct data keys. It exceeds the number of concurrent calls, so that no unwraps are shared. */
export const distinctValues = 400;

/** Seconds of a measurement, and of the calls before it. */
export interface Timing {
  readonly seconds: number;
  readonly warmup: number;
}

const usualTiming: Timing = { seconds: 1, warmup: 0.3 };

/** A contestant and the process that runs it. */
export interface Started {
  readonly contestant: Contestant;
  readonly running: Running;
}

/** Figures with `processor`: microseconds of processor time, user and system, for each call. */
export type TimedFigures = Pick<Figures, "rate" | "p50" | "p99"> & { readonly processor: number };

/** Measures one server with `count` calls in flight. */
export async function measureTimed(
  driver: Driver,
  { contestant, running }: Started,
  command: DriverCommand,
  options: DriverOptions,
  count: number,
  timing: Timing = usualTiming,
): Promise<TimedFigures> {
  const before = await processorSeconds(running.pid);
  const { calls, warmupCalls, rate, p50, p99 } = await driver.call(command, contestant.socket, {
    ...options,
    ...timing,
    "in-flight": count,
  });
  const used = await processorSeconds(running.pid) - before;
  return { rate, p50, p99, processor: used * 1e6 / (calls + warmupCalls) };
}
