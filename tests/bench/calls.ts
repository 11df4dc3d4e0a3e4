/**
 * Calls per second and latencies of each operation, for every server in turn.
 *
 * Each round measures all servers, and the median round counts. On a shared machine, only figures from the same round can
 * be compared.
 *
 * @module
 */
import { join } from "node:path";
import type { Bench } from "./bench.ts";
import { bareServer, type Contestant, plugin, start } from "./contestants.ts";
import type { Driver, DriverCommand, DriverOptions } from "./driver.ts";
import { peer } from "./peer.ts";
import { median } from "./process_figures.ts";
import { number, printTable, ratio, type Target } from "./report.ts";
import { callsInFlight, distinctValues, measureTimed, type Started, type TimedFigures } from "./timed_calls.ts";

/** One cell: the figures of a server for one operation and one number of concurrent calls. */
interface Cell extends TimedFigures {
  readonly server: string;
}

interface Measured {
  readonly operation: string;
  readonly inFlight: number;
  readonly cells: readonly Cell[];
}

/** Measures and prints the tables. @returns the targets. */
export async function measureCalls(bench: Bench): Promise<Target[]> {
  const cached = await cachedCalls(bench);
  const uncached = await uncachedCalls(bench);
  for (const measured of [...cached, ...uncached]) await printMeasured(measured);
  return [...cached.flatMap(latencyTargets), ...uncached.flatMap((measured) => uncachedTargets(measured))];
}

async function cachedCalls(bench: Bench): Promise<Measured[]> {
  await using stack = new AsyncDisposableStack();
  const { launchers, folder } = bench;
  const contestants = [bareServer(launchers, folder), await plugin(launchers, folder, "local")];
  for (const { latencyMs, vault } of bench.vaults) {
    contestants.push(await plugin(launchers, folder, `vault ${latencyMs} ms`, { vault }));
  }
  if (bench.peer !== undefined) contestants.push(await peer(bench.peer, bench, 5));
  const started = await startAll(bench.driver, contestants, stack);
  const measured: Measured[] = [];
  for (const op of ["status", "encrypt", "decrypt"] as const) {
    const operation = op === "decrypt" ? "decrypt, cached" : op;
    measured.push(...await overInFlight(bench, operation, started, "load", () => ({ op })));
  }
  return measured;
}

async function uncachedCalls(bench: Bench): Promise<Measured[]> {
  await using stack = new AsyncDisposableStack();
  const { launchers, folder } = bench;
  const contestants = [
    bareServer(launchers, folder),
    await plugin(launchers, folder, "uncached local", { uncached: true }),
  ];
  for (const { latencyMs, vault } of bench.vaults) {
    contestants.push(await plugin(launchers, folder, `uncached vault ${latencyMs} ms`, { vault, uncached: true }));
  }
  if (bench.peer !== undefined) contestants.push(await peer(bench.peer, bench, 5));
  const started = await startAll(bench.driver, contestants, stack);
  const file = ({ name }: Contestant) => join(folder, `${name.replaceAll(" ", "-")}.sealed`);
  for (const { contestant } of started) {
    await bench.driver.call("seal", contestant.socket, { calls: distinctValues, file: file(contestant) });
  }
  return await overInFlight(bench, "decrypt, uncached", started, "open", (contestant) => ({ file: file(contestant) }));
}

async function startAll(
  driver: Driver,
  contestants: readonly Contestant[],
  stack: AsyncDisposableStack,
): Promise<Started[]> {
  const started: Started[] = [];
  for (const contestant of contestants) {
    started.push({ contestant, running: stack.use(await start(driver, contestant)) });
  }
  return started;
}

async function overInFlight(
  bench: Bench,
  operation: string,
  started: readonly Started[],
  command: DriverCommand,
  options: (contestant: Contestant) => DriverOptions,
): Promise<Measured[]> {
  const measured: Measured[] = [];
  for (const count of callsInFlight) {
    const cells = new Map<string, Cell[]>(started.map(({ contestant }) => [contestant.name, []]));
    for (let round = 0; round < bench.rounds; round++) {
      for (const one of started) {
        const { contestant } = one;
        const figures = await measureTimed(bench.driver, one, command, options(contestant), count);
        cells.get(contestant.name)?.push({ server: contestant.name, ...figures });
      }
    }
    measured.push({ operation, inFlight: count, cells: [...cells.values()].map(middle) });
  }
  return measured;
}

/** The median of each figure over the rounds. */
function middle(cells: readonly Cell[]): Cell {
  const of = (figure: (cell: Cell) => number) => median(cells.map(figure));
  return {
    server: cells[0]?.server ?? "",
    rate: of((one) => one.rate),
    p50: of((one) => one.p50),
    p99: of((one) => one.p99),
    processor: of((one) => one.processor),
  };
}

async function printMeasured({ operation, inFlight, cells }: Measured): Promise<void> {
  const bare = bareCell(cells);
  const rows = cells.map(({ server, rate, p50, p99, processor }) => [
    server,
    rate.toFixed(0),
    ratio(rate / bare.rate),
    number(p50),
    ratio(p50 / bare.p50),
    number(p99),
    processor.toFixed(0),
  ]);
  const head = ["server", "calls/s", "to bare", "p50 ms", "to bare", "p99 ms", "cpu us/call"];
  await printTable(`${operation}, ${inFlight} in flight`, head, rows);
}

function bareCell(cells: readonly Cell[]): Cell {
  const [bare] = cells;
  if (bare === undefined) throw new Error("Cannot compare: nothing was measured.");
  return bare;
}

function latencyTargets({ operation, inFlight, cells }: Measured): Target[] {
  const local = cells.find(({ server }) => server === "local");
  if (local === undefined) return [];
  const what = `${operation}, ${inFlight} in flight: p50 of the local key to bare`;
  return [{ what, figure: local.p50 / bareCell(cells).p50, unit: "x", bound: { atMost: 1.3 } }];
}

function uncachedTargets({ inFlight, cells }: Measured): Target[] {
  const ours = cells.find(({ server }) => server === "uncached vault 5 ms");
  const other = cells.find(({ server }) => server.startsWith("peer"));
  if (inFlight !== 128 || ours === undefined) return [];
  const what = "uncached decrypts at 5 ms, 128 in flight: calls/s";
  const targets: Target[] = [
    { what: `${what} to bare`, figure: ours.rate / bareCell(cells).rate, unit: "x", bound: { atLeast: 0.6 } },
  ];
  if (other !== undefined) {
    targets.push({ what: `${what} to the peer`, figure: ours.rate / other.rate, unit: "x", bound: { atLeast: 1.3 } });
  }
  return targets;
}
