/**
 * Mutation testing: `deno task mutants [--only FOLDERS] [--jobs N]`.
 *
 * Each mutant of a source file is put into a copy of the repository, and the tests near the file are run on it. A mutant
 * survives if all of them pass. Those that behave as the original are listed with a reason in `equivalent.json`. The last
 * line is `N mutants, N killed, N survived`; the exit status is 1 if any survived, or if the list names one that is gone
 * or that a test kills.
 *
 * @module
 */
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { type ImportGraph, killersOf, readImports } from "./killers.ts";
import { type Equivalent, identityIn, identityOf, type Mutant, mutantsOf, mutated } from "./mutate.ts";
import equivalentRows from "./equivalent.json" with { type: "json" };

const root = new URL("../..", import.meta.url).pathname;

/** The code that stored bytes, announced key IDs and the health of providers depend on, and the codecs of the wire. */
const everything = [
  "lib/base/bytes.ts",
  "lib/base/state_file.ts",
  "lib/base/wake_signal.ts",
  "lib/envelope",
  "lib/kek",
  "lib/net/grpc/codec.ts",
  "lib/net/grpc/message_reader.ts",
  "lib/net/grpc/rpc_call.ts",
  "lib/net/grpc/status.ts",
  "lib/services/kms/key_ring/key_id.ts",
  "lib/services/kms/key_ring/sentinel_file.ts",
  "lib/services/kms/key_ring/state.ts",
  "lib/services/sops/armour.ts",
  "lib/services/sops/key_uri.ts",
  "lib/provider/local/cipher.ts",
  "lib/provider/local/key_file.ts",
  "lib/provider/kms_plugin/wrapped.ts",
  "lib/provider/kms_plugin/version.ts",
  "lib/provider/azure_key_vault/algorithms.ts",
  "lib/provider/vault_transit/ciphertext.ts",
  "lib/provider/aws_kms/version.ts",
  "lib/provider/gcp_kms/names.ts",
] as const;

/** How many imports away a test may be; milliseconds that one run of tests may take on an unchanged copy, and at most. */
const limits = { distance: 3, slowMs: 6_000, mostMs: 60_000 } as const;

const equivalents: readonly Equivalent[] = equivalentRows;

interface Outcome {
  readonly mutant: Mutant;
  readonly survived: boolean;
}

/** The files of the repository, with those that are not committed yet. */
async function repositoryFiles(): Promise<string[]> {
  const args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"];
  const { success, stdout } = await new Deno.Command("git", { args, cwd: root }).output();
  if (!success) throw new Error("git ls-files fails: mutants are made of a clone of the repository.");
  const names = new TextDecoder().decode(stdout).split("\0").filter((name) => name !== "");
  const exists = (name: string) => Deno.stat(join(root, name)).then(() => true, () => false);
  const here = await Promise.all(names.map(exists));
  return names.filter((_, at) => here[at]);
}

/** One copy of the repository, in which one mutant at a time is tested. */
class Workplace implements AsyncDisposable {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async make(): Promise<Workplace> {
    const folder = await Deno.makeTempDir({ prefix: "mutants-" });
    for (const file of await repositoryFiles()) await cp(join(root, file), join(folder, file));
    return new Workplace(folder);
  }

