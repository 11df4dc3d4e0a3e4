/**
 * The arithmetic of a row: the medians over its pairs, and the medians of the ratios of each pair.
 *
 * On a shared machine the figures of one pair were taken within seconds of each other, so that their ratio counts.
 *
 * @module
 */
import { median } from "../process_figures.ts";
import { holds } from "../report.ts";
import { type FigureName, type RatioName, rowDefinition, type RowName, type RowTargets, type Side } from "./rows.ts";

/** The figures of one program in one pair. */
export type SideFigures = Readonly<Partial<Record<FigureName, number>>>;

/** The figures of all programs of one pair; a row without a floor or a peer leaves those out. */
export type Pair = { readonly ours: SideFigures } & Readonly<Partial<Record<Side, SideFigures>>>;

/** Ratios of ours to the other sides. */
export type Ratios = Readonly<Partial<Record<RatioName, number>>>;

/** A row as it is printed. Figures of a side that it does not have are `null`. */
export interface ComparedRow {
  readonly name: RowName;
  /** The unit of the main figure. */
  readonly unit: string;
  /** The medians of the main figure. */
  readonly ours: number | null;
  readonly base: number | null;
  readonly floor: number | null;
  readonly peer: number | null;
  /** The medians of every figure. */
  readonly medians: Readonly<Partial<Record<Side, SideFigures>>>;
  /** The medians of the ratios of the pairs. */
  readonly ratios: Ratios;
  readonly pairs: readonly (Pair & { readonly ratios: Ratios })[];
  /** The bounds of ratios and of our own figures. */
  readonly target: RowTargets;
  /** The names of the bounds that do not hold; a figure that could not be taken does not hold. */
  readonly missed: readonly string[];
  readonly reached: boolean;
  /** The other plugin, which can be a stand-in; only in a row with one. */
  readonly peerName?: string;
  /** The reason why the row was not measured. */
  readonly failure?: string;
}

const others = { base: "Base", floor: "Floor", peer: "Peer" } as const;

/** Computes a row from its pairs. `peerName` is the name of the other plugin, if the row has one. */
export function comparedRow(name: RowName, pairs: readonly Pair[], peerName?: string): ComparedRow {
  const { unit, main, targets } = rowDefinition(name);
  const rated = pairs.map((pair) => ({ ...pair, ratios: ratiosOf(pair, main) }));
  const medians = mediansOf(pairs);
  const ratios = mediansEach(rated.map((pair) => pair.ratios));
  const missed = missedOf(targets, { ...medians.ours, ...ratios });
  const figure = (side: Side) => medians[side]?.[main] ?? null;
  return {
    name,
    unit,
    ours: figure("ours"),
    base: figure("base"),
    floor: figure("floor"),
    peer: figure("peer"),
    medians,
    ratios,
    pairs: rated,
    target: targets,
    missed,
    reached: missed.length === 0,
    ...(peerName === undefined ? {} : { peerName }),
  };
}

/** A row that could not be measured: none of its targets is reached. */
export function failedRow(name: RowName, failure: string): ComparedRow {
  return { ...comparedRow(name, []), failure };
}

/** The ratios of one pair. One to a figure that is not positive has no meaning and is left out. */
function ratiosOf(pair: Pair, main: FigureName): Ratios {
  const ratios: Partial<Record<RatioName, number>> = {};
  for (const [side, suffix] of Object.entries(others) as [keyof typeof others, typeof others[keyof typeof others]][]) {
    for (const [figure, ours] of Object.entries(pair.ours) as [FigureName, number][]) {
      const theirs = pair[side]?.[figure];
      if (theirs === undefined || theirs <= 0) continue;
      ratios[`${figure}To${suffix}`] = ours / theirs;
      if (figure === main) ratios[`to${suffix}`] = ours / theirs;
    }
  }
  return ratios;
}

function mediansOf(pairs: readonly Pair[]): Partial<Record<Side, SideFigures>> {
  const sides = Object.keys(pairs[0] ?? {}) as Side[];
  return Object.fromEntries(sides.map((side) => [side, mediansEach(pairs.map((pair) => pair[side] ?? {}))]));
}

/** The median of each number that all records have: one that a pair lacks is not comparable over the pairs. */
function mediansEach<Name extends string>(
  records: readonly Readonly<Partial<Record<Name, number>>>[],
): Partial<Record<Name, number>> {
  const names = Object.keys(records[0] ?? {}) as Name[];
  const medians: Partial<Record<Name, number>> = {};
  for (const name of names) {
    const values = records.flatMap((record) => record[name] ?? []);
    if (values.length === records.length) medians[name] = median(values);
  }
  return medians;
}

function missedOf(targets: RowTargets, figures: Readonly<Record<string, number | undefined>>): string[] {
  return Object.entries(targets).filter(([name, bound]) => {
    const figure = figures[name];
    return figure === undefined || !holds(figure, bound);
  }).map(([name]) => name);
}
