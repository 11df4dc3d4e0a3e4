/**
 * The time from exec to the first Status, and that of commands above an empty program.
 *
 * @module
 */
import { join } from "node:path";
import { type Contestant, plugin, start } from "../contestants.ts";
import type { Figures } from "../driver.ts";
import { median } from "../process_figures.ts";
import { type Comparison, pairOf, rotated, type Sides, takePairs } from "./comparison.ts";
import { emptyLauncher } from "./empty_launcher.ts";
import { type ComparedRow, comparedRow, type Pair, type SideFigures } from "./pairs.ts";
import type { Side } from "./rows.ts";

/** Measures exec to the first Status with one kind of provider. */
export async function* compareStarts(comparison: Comparison, kind: "local" | "vault"): AsyncGenerator<ComparedRow> {
  const { driver, folder, launchers, vault } = comparison;
  const options = kind === "vault" ? { vault } : {};
  const made = async (side: "ours" | "base") =>
    await plugin({ plugin: launchers[side] }, folder, `start ${kind} ${side}`, options);
  const sides = { ours: await made("ours"), base: await made("base") };
  const first = async ({ socket, command }: Contestant) => {
    const figures = await driver.call("first", socket, {}, command);
    // The killed process has left its socket file. It is removed, so that the next start is measured correctly.
    await Deno.remove(socket).catch(() => {});
    return figures;
  };
  // The first start of each makes its key and its state.
  for (const side of Object.values(sides)) await first(side);
  const name = `exec-to-status-${kind}` as const;
  const take = (index: number) => pairOfRuns(comparison, index, sides, async (side) => [await first(side)]);
  const pairs = await takePairs(comparison, name, async (index) => {
    return mapped(await take(index), ([runs = []]) => ({ time: timeOf(runs), cpu: processorOf(runs) }));
  });
  yield comparedRow(name, pairs);
}

/** The commands that are compared, each with its arguments behind its name. */
export const comparedCommands = {
  version: () => [],
  probe: ({ socket }) => ["--socket", socket],
  status: ({ command }) => ["--config", command.at(-1) ?? ""],
} as const satisfies Readonly<Record<string, (plugin: Contestant) => readonly string[]>>;

/** A launcher, the same one with an empty program, and a plugin that runs. */
interface CommandSite {
  readonly launcher: string;
  readonly empty: string;
  readonly plugin: Contestant;
}

/** Measures a command from exec to its end beside an empty program under the same flags. */
export async function* compareCommand(
  comparison: Comparison,
  name: keyof typeof comparedCommands,
): AsyncGenerator<ComparedRow> {
  const { driver } = comparison;
  await using stack = new AsyncDisposableStack();
  const sides = {
    ours: await site(comparison, name, "ours", stack),
    base: await site(comparison, name, "base", stack),
  };
  const both = async ({ launcher, empty, plugin }: CommandSite) => [
    await driver.exec([empty]),
    await driver.exec([launcher, name, ...comparedCommands[name](plugin)]),
  ];
  // Deno keeps its analysis of a module that it has read once.
  for (const side of Object.values(sides)) await both(side);
  const pairs = await takePairs(comparison, name, async (index) => {
    return mapped(await pairOfRuns(comparison, index, sides, both), ([empty = [], program = []]) => ({
      aboveEmpty: timeOf(program) - timeOf(empty),
      time: timeOf(program),
      cpuAboveEmpty: processorOf(program) - processorOf(empty),
      cpu: processorOf(program),
    }));
  });
  yield comparedRow(name, pairs);
}

async function site(
  { driver, folder, launchers }: Comparison,
  name: string,
  side: "ours" | "base",
  stack: AsyncDisposableStack,
): Promise<CommandSite> {
  const launcher = launchers[side];
  const contestant = await plugin({ plugin: launcher }, folder, `${name} ${side}`);
  stack.use(await start(driver, contestant));
  return { launcher, plugin: contestant, empty: await emptyLauncher(launcher, join(folder, `${name}-${side}`)) };
}

/** The runs of each program of a side, for all sides. */
type Runs = ReadonlyMap<Side, readonly (readonly Figures[])[]>;

/** Runs the programs of all sides in turn, again and again. */
async function pairOfRuns<T>(
  { sizes }: Comparison,
  index: number,
  sides: Sides<T>,
  once: (side: T) => Promise<readonly Figures[]>,
): Promise<Runs> {
  const runs = new Map<Side, Figures[][]>();
  for (let run = 0; run < sizes.runs; run++) {
    for (const [name, side] of rotated(index + run, sides)) {
      const programs = await once(side);
      const before = runs.get(name) ?? programs.map(() => []);
      runs.set(name, before.map((taken, program) => [...taken, ...programs.slice(program, program + 1)]));
    }
  }
  return runs;
}

function mapped(runs: Runs, figures: (programs: readonly (readonly Figures[])[]) => SideFigures): Pair {
  const sides = new Map([...runs].map(([side, programs]) => [side, figures(programs)]));
  return pairOf(["ours", "base"], sides);
}

function timeOf(runs: readonly Figures[]): number {
  return median(runs.map(({ p50 }) => p50));
}

function processorOf(runs: readonly Figures[]): number {
  return median(runs.map(({ processor }) => processor));
}
