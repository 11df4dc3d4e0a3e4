/**
 * The results of the suite for each bench, in `results.json`. Only runs of the suite write that file.
 *
 * @module
 */
import assert from "node:assert/strict";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { type Cannot, isCannot, type Proves } from "./bench.ts";
import { criteriaOf, type Criterion, type Part } from "./criteria.ts";

/** `held`, with a restriction behind it where there is one, or `cannot: ` and the reason. */
export type Outcome = `held${string}` | `cannot: ${string}`;

/** The result of one bench. */
export interface Row {
  /** The test file that it came from, as a path from the root of the repository. */
  readonly by: string;
  readonly kind: string;
  readonly engine: string;
  /** The method by which it logged in, as the config calls it; left out where there is no login. */
  readonly auth?: string;
  readonly key: string;
  readonly part: Part;
  readonly criteria: Readonly<Partial<Record<Criterion, Outcome>>>;
}

/** All rows, by the name of the bench. */
export type Results = Readonly<Record<string, Row>>;

/** Where a run of `deno task matrix` wants its rows, a folder. */
export const recordVariable = "TROUSSEAU_CONFORMANCE_RECORD";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Where the rows are kept. */
export const resultsFile = fileURLToPath(new URL("results.json", import.meta.url));

/** The rows that are kept. */
export async function readResults(): Promise<Results> {
  return JSON.parse(await Deno.readTextFile(resultsFile));
}

/** The benches of the test file that this is loaded by. */
const benches = new Set<string>();

/** Takes note of what one bench shows. */
export class Tally {
  readonly #name: string;
  readonly #proves: Proves;
  readonly #part: Part;
  readonly #outcomes = new Map<Criterion, Outcome>();
  readonly #open = new Set<string>();

  constructor(name: string, proves: Proves, part: Part) {
    this.#name = name;
    this.#proves = proves;
    this.#part = part;
    assert.ok(!benches.has(name), `two benches are called "${name}"`);
    benches.add(name);
  }

  /** A criterion that this bench cannot be asked for. */
  cannot(criterion: Criterion, { cannot }: Cannot): void {
    this.#outcomes.set(criterion, `cannot: ${cannot}`);
  }

  /** A test that is to come. */
  expect(title: string): void {
    this.#open.add(title);
  }

  /** A test that passed. A criterion that has several holds when all of them did. */
  held(criterion: Criterion, title: string, restriction: string | undefined): void {
    this.#open.delete(title);
    this.#outcomes.set(criterion, restriction === undefined ? "held" : `held ${restriction}`);
  }

  /**
   * Compares the outcome with the stored row, or passes it to `deno task matrix` if that runs the suite.
   *
   * @throws {AssertionError} if a test failed or did not run, or if the outcome differs from the stored one.
   */
  async settle(): Promise<void> {
    assert.deepEqual([...this.#open], [], "these failed, or were left out of this run");
    const row = this.#row();
    const folder = Deno.env.get(recordVariable);
    if (folder !== undefined) return await hand(folder, this.#name, row);
    const kept = await readResults();
    const task = "run deno task matrix";
    assert.deepEqual(row, kept[this.#name], `results.json has another outcome for "${this.#name}": ${task}`);
    const left = Object.keys(kept).filter((name) => kept[name]?.by === row.by && !benches.has(name));
    assert.deepEqual(left, [], `results.json has benches that ${row.by} has not: ${task}`);
  }

  #row(): Row {
    const { kind, engine, auth, key } = this.#proves;
    const asked = criteriaOf(this.#part).flatMap((criterion) => {
      const outcome = this.#outcomes.get(criterion);
      return outcome === undefined ? [] : [[criterion, outcome] as const];
    });
    const login = auth === undefined ? {} : { auth };
    const by = relative(root, fileURLToPath(Deno.mainModule));
    return { by, kind, engine, ...login, key, part: this.#part, criteria: Object.fromEntries(asked) };
  }
}

/** Registers the test that settles a tally. It comes after those that it counts. */
export function registerOutcome(name: string, tally: Tally, recorded: Proves | Cannot): void {
  const reason = isCannot(recorded) ? ` (cannot: ${recorded.cannot})` : "";
  Deno.test({
    name: `${name} conformance: the outcome is the one that the support matrix gives${reason}`,
    ignore: isCannot(recorded),
    fn: () => tally.settle(),
  });
}

async function hand(folder: string, name: string, row: Row): Promise<void> {
  const file = `${folder}/${encodeURIComponent(name)}.json`;
  await Deno.writeTextFile(file, JSON.stringify({ name, row }), { createNew: true });
}

/** The rows that runs have handed over. */
export async function handedOver(folder: string): Promise<Results> {
  const rows: [string, Row][] = [];
  for await (const entry of Deno.readDir(folder)) {
    const { name, row } = JSON.parse(await Deno.readTextFile(`${folder}/${entry.name}`));
    rows.push([name, row]);
  }
  return Object.fromEntries(rows);
}
