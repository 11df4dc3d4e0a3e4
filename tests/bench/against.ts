/**
 * `deno task bench --against REV [ROW…] [--pairs N] [--json]`: this checkout beside another commit of it, a plugin that
 * does nothing, and another plugin, pair by pair.
 *
 * The programs of a row run at the same time and are loaded in turn. Each pair gives ratios, and their medians count.
 *
 * @module
 */
import { join } from "node:path";
import { repository, stage } from "../../deploy/compile/stage.ts";
import { unpackRevision } from "../support/archived_revision.ts";
import { run } from "../support/processes.ts";
import { startVault } from "../support/vault.ts";
import { compareCalls } from "./comparison/calls.ts";
import { type Comparison, wholeSizes } from "./comparison/comparison.ts";
import { type ComparisonDocument, noteTargets, printJudged, printRow } from "./comparison/document.ts";
import { compareAfterCalls, compareIdle } from "./comparison/memory.ts";
import { type ComparedRow, failedRow } from "./comparison/pairs.ts";
import { type RowName, selectRows } from "./comparison/rows.ts";
import { compareCommand, comparedCommands, compareStarts } from "./comparison/starts.ts";
import { prepareVault } from "./contestants.ts";
import { buildFloor, Driver } from "./driver.ts";
import { peerOrStandIn } from "./peer.ts";
import { loadAverage } from "./process_figures.ts";
import { print, progress } from "./report.ts";
import { vendors } from "./vendors.ts";

/** The words of the command line. */
export interface AgainstOptions {
  readonly revision: string;
  /** Number of pairs of each row. */
  readonly pairs: number;
  /** Whether one document is printed in place of tables. */
  readonly json: boolean;
  /** Rows, or the beginnings of their names; all if empty. */
  readonly words: readonly string[];
}

/** The end of a run. */
export interface Outcome {
  /** Number of missed targets. */
  readonly missed: number;
  /** Number of rows that could not be measured. */
  readonly failed: number;
}

/** Rows that are measured together. */
interface Part {
  readonly rows: readonly RowName[];
  measure(comparison: Comparison, wanted: ReadonlySet<RowName>): AsyncIterable<ComparedRow>;
}

const vendorKinds = Object.keys(vendors) as (keyof typeof vendors)[];
const commandNames = Object.keys(comparedCommands) as (keyof typeof comparedCommands)[];

const parts: readonly Part[] = [
  ...(["decrypt-cached", "encrypt", "decrypt-uncached"] as const).map((operation): Part => ({
    rows: [`${operation}-1`, `${operation}-16`, `${operation}-128`],
    measure: (comparison, wanted) => compareCalls(comparison, operation, wanted),
  })),
  ...vendorKinds.map((kind): Part => ({
    rows: [`idle-rss-${kind}`],
    measure: (comparison) => compareIdle(comparison, kind),
  })),
  { rows: ["rss-after-500000", "rss-after-500000-minute"], measure: compareAfterCalls },
  ...(["local", "vault"] as const).map((kind): Part => ({
    rows: [`exec-to-status-${kind}`],
    measure: (comparison) => compareStarts(comparison, kind),
  })),
  ...commandNames.map((name): Part => ({
    rows: [name],
    measure: (comparison) => compareCommand(comparison, name),
  })),
];

/** Measures, and prints tables or one document. */
export async function measureAgainst(options: AgainstOptions): Promise<Outcome> {
  const wanted = selectRows(options.words);
  await using stack = new AsyncDisposableStack();
  const comparison = await prepare(options, stack);
  const document = await compare(comparison, options.revision, wanted, options.json ? noteTargets : printRow);
  if (options.json) await print(JSON.stringify(document, null, 2));
  else {
    await print(`\n${machineText(document)}`);
    await printJudged(document.rows);
  }
  return {
    missed: document.rows.flatMap(({ missed }) => missed).length,
    failed: document.rows.filter(({ failure }) => failure !== undefined).length,
  };
}

