/**
 * Several providers at once: one with a high and one with a low latency, one that hangs, and three compared with one.
 *
 * @module
 */
import { join } from "node:path";
import { Wire } from "../e2e/harness/wire.ts";
import { startVault } from "../support/vault.ts";
import { type Bench, vaultAt } from "./bench.ts";
import { type Contestant, localProvider, plugin, prepareVault, start, vaultProvider } from "./contestants.ts";
import type { DriverOptions, Figures } from "./driver.ts";
import { median } from "./process_figures.ts";
import { number, printTable, ratio, type Target } from "./report.ts";

const timing = { seconds: 1, warmup: 0.3 } as const;
const inFlight = 16;
/** Number of values with distinct data keys. */
const distinctValues = 200;
/** Number of concurrent calls, as after the start of an API server. */
const hungCalls = 100;

/** Measures and prints the tables. @returns the targets. */
export async function measureSeveral(bench: Bench): Promise<Target[]> {
  return [...await farAndNear(bench), ...await hung(bench), ...await threeAgainstOne(bench)];
}

async function farAndNear(bench: Bench): Promise<Target[]> {
  await using far = await startVault({ latencyMs: 50 });
  await prepareVault(far);
  const near = vaultAt(bench, 5);
  const { launchers, folder } = bench;
  const alone = await plugin(launchers, folder, "several 5 ms", { vault: near, uncached: true });
  const both = await plugin(launchers, folder, "several 5 and 50 ms", {
    uncached: true,
    unwrap: "fastest",
    providers: async (home) => [await vaultProvider(home, "far", far), await vaultProvider(home, "near", near)],
  });
  const [one, two] = await sideBySide(bench, [alone, both], opening);
  await printTable(
    `Uncached Decrypts, ${inFlight} in flight: a Vault 5 ms away, and one 50 ms away beside it`,
    ["server", "calls/s", "p50 ms", "to alone", "p99 ms", "to alone"],
    [{ name: alone.name, figures: one }, { name: both.name, figures: two }].map(({ name, figures }) => [
      name,
      figures.rate.toFixed(0),
      number(figures.p50),
      ratio(figures.p50 / one.p50),
      number(figures.p99),
      ratio(figures.p99 / one.p99),
    ]),
  );
  return (["p50", "p99"] as const).map((figure) => ({
    what: `5 ms beside 50 ms: ${figure} to 5 ms alone`,
    figure: two[figure] / one[figure],
    unit: "x",
    bound: { atMost: 1.2 },
  }));
}

async function hung(bench: Bench): Promise<Target[]> {
  const targets: Target[] = [];
  const rows: string[][] = [];
  for (const unwrap of ["fastest", "ordered"] as const) {
    const { slowest, p50 } = await openWhileHung(bench, unwrap);
    rows.push([unwrap, number(p50), number(slowest)]);
    const what = `${hungCalls} Decrypts with a provider that hangs, ${unwrap}: the slowest`;
    targets.push({ what, figure: slowest, unit: "ms", bound: { atMost: 3000 } });
  }
  const title = `${hungCalls} uncached Decrypts by a fresh plugin, all at once, the first of two providers hung`;
  await printTable(title, ["unwrap", "p50 ms", "slowest ms"], rows);
  return targets;
}

/** The driver ends with an error if any of them fails. */
async function openWhileHung(bench: Bench, unwrap: "fastest" | "ordered"): Promise<Figures> {
  const { driver, launchers, folder } = bench;
  const vault = vaultAt(bench, 0);
  await using wire = Wire.to(vault.address);
  const contestant = await plugin(launchers, folder, `hung ${unwrap}`, {
    uncached: true,
    unwrap,
    providers: async (home) => [
      await vaultProvider(home, "a-vault", { address: wire.address, token: vault.token }),
      localProvider(home),
    ],
  });
  const file = join(folder, `hung-${unwrap}.sealed`);
  {
    await using _running = await start(driver, contestant);
    await driver.call("seal", contestant.socket, { calls: hungCalls, file });
  }
  await using _fresh = await start(driver, contestant);
  wire.freeze();
  return await driver.call("open", contestant.socket, { file, calls: hungCalls, "in-flight": hungCalls });
}

async function threeAgainstOne(bench: Bench): Promise<Target[]> {
  const { launchers, folder } = bench;
  const near = vaultAt(bench, 5);
  const one = await plugin(launchers, folder, "one of one", { vault: near, uncached: true });
  const three = await plugin(launchers, folder, "two of three", {
    uncached: true,
    providers: async (home) => [
      localProvider(home),
      await vaultProvider(home, "near", near),
      await vaultProvider(home, "far", vaultAt(bench, 20)),
    ],
  });
  const load = (op: "status" | "encrypt" | "decrypt"): Operation => () => ["load", { op }];
  const operations = {
    "Encrypt": load("encrypt"),
    "Decrypt, cached": load("decrypt"),
    "Decrypt, uncached": opening,
  } satisfies Record<string, Operation>;
  const rows: string[][] = [];
  for (const [name, operation] of Object.entries(operations)) {
    const [single, quorum] = await sideBySide(bench, [one, three], operation);
    rows.push([name, number(single.p50), number(quorum.p50), ratio(quorum.p50 / single.p50)]);
  }
  const title = `A Vault 5 ms away alone, and with a local key and a Vault 20 ms away beside it, ${inFlight} in flight`;
  await printTable(title, ["operation", "one p50 ms", "three p50 ms", "to one"], rows);
  return [];
}

type Operation = (file: string) => ["load" | "open", DriverOptions];

const opening: Operation = (file) => ["open", { file }];

/** Runs both at once and measures them in turn. The median round of each counts. */
async function sideBySide(
  { driver, folder, rounds }: Bench,
  pair: readonly [Contestant, Contestant],
  operation: Operation,
): Promise<readonly [Figures, Figures]> {
  await using stack = new AsyncDisposableStack();
  const file = ({ name }: Contestant) => join(folder, `${name.replaceAll(" ", "-")}.sealed`);
  for (const contestant of pair) {
    stack.use(await start(driver, contestant));
    await driver.call("seal", contestant.socket, { calls: distinctValues, file: file(contestant) });
  }
  const taken: Record<0 | 1, Figures[]> = { 0: [], 1: [] };
  for (let round = 0; round < rounds; round++) {
    for (const at of [0, 1] as const) {
      const [command, options] = operation(file(pair[at]));
      const asked = { ...options, ...timing, "in-flight": inFlight };
      taken[at].push(await driver.call(command, pair[at].socket, asked));
    }
  }
  return [middle(taken[0]), middle(taken[1])];
}

function middle(all: readonly Figures[]): Figures {
  const [first] = all;
  if (first === undefined) throw new Error("Cannot compare: nothing was measured.");
  const of = (figure: "rate" | "p50" | "p99" | "slowest") => median(all.map((one) => one[figure]));
  return { ...first, rate: of("rate"), p50: of("p50"), p99: of("p99"), slowest: of("slowest") };
}
