/**
 * Resident memory of an idle plugin with each provider, and after many calls.
 *
 * @module
 */
import { join } from "node:path";
import { pause } from "../../support/processes.ts";
import { type Contestant, plugin, start } from "../contestants.ts";
import { footprint } from "../process_figures.ts";
import { progress } from "../report.ts";
import type { Started } from "../timed_calls.ts";
import { vendors } from "../vendors.ts";
import { type Comparison, inTurn, pairOf, pairText, type Sides, takePairs } from "./comparison.ts";
import { type ComparedRow, comparedRow, type Pair, type SideFigures } from "./pairs.ts";
import type { RowName, Side } from "./rows.ts";

/** A kind of provider that can be set up. */
type VendorKind = keyof typeof vendors;

const revisions = ["ours", "base"] as const;

/** Measures the memory of a plugin that has started and was not called. */
export async function* compareIdle(comparison: Comparison, kind: VendorKind): AsyncGenerator<ComparedRow> {
  const { driver, sizes } = comparison;
  await using stack = new AsyncDisposableStack();
  const [ours, base] = [
    await prepared(comparison, kind, "ours", stack),
    await prepared(comparison, kind, "base", stack),
  ];
  const name: RowName = `idle-rss-${kind}`;
  const pairs = await takePairs(comparison, name, async () => {
    await using first = await start(driver, ours);
    await using second = await start(driver, base);
    await pause(sizes.settleMs);
    return { ours: await memoryOf(first.pid), base: await memoryOf(second.pid) };
  });
  yield comparedRow(name, pairs);
}

/** A plugin with a provider of one kind. Each of the two has its own KMS. */
async function prepared(
  { driver, launchers, folder, vault }: Comparison,
  kind: VendorKind,
  side: "ours" | "base",
  stack: AsyncDisposableStack,
): Promise<Contestant> {
  const site = { driver, vault, launchers: { plugin: launchers[side] }, folder: join(folder, `${kind}-${side}`) };
  return await plugin(site.launchers, site.folder, "idle", {
    providers: async (home) => [await vendors[kind](site, stack, home)],
  });
}

async function memoryOf(pid: number): Promise<{ readonly resident: number }> {
  return { resident: (await footprint(pid)).residentMb };
}

/** A plugin before, during and after its calls. */
interface Loaded extends Started {
  readonly idle: number;
}

/**
 * Measures the memory after many calls, and again after a rest. The rest of one pair lasts during the calls of the next.
 */
export async function* compareAfterCalls(comparison: Comparison): AsyncGenerator<ComparedRow> {
  await using stack = new AsyncDisposableStack();
  const rests: Promise<Pair>[] = [];
  const pairs = await takePairs(comparison, "rss-after-500000", async (index) => {
    const sides = await startPair(comparison, index, stack);
    const later = new Map<Side, Promise<SideFigures>>();
    const pair = await inTurn(index, sides, async (side, name) => {
      const after = await memoryAfterCalls(comparison, side);
      later.set(name, settled(memoryLater(comparison, side)));
      return after;
    });
    rests.push(settled(restOf(comparison, index, later)));
    return pair;
  });
  yield comparedRow("rss-after-500000", pairs);
  yield comparedRow("rss-after-500000-minute", await Promise.all(rests));
}

async function startPair(comparison: Comparison, index: number, stack: AsyncDisposableStack): Promise<Sides<Loaded>> {
  const { driver, launchers, folder, audits, sizes } = comparison;
  const begin = async (side: "ours" | "base"): Promise<Started> => {
    const contestant = await plugin({ plugin: launchers[side] }, folder, `rss ${side} ${index}`);
    const audit = join(audits, contestant.name);
    return { contestant, running: stack.use(await start(driver, contestant, audit)) };
  };
  const started = { ours: await begin("ours"), base: await begin("base") };
  await pause(sizes.settleMs);
  const loaded = async (one: Started) => ({ ...one, idle: (await memoryOf(one.running.pid)).resident });
  return { ours: await loaded(started.ours), base: await loaded(started.base) };
}

async function memoryAfterCalls({ driver, sizes }: Comparison, { contestant, running, idle }: Loaded) {
  await driver.call("load", contestant.socket, { op: "mixed", "in-flight": 16, calls: sizes.calls });
  await pause(sizes.afterMs);
  return aboveIdle(await memoryOf(running.pid), idle);
}

async function memoryLater({ audits, sizes }: Comparison, { contestant, running, idle }: Loaded) {
  await pause(sizes.laterMs - sizes.afterMs);
  const figures = aboveIdle(await memoryOf(running.pid), idle);
  await running[Symbol.asyncDispose]();
  await Deno.remove(join(audits, contestant.name));
  return figures;
}

function aboveIdle({ resident }: { readonly resident: number }, idle: number): SideFigures {
  return { resident, aboveIdle: resident - idle };
}

async function restOf(
  { pairs }: Comparison,
  index: number,
  later: ReadonlyMap<Side, Promise<SideFigures>>,
): Promise<Pair> {
  const figures = new Map<Side, SideFigures>();
  for (const [side, taken] of later) figures.set(side, await taken);
  const pair = pairOf(revisions, figures);
  await progress(pairText("rss-after-500000-minute", index, pairs, pair));
  return pair;
}

/** A promise that is awaited later: until then its failure is not reported as one that nothing handles. */
function settled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
