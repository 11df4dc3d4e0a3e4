/**
 * The programs of a comparison, and the way in which a pair of them is measured.
 *
 * @module
 */
import type { Vault } from "../../support/vault.ts";
import type { Driver } from "../driver.ts";
import type { Peer } from "../peer.ts";
import { number, progress } from "../report.ts";
import { distinctValues, type Timing } from "../timed_calls.ts";
import type { Pair, SideFigures } from "./pairs.ts";
import type { RowName, Side } from "./rows.ts";

/** The shared input of all measurements of a comparison. */
export interface Comparison {
  readonly driver: Driver;
  /** The launchers of the plugin of this checkout and of the other commit. */
  readonly launchers: Readonly<Record<"ours" | "base", string>>;
  /** The program of the plugin that does nothing. */
  readonly floor: string;
  /** Prepares the other plugin, which can take a minute. */
  readonly peer: () => Promise<Peer>;
  /** A Vault 5 ms away with the key of `prepareVault`. */
  readonly vault: Vault;
  /** A folder under `/run`, to which the plugin can write. */
  readonly folder: string;
  /** A folder for the audit streams, on a disk. */
  readonly audits: string;
  /** Number of pairs; the median of their ratios counts. */
  readonly pairs: number;
  readonly sizes: Sizes;
}

/** The sizes of the measurements. */
export interface Sizes {
  /** The length of one measurement of calls. */
  readonly timing: Timing;
  /** Values with data keys of their own for uncached Decrypts. More than calls in flight, so that no unwraps are shared. */
  readonly values: number;
  /** Calls before memory is read. */
  readonly calls: number;
  /** Milliseconds from a start until the first collection of garbage has ended. */
  readonly settleMs: number;
  /** Milliseconds from the end of the calls to the first look at memory, and to the second one. */
  readonly afterMs: number;
  readonly laterMs: number;
  /** Starts, or runs of a command, of each program in one pair. Their median is the figure of the pair. */
  readonly runs: number;
}

/** The sizes of a run of some 30 minutes with seven pairs. */
export const wholeSizes: Sizes = {
  timing: { seconds: 2, warmup: 0.5 },
  values: distinctValues,
  calls: 500_000,
  settleMs: 6_000,
  afterMs: 3_000,
  laterMs: 60_000,
  runs: 5,
};

/** The programs that take part in a row. */
export type Sides<T> = { readonly ours: T } & Readonly<Partial<Record<Side, T>>>;

/** Takes the pairs of a row, and prints each on stderr. */
export async function takePairs(
  { pairs }: Pick<Comparison, "pairs">,
  name: RowName,
  take: (index: number) => Promise<Pair>,
): Promise<Pair[]> {
  const taken: Pair[] = [];
  for (let index = 0; index < pairs; index++) {
    const pair = await take(index);
    taken.push(pair);
    await progress(pairText(name, index, pairs, pair));
  }
  return taken;
}

/** A pair as a line, as in `encrypt-16, pair 1 of 7: ours cpu 33.10, rate 21034; base …`. */
export function pairText(name: RowName, index: number, count: number, pair: Pair): string {
  const sides = Object.entries(pair).map(([side, figures]) => {
    const texts = Object.entries(figures).map(([figure, value]) => `${figure} ${number(value)}`);
    return `${side} ${texts.join(", ")}`;
  });
  return `${name}, pair ${index + 1} of ${count}: ${sides.join("; ")}`;
}

/**
 * Measures the sides of a pair one after the other. A different one begins in the next pair, so that a slow phase of the
 * machine meets each.
 */
export async function inTurn<T>(
  index: number,
  sides: Sides<T>,
  measure: (side: T, name: Side) => Promise<SideFigures>,
): Promise<Pair> {
  const figures = new Map<Side, SideFigures>();
  for (const [name, side] of rotated(index, sides)) figures.set(name, await measure(side, name));
  return pairOf(Object.keys(sides) as Side[], figures);
}

/** The sides of a pair, from another one on each time. */
export function rotated<T>(index: number, sides: Sides<T>): [Side, T][] {
  const entries = Object.entries(sides) as [Side, T][];
  const first = index % entries.length;
  return [...entries.slice(first), ...entries.slice(0, first)];
}

/** The figures in the order of `names`. */
export function pairOf(names: readonly Side[], figures: ReadonlyMap<Side, SideFigures>): Pair {
  const pair = Object.fromEntries(names.map((name) => [name, figures.get(name)]));
  const { ours } = pair;
  if (ours === undefined) throw new Error("A pair without our figures cannot be compared.");
  return { ...pair, ours };
}
