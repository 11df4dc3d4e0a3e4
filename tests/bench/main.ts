/**
 * `deno task bench [PART…]`: compares speed and size of the plugin with a bare server, under the same V8 flags, in one run.
 *
 * Parts: `startup`, `vendors`, `calls`, `several`, `objects`, `memory`, `load`, `snapshot`, `drill`, `rewrite`; all but the
 * last by default, which takes minutes. `--peers` adds vault-kubernetes-kms; `--rounds N` takes each figure N times
 * instead of 5; `--strict` ends with status 1 if anything falls short of its target.
 *
 * `--against REV [ROW…]` measures another commit beside this one and nothing else, in `--pairs N` pairs (7 by default);
 * `--json` prints one document in place of its tables.
 *
 * @module
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { v8Flags } from "../../deploy/compile/artefacts.ts";
import { repository } from "../../deploy/compile/stage.ts";
import { startVault } from "../support/vault.ts";
import { measureAgainst, type Outcome } from "./against.ts";
import type { Bench, DistantVault } from "./bench.ts";
import { measureCalls } from "./calls.ts";
import { prepareVault, stageBoth } from "./contestants.ts";
import { measureDrill } from "./drill.ts";
import { Driver } from "./driver.ts";
import { measureLoad } from "./load.ts";
import { measureMemory } from "./memory.ts";
import { measureObjects } from "./objects.ts";
import { peerProgram } from "./peer.ts";
import { print, printTargets, type Target } from "./report.ts";
import { measureRewrite } from "./rewrite.ts";
import { measureSeveral } from "./several.ts";
import { measureSnapshot } from "./snapshot.ts";
import { measureStartup } from "./startup.ts";
import { measureVendors } from "./vendors.ts";

const parts = {
  startup: measureStartup,
  vendors: measureVendors,
  calls: measureCalls,
  several: measureSeveral,
  objects: measureObjects,
  memory: measureMemory,
  load: measureLoad,
  snapshot: measureSnapshot,
  drill: measureDrill,
  rewrite: measureRewrite,
} as const satisfies Record<string, (bench: Bench) => Promise<Target[]>>;

const latencies = [0, 5, 20] as const;

async function prepare(stack: AsyncDisposableStack, peers: boolean, rounds: number): Promise<Bench> {
  const built = join(repository, ".bench");
  await Deno.mkdir(built, { recursive: true });
  const folder = await Deno.makeTempDir({ dir: "/run", prefix: "trousseau-bench-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const peer = peers ? { peer: await peerProgram(built) } : {};
  const [driver, launchers] = [await Driver.build(built), await stageBoth(built)];
  const vaults: DistantVault[] = [];
  for (const latencyMs of latencies) {
    const vault = stack.use(await startVault({ latencyMs }));
    await prepareVault(vault);
    vaults.push({ latencyMs, vault });
  }
  return { driver, launchers, folder, vaults, rounds, ...peer };
}

/** Measures the named parts, or all that take no minutes. */
async function measureParts(names: readonly string[], peers: boolean, rounds: number): Promise<Outcome> {
  await using stack = new AsyncDisposableStack();
  const bench = await prepare(stack, peers, rounds);
  const machine = `${navigator.hardwareConcurrency} cores`;
  await print(`Deno ${Deno.version.deno} on ${machine}, V8 flags of plugin and bare server: ${v8Flags.join(" ")}`);
  const targets: Target[] = [];
  for (const [name, measure] of Object.entries(parts)) {
    if (names.length === 0 ? name !== "rewrite" : names.includes(name)) targets.push(...await measure(bench));
  }
  return { missed: await printTargets(targets), failed: 0 };
}

function count(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1) return value;
  throw new Error(`"${text}" is refused: it must be a whole number of 1 or more.`);
}

async function main(): Promise<number> {
  const options = {
    peers: { type: "boolean", default: false },
    rounds: { type: "string", default: "5" },
    against: { type: "string" },
    pairs: { type: "string", default: "7" },
    json: { type: "boolean", default: false },
    strict: { type: "boolean", default: false },
  } as const;
  const { values, positionals } = parseArgs({ args: Deno.args, options, allowPositionals: true });
  const { against: revision, json, strict } = values;
  if (json && revision === undefined) {
    throw new Error("--json is for a comparison: name another commit with --against.");
  }
  const { missed, failed } = revision === undefined
    ? await measureParts(positionals, values.peers, count(values.rounds))
    : await measureAgainst({ revision, pairs: count(values.pairs), json, words: positionals });
  return failed > 0 || (strict && missed > 0) ? 1 : 0;
}

Deno.exitCode = await main();
