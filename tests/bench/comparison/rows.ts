/**
 * The rows of `deno task bench --against REV`: the figures that are compared, and the targets of each.
 *
 * @module
 */
import type { Bound } from "../report.ts";

/** The programs beside each other: this checkout, the other commit, the plugin that does nothing, the other plugin. */
export const sideNames = ["ours", "base", "floor", "peer"] as const;

/** One of them. */
export type Side = typeof sideNames[number];

/**
 * A figure of a program.
 *
 * - `cpu`: processor time, user and system: microseconds a call, or milliseconds of a whole command
 * - `rate`: calls a second
 * - `p50`, `p99`: latency in milliseconds
 * - `resident`: resident memory in MB (10^6 bytes)
 * - `aboveIdle`: resident memory in MB above that before the first call
 * - `time`: milliseconds from exec on
 * - `aboveEmpty`, `cpuAboveEmpty`: `time` and `cpu` above those of an empty program under the same flags
 */
export type FigureName =
  | "cpu"
  | "rate"
  | "p50"
  | "p99"
  | "resident"
  | "aboveIdle"
  | "time"
  | "aboveEmpty"
  | "cpuAboveEmpty";

type OtherSide = "Base" | "Floor" | "Peer";

/** A ratio of ours to another side: of one figure, or of the main figure of the row. */
export type RatioName = `${FigureName}To${OtherSide}` | `to${OtherSide}`;

/** The bounds of a row: of its ratios, and of our own figures. */
export type RowTargets = Readonly<Partial<Record<RatioName | FigureName, Bound>>>;

/** A row of the table. */
interface RowDefinition {
  /** The unit of the main figure. */
  readonly unit: "us" | "MB" | "ms";
  /** The figure that stands in the columns of the sides. */
  readonly main: FigureName;
  readonly targets: RowTargets;
}

const calls = { unit: "us", main: "cpu" } as const;
const memory = { unit: "MB", main: "resident" } as const;
const start = { unit: "ms", main: "time" } as const;
const command = { unit: "ms", main: "aboveEmpty" } as const;

const oneCall = { p50ToFloor: { atMost: 1.2 } } as const;
const manyCalls = { cpuToFloor: { atMost: 1 }, rateToFloor: { atLeast: 1 } } as const;
const lean = { toBase: { atMost: 0.7 } } as const;
const afterCalls = { toBase: { atMost: 0.6 } } as const;
const half = { toBase: { atMost: 0.5 } } as const;

/** The table. A number at the end of a name is the number of calls in flight, or of calls. */
export const rows = {
  "decrypt-cached-1": { ...calls, targets: oneCall },
  "decrypt-cached-16": { ...calls, targets: manyCalls },
  "decrypt-cached-128": { ...calls, targets: manyCalls },
  "encrypt-1": { ...calls, targets: oneCall },
  "encrypt-16": { ...calls, targets: manyCalls },
  "encrypt-128": { ...calls, targets: manyCalls },
  "decrypt-uncached-1": { ...calls, targets: { rateToPeer: { atLeast: 1 }, cpuToPeer: { atMost: 1 } } },
  "decrypt-uncached-16": { ...calls, targets: { rateToPeer: { atLeast: 1.2 }, cpuToPeer: { atMost: 1 } } },
  "decrypt-uncached-128": { ...calls, targets: { rateToPeer: { atLeast: 2 } } },
  "idle-rss-local": { ...memory, targets: lean },
  "idle-rss-vault-transit": { ...memory, targets: lean },
  "idle-rss-kms-plugin": { ...memory, targets: lean },
  "idle-rss-azure-key-vault": { ...memory, targets: lean },
  "idle-rss-gcp-kms": { ...memory, targets: lean },
  "idle-rss-aws-kms": { ...memory, targets: lean },
  "rss-after-500000": { ...memory, targets: afterCalls },
  "rss-after-500000-minute": { ...memory, targets: { ...afterCalls, aboveIdle: { atMost: 10 } } },
  "exec-to-status-local": { ...start, targets: lean },
  "exec-to-status-vault": { ...start, targets: lean },
  "version": { ...command, targets: half },
  "probe": { ...command, targets: half },
  "status": { ...command, targets: half },
} as const satisfies Readonly<Record<string, RowDefinition>>;

/** The name of a row. */
export type RowName = keyof typeof rows;

/** All names, in the order of the table. */
export const rowNames = Object.keys(rows) as readonly RowName[];

/** Unit, main figure and targets of a row. */
export function rowDefinition(name: RowName): RowDefinition {
  return rows[name];
}

/**
 * The rows that words name: a row itself, or all whose names begin with the word and a hyphen. Without words, all.
 *
 * @throws {Error} if a word names no row.
 */
export function selectRows(words: readonly string[]): ReadonlySet<RowName> {
  const named = (word: string) => rowNames.filter((name) => name === word || name.startsWith(`${word}-`));
  const unknown = words.find((word) => named(word).length === 0);
  if (unknown !== undefined) throw new Error(`There is no row ${unknown}; the rows are ${rowNames.join(", ")}.`);
  return new Set(words.length === 0 ? rowNames : words.flatMap(named));
}
