/**
 * Memory when idle, after 100,000 calls, and over a soak of 100,000 more; descriptors too.
 *
 * @module
 */
import { pause } from "../support/processes.ts";
import { type Bench, vaultAt } from "./bench.ts";
import { bareServer, type Contestant, plugin, start } from "./contestants.ts";
import { type Footprint, footprint, median } from "./process_figures.ts";
import { printTable, type Target } from "./report.ts";

const calls = 100_000;
const settleMs = 3_000;
const sampleMs = 250;
/** The allowed difference between the medians of the first and the last quarter, which evens out garbage collections. */
const allowedGrowthMb = 10;

interface Memory {
  readonly idle: Footprint;
  readonly after: Footprint;
  readonly soak: readonly Footprint[];
}

/** Measures and prints the table. @returns the targets. */
export async function measureMemory(bench: Bench): Promise<Target[]> {
  const { launchers, folder } = bench;
  const contestants = [
    bareServer(launchers, folder),
    await plugin(launchers, folder, "memory local"),
    await plugin(launchers, folder, "memory vault 0 ms", { vault: vaultAt(bench, 0) }),
  ];
  const rows: string[][] = [];
  const targets: Target[] = [];
  for (const contestant of contestants) {
    const memory = await measure(bench, contestant);
    const growth = growthOf(memory.soak, ({ residentMb }) => residentMb);
    const opened = growthOf(memory.soak, ({ descriptors }) => descriptors);
    rows.push([
      contestant.name,
      memory.idle.residentMb.toFixed(0),
      memory.after.residentMb.toFixed(0),
      Math.max(...memory.soak.map(({ residentMb }) => residentMb)).toFixed(0),
      growth.toFixed(1),
      String(opened),
    ]);
    if (contestant.name !== "bare") targets.push(...judged(contestant.name, memory, growth, opened));
  }
  const head = ["server", "idle MB", "after load MB", "soak peak MB", "soak growth MB", "descriptors"];
  await printTable(`Resident memory: idle, after ${calls} calls, over a soak of ${calls} more`, head, rows);
  return targets;
}

function judged(name: string, { idle, after, soak }: Memory, growth: number, opened: number): Target[] {
  const peak = Math.max(after.residentMb, ...soak.map(({ residentMb }) => residentMb));
  return [
    { what: `${name}: resident when idle`, figure: idle.residentMb, unit: "MB", bound: { atMost: 80 } },
    { what: `${name}: resident at most after load`, figure: peak, unit: "MB", bound: { atMost: 200 } },
    { what: `${name}: growth over the soak`, figure: growth, unit: "MB", bound: { atMost: allowedGrowthMb } },
    // The number of connections to a KMS that can stay open; a leak would be thousands.
    { what: `${name}: descriptors gained over the soak`, figure: opened, unit: "", bound: { atMost: 4 } },
  ];
}

async function measure({ driver }: Bench, contestant: Contestant): Promise<Memory> {
  await using running = await start(driver, contestant);
  const load = () => driver.call("load", contestant.socket, { op: "mixed", "in-flight": 16, calls });
  await pause(settleMs);
  const idle = await footprint(running.pid);
  await load();
  await pause(settleMs);
  const after = await footprint(running.pid);
  const soak: Footprint[] = [];
  let over = false;
  const soaking = load().finally(() => over = true);
  while (!over) {
    soak.push(await footprint(running.pid));
    await pause(sampleMs);
  }
  await soaking;
  return { idle, after, soak };
}

function growthOf(samples: readonly Footprint[], figure: (sample: Footprint) => number): number {
  const quarter = Math.ceil(samples.length / 4);
  const [first, last] = [samples.slice(0, quarter), samples.slice(-quarter)];
  return median(last.map(figure)) - median(first.map(figure));
}
