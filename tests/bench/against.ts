/**
 * `deno task bench against --against REV [--pairs N]`: this checkout beside another commit of it, pair by pair.
 *
 * Both plugins run at the same time and are loaded in turn; each pair gives a ratio, and the median of the ratios counts:
 * on a shared machine the two figures of a pair were taken within seconds of each other.
 *
 * @module
 */
import { join } from "node:path";
import { unpackRevision } from "../support/archived_revision.ts";
import { run } from "../support/processes.ts";
import { type Bench, vaultAt } from "./bench.ts";
import { plugin, type PluginOptions, start } from "./contestants.ts";
import type { DriverCommand, DriverOptions } from "./driver.ts";
import { footprint, median } from "./process_figures.ts";
import { number, print, printTable, ratio, type Target } from "./report.ts";
import { callsInFlight, distinctValues, measureTimed, type Started, type TimedFigures } from "./timed_calls.ts";

/** The figures of one plugin in one pair, or their ratios. */
type PairFigures = Omit<TimedFigures, "p99">;

/** The calls that are measured on both sides. */
interface Load {
  readonly name: string;
  readonly options: PluginOptions;
  readonly command: DriverCommand;
  readonly callOptions: (side: Started) => DriverOptions;
}

/**
 * Stages another commit with its own recipe.
 *
 * @returns the path of its launcher.
 * @throws {Error} with the command that fetches the commit, where the clone lacks it.
 */
export async function stageRevision(revision: string, folder: string): Promise<string> {
  const [source, out] = [join(folder, "source"), join(folder, "staged")];
  await unpackRevision(revision, source);
  const config = ["--config", join(source, "deno.json")];
  const rights = ["--allow-read", "--allow-write", "--allow-run", "--allow-env"];
  const args = ["run", ...config, ...rights, join(source, "deploy/compile/stage.ts"), out];
  const { code, stderr } = await run(Deno.execPath(), args);
  if (code !== 0) throw new Error(`Cannot stage commit ${revision}: ${stderr}`);
  return join(out, "trousseau");
}

/** Measures, prints every pair, and returns the medians. */
export async function measureAgainst(bench: Bench): Promise<Target[]> {
  if (bench.against === undefined) return [];
  const { revision, launcher } = bench.against;
  const targets: Target[] = [];
  const file = ({ contestant: { name } }: Started) => join(bench.folder, `${name.replaceAll(" ", "-")}.pairs`);
  const loads: readonly Load[] = [
    { name: "encrypt", options: {}, command: "load", callOptions: () => ({ op: "encrypt" }) },
    { name: "decrypt, cached", options: {}, command: "load", callOptions: () => ({ op: "decrypt" }) },
    {
      name: "decrypt, uncached, Vault 5 ms",
      options: { vault: vaultAt(bench, 5), uncached: true },
      command: "open",
      callOptions: (side) => ({ file: file(side) }),
    },
  ];
  for (const one of [bench.launchers.plugin, launcher]) await analyse(one);
  await print(`\nPairs of this checkout and ${revision}; each ratio is this one to the other`);
  for (const load of loads) {
    await using stack = new AsyncDisposableStack();
    const other = { ...bench.launchers, plugin: launcher };
    const sides: Started[] = [];
    for (const [which, launchers] of [["this", bench.launchers], ["other", other]] as const) {
      const contestant = await plugin(
        launchers,
        bench.folder,
        `${which} ${load.name.replaceAll(",", "")}`,
        load.options,
      );
      sides.push({ contestant, running: stack.use(await start(bench.driver, contestant)) });
    }
    if (load.command === "open") {
      for (const side of sides) {
        await bench.driver.call("seal", side.contestant.socket, { calls: distinctValues, file: file(side) });
      }
    }
    for (const count of callsInFlight) targets.push(...await pairs(bench, load, sides, count));
    targets.push(await memory(load.name, sides));
  }
  return [...targets, await starts(bench, launcher)];
}

/**
 * Starts a launcher once. Deno analyses a bundle at its first start and caches the result. That takes time and memory
 * that a binary, which contains no analysis, never needs.
 */
async function analyse(launcher: string): Promise<void> {
  const { code, stderr } = await run(launcher, ["version"], { env: { DENO: Deno.execPath() } });
  if (code !== 0) throw new Error(`Cannot start ${launcher}: ${stderr}`);
}

async function pairs(bench: Bench, load: Load, sides: readonly Started[], count: number): Promise<Target[]> {
  const ratios: PairFigures[] = [];
  const rows: string[][] = [];
  for (let pair = 0; pair < bench.rounds; pair++) {
    const figures: PairFigures[] = [];
    // The side that begins changes, so that a slow phase of the machine meets both.
    const order = pair % 2 === 0 ? sides : sides.toReversed();
    for (const side of order) {
      figures.push(await measureTimed(bench.driver, side, load.command, load.callOptions(side), count));
    }
    const [ours, theirs] = pair % 2 === 0 ? figures : figures.toReversed();
    if (ours === undefined || theirs === undefined) throw new Error("A pair has two sides.");
    const one = {
      rate: ours.rate / theirs.rate,
      p50: ours.p50 / theirs.p50,
      processor: ours.processor / theirs.processor,
    };
    ratios.push(one);
    rows.push([
      String(pair + 1),
      ...[ours.rate, theirs.rate].map(number),
      ratio(one.rate),
      ...[ours.p50, theirs.p50].map(number),
      ratio(one.p50),
      ...[ours.processor, theirs.processor].map(number),
      ratio(one.processor),
    ]);
  }
  const head = ["pair", "calls/s", "other", "", "p50 ms", "other", "", "us/call", "other", ""];
  await printTable(`${load.name}, ${count} in flight`, head, rows);
  const of = (figure: keyof PairFigures) => median(ratios.map((one) => one[figure]));
  const what = `${load.name}, ${count} in flight`;
  return [
    { what: `${what}: calls/s`, figure: of("rate"), unit: "x", bound: { atLeast: 1 } },
    { what: `${what}: p50`, figure: of("p50"), unit: "x", bound: { atMost: 1 } },
    { what: `${what}: processor time`, figure: of("processor"), unit: "x", bound: { atMost: 1 } },
  ];
}

async function memory(name: string, sides: readonly Started[]): Promise<Target> {
  const [ours = 0, theirs = 0] = await Promise.all(
    sides.map(async ({ running }) => (await footprint(running.pid)).residentMb),
  );
  await print(`${name}: resident after these calls ${number(ours)} MB, other ${number(theirs)} MB`);
  return { what: `${name}: resident after the calls`, figure: ours / theirs, unit: "x", bound: { atMost: 1 } };
}

async function starts(bench: Bench, launcher: string): Promise<Target> {
  const { driver, launchers, folder } = bench;
  const sides = [
    await plugin(launchers, folder, "this start"),
    await plugin({ ...launchers, plugin: launcher }, folder, "other start"),
  ];
  const rows: string[][] = [];
  const ratios: number[] = [];
  for (let pair = 0; pair < bench.rounds; pair++) {
    const times: number[] = [];
    for (const { socket, command } of sides) {
      times.push((await driver.call("first", socket, {}, command)).p50);
      await Deno.remove(socket).catch(() => {});
    }
    const [ours = 0, theirs = 1] = times;
    ratios.push(ours / theirs);
    rows.push([String(pair + 1), number(ours), number(theirs), ratio(ours / theirs)]);
  }
  await printTable("Exec to first Status", ["pair", "ms", "other", ""], rows);
  return { what: "exec to first Status", figure: median(ratios), unit: "x", bound: { atMost: 1 } };
}
