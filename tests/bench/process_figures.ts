/**
 * Figures of a process from the kernel.
 *
 * @module
 */
import { run } from "../support/processes.ts";

/** Memory and descriptors at one moment. */
export interface Footprint {
  /** Resident set in MB (10^6 bytes). */
  readonly residentMb: number;
  /** The peak since the start of the process, in MB. */
  readonly highestMb: number;
  readonly descriptors: number;
}

/** Reads `/proc` with another program: Deno permits that only with all permissions. */
export async function footprint(pid: number): Promise<Footprint> {
  const status = await output("cat", [`/proc/${pid}/status`]);
  const megabytes = (field: string) =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]) * 1024 / 1e6;
  const descriptors = (await output("ls", [`/proc/${pid}/fd`])).trim().split("\n").length;
  return { residentMb: megabytes("VmRSS"), highestMb: megabytes("VmHWM"), descriptors };
}

/** Processor time of a process in seconds. The kernel counts in hundredths. */
export async function processorSeconds(pid: number): Promise<number> {
  const stat = await output("cat", [`/proc/${pid}/stat`]);
  // The name in parentheses can hold spaces; the fields after it are counted.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** The average number of processes that wanted a core during the last minute. */
export async function loadAverage(): Promise<number> {
  return Number((await output("cat", ["/proc/loadavg"])).split(" ")[0]);
}

async function output(command: string, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(command, args);
  if (code !== 0) throw new Error(`Cannot read /proc: ${stderr.trim()}`);
  return stdout;
}

/** The median; of an even number of values, the upper one of the middle two. */
export function median(values: readonly number[]): number {
  const middle = values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
  if (middle === undefined) throw new Error("Cannot take the median of nothing.");
  return middle;
}