  /** Whether a test passes on the files as they are in this copy. */
  async passes(test: string, ms: number): Promise<boolean> {
    const signal = AbortSignal.timeout(ms);
    const args = ["test", "--quiet", "--no-check", "--allow-all", "--config", "deno.dev.json", "--fail-fast", test];
    const command = new Deno.Command(Deno.execPath(), {
      args,
      cwd: this.#folder,
      env: { DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" },
      stdin: "null",
      stdout: "null",
      stderr: "null",
      signal,
    });
    const { success } = await command.output();
    return success && !signal.aborted;
  }

  async write(file: string, source: string): Promise<void> {
    await Deno.writeTextFile(join(this.#folder, file), source);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#folder, { recursive: true });
  }
}

/** The tests near a file: the nearest, and the others that are quick enough, which few mutants reach. */
class NearTests {
  readonly nearest: string;
  readonly #others: readonly string[];
  readonly #unchanged: Workplace;
  readonly #times: Map<string, Promise<number>>;

  /** @param times milliseconds that each test takes on the unchanged copy, measured when a mutant first reaches it. */
  constructor(tests: readonly [string, ...string[]], unchanged: Workplace, times: Map<string, Promise<number>>) {
    [this.nearest, ...this.#others] = tests;
    this.#unchanged = unchanged;
    this.#times = times;
  }

  /** The others by their distance, each measured before it is given. */
  async *others(): AsyncGenerator<string> {
    for (const test of this.#others) if (await this.#measure(test, limits.slowMs) < limits.slowMs) yield test;
  }

  #measure(test: string, mostMs: number): Promise<number> {
    const known = this.#times.get(test) ?? this.#measured(test, mostMs);
    this.#times.set(test, known);
    return known;
  }

  /** Milliseconds that a test takes on the unchanged copy; it is ended after `mostMs`. */
  async #measured(test: string, mostMs: number): Promise<number> {
    const began = performance.now();
    const passed = await this.#unchanged.passes(test, mostMs);
    const ms = performance.now() - began;
    if (!passed && ms < mostMs) throw new Error(`${test} fails without a mutant.`);
    return ms;
  }

  /** Milliseconds that a test may take with a mutant, which may never end. */
  async bound(test: string): Promise<number> {
    return Math.min(limits.mostMs, 5_000 + 5 * await this.#measure(test, limits.mostMs));
  }
}

function testsFor(
  file: string,
  graph: ImportGraph,
  unchanged: Workplace,
  times: Map<string, Promise<number>>,
): NearTests {
  const [nearest, ...others] = killersOf(file, graph, limits.distance);
  if (nearest === undefined) throw new Error(`No test is near ${file}.`);
  return new NearTests([nearest, ...others], unchanged, times);
}

async function outcomeOf(mutant: Mutant, source: string, place: Workplace, tests: NearTests): Promise<Outcome> {
  await place.write(mutant.file, mutated(source, mutant));
  const fails = async (test: string) => !await place.passes(test, await tests.bound(test));
  if (await fails(tests.nearest)) return { mutant, survived: false };
  // Some of the others use real servers and timers, and one failure of theirs may be due to a busy machine.
  for await (const test of tests.others()) {
    if (await fails(test) && await fails(test)) return { mutant, survived: false };
  }
  return { mutant, survived: true };
}

function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}

async function filesIn(paths: readonly string[]): Promise<string[]> {
  const found = await Promise.all(paths.map(async (path) => {
    if (path.endsWith(".ts")) return [path];
    const names = (await Array.fromAsync(Deno.readDir(join(root, path)))).map(({ name }) => name);
    return names.filter((name) => name.endsWith(".ts") && !name.endsWith("_test.ts")).map((name) => `${path}/${name}`);
  }));
  return [...new Set(found.flat())].sort();
}

function option(name: string): string | undefined {
  const index = Deno.args.indexOf(name);
  return index < 0 ? undefined : Deno.args[index + 1];
}

async function main(): Promise<number> {
  const files = await filesIn(option("--only")?.split(",") ?? everything);
  const jobs = Number(option("--jobs") ?? navigator.hardwareConcurrency);
  const graph = await readImports(root);
  if (!(jobs >= 1)) throw new Error("--jobs must be 1 or more.");
  const places = await Promise.all(Array.from({ length: jobs }, () => Workplace.make()));
  const unchanged = await Workplace.make();
  const times = new Map<string, Promise<number>>();
  const outcomes: (Outcome & { readonly name: string })[] = [];
  const known = new Map(equivalents.map((one) => [identityIn(one), one]));
  const stale: string[] = [];
  try {
    for (const file of files) {
      const source = await Deno.readTextFile(join(root, file));
      const mutants = [...mutantsOf(file, source)];
      if (mutants.length === 0) continue;
      const tests = testsFor(file, graph, unchanged, times);
      const count = mutants.length;
      await Promise.all(places.map(async (place) => {
        for (let mutant = mutants.shift(); mutant !== undefined; mutant = mutants.shift()) {
          const outcome = await outcomeOf(mutant, source, place, tests);
          const name = identityOf(mutant, source);
          outcomes.push({ ...outcome, name });
          if (outcome.survived && !known.has(name)) {
            print(`survived: ${file}:${mutant.line} ${mutant.operator}: ${mutant.from} -> ${mutant.to || "(gone)"}`);
          }
        }
        await place.write(file, source);
      }));
      const here = outcomes.filter(({ mutant }) => mutant.file === file);
      print(`${file}: ${count} mutants, ${here.filter(({ survived }) => !survived).length} killed`);
      const survivors = new Set(here.filter(({ survived }) => survived).map(({ name }) => name));
      stale.push(
        ...[...known].filter(([name, one]) => one.file === file && !survivors.has(name)).map(([name]) => name),
      );
    }
  } finally {
    await Promise.all([...places, unchanged].map((place) => place[Symbol.asyncDispose]()));
  }
  for (const name of stale) print(`equivalent.json names a mutant that is gone or killed: ${name}`);
  const equivalent = outcomes.filter(({ survived, name }) => survived && known.has(name)).length;
  const survived = outcomes.filter((one) => one.survived).length - equivalent;
  const killed = outcomes.length - equivalent - survived;
  if (equivalent > 0) print(`${equivalent} more behave as the original, as equivalent.json says`);
  print(`${outcomes.length - equivalent} mutants, ${killed} killed, ${survived} survived`);
  return survived === 0 && stale.length === 0 && outcomes.length > 0 ? 0 : 1;
}

Deno.exit(await main());