/** Measures the wanted rows. `note` gets each when it is complete. */
export async function compare(
  comparison: Comparison,
  revision: string,
  wanted: ReadonlySet<RowName>,
  note: (row: ComparedRow) => void | Promise<void>,
): Promise<ComparisonDocument> {
  const before = await loadAverage();
  const rows: ComparedRow[] = [];
  for (const part of parts) {
    for await (const row of measurePart(part, comparison, wanted)) {
      rows.push(row);
      await note(row);
    }
  }
  const machine = { cores: navigator.hardwareConcurrency, deno: Deno.version.deno };
  const load = { before, after: await loadAverage() };
  return { machine: { ...machine, load }, revision, pairs: comparison.pairs, rows };
}

function machineText({ machine: { cores, deno, load }, revision }: ComparisonDocument): string {
  const machine = `Deno ${deno} on ${cores} cores, load average ${load.before} before and ${load.after} after`;
  return `${machine}; base is ${revision}, floor a plugin on grpc-go that does nothing`;
}

/** Measures the wanted rows of a part. After a failure its other rows count as not measured, and other parts go on. */
async function* measurePart(
  { rows, measure }: Part,
  comparison: Comparison,
  wanted: ReadonlySet<RowName>,
): AsyncGenerator<ComparedRow> {
  const left = new Set(rows.filter((name) => wanted.has(name)));
  if (left.size === 0) return;
  try {
    for await (const row of measure(comparison, wanted)) {
      if (!left.delete(row.name)) continue;
      yield row;
    }
  } catch (error) {
    const failure = error instanceof Error ? error.message : String(error);
    await progress(`Cannot measure ${[...left].join(", ")}: ${failure}`);
    for (const name of left) yield failedRow(name, failure);
  }
}

async function prepare({ revision, pairs }: AgainstOptions, stack: AsyncDisposableStack): Promise<Comparison> {
  const built = join(repository, ".bench");
  await Deno.mkdir(built, { recursive: true });
  const folder = await Deno.makeTempDir({ dir: "/run", prefix: "trousseau-bench-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const audits = await Deno.makeTempDir({ dir: built, prefix: "audits-" });
  stack.defer(() => Deno.remove(audits, { recursive: true }));
  await progress("Building the client and the plugin that does nothing");
  const [driver, floor] = [await Driver.build(built), await buildFloor(built)];
  await progress(`Staging this checkout and ${revision}`);
  const ours = (await stage(join(built, "plugin"))).launcher;
  const base = await stageRevision(revision, join(folder, "base"));
  for (const launcher of [ours, base]) await analyse(launcher);
  await progress("Starting Vault");
  const vault = stack.use(await startVault({ latencyMs: 5 }));
  await prepareVault(vault);
  const peer = () => peerOrStandIn(built);
  return { driver, floor, launchers: { ours, base }, vault, peer, folder, audits, pairs, sizes: wholeSizes };
}

/**
 * Stages another commit with its own recipe.
 *
 * @returns the path of its launcher.
 * @throws {Error} with the command that fetches the commit, where the clone lacks it.
 */
async function stageRevision(revision: string, folder: string): Promise<string> {
  const [source, out] = [join(folder, "source"), join(folder, "staged")];
  await unpackRevision(revision, source);
  const config = ["--config", join(source, "deno.json")];
  const rights = ["--allow-read", "--allow-write", "--allow-run", "--allow-env"];
  const args = ["run", ...config, ...rights, join(source, "deploy/compile/stage.ts"), out];
  const { code, stderr } = await run(Deno.execPath(), args);
  if (code !== 0) throw new Error(`Cannot stage commit ${revision}: ${stderr}`);
  return join(out, "trousseau");
}

/**
 * Starts a launcher once. Deno analyses a bundle at its first start and caches the result. That takes time and memory
 * that a binary, which contains no analysis, never needs.
 */
async function analyse(launcher: string): Promise<void> {
  const { code, stderr } = await run(launcher, ["version"], { env: { DENO: Deno.execPath() } });
  if (code !== 0) throw new Error(`Cannot start ${launcher}: ${stderr}`);
}
