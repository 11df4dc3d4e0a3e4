/**
 * `deno task bench:keyring [PART…]`: compares the keyring with Vault's KV version 2 side by side in one run: same
 * client, same requests, same number of secrets, both with an audit file and with storage on the same disk.
 *
 * Parts: `rates`, `memory`, `first`, `kms`, `client`; all by default. `--secrets N` secrets instead of 10,000;
 * `--rounds N` takes each figure N times instead of 5; `--seconds N` is the length of a round of load; `--json` prints
 * one document instead of tables; `--strict` ends with status 1 if a figure falls short of its target.
 *
 * @module
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { repository } from "../../../deploy/compile/stage.ts";
import { type KeyringPrograms, keyringPrograms } from "../../e2e/harness/keyring.ts";
import { Authority } from "../../support/certificates.ts";
import { Driver } from "../driver.ts";
import { loadAverage } from "../process_figures.ts";
import { number, print, printTable, printTargets, progress, ratio, reached, type Target } from "../report.ts";
import { measureClient, measureKmsCalls } from "./client.ts";
import { type Comparison, measureFirst, measureMemory, measureRates, seed } from "./measures.ts";
import { keyringServer, vaultServer } from "./servers.ts";

const partNames = ["rates", "memory", "first", "kms", "client"] as const;

type PartName = typeof partNames[number];

interface Settings {
  readonly parts: ReadonlySet<PartName>;
  readonly count: number;
  readonly rounds: number;
  readonly seconds: number;
}

interface Results {
  readonly comparisons: readonly Comparison[];
  /** Targets that have nothing of Vault beside them. */
  readonly targets: readonly Target[];
}

async function measure(settings: Settings): Promise<Results> {
  const { parts, count, rounds, seconds } = settings;
  await using stack = new AsyncDisposableStack();
  const built = join(repository, ".bench");
  await Deno.mkdir(built, { recursive: true });
  const [driver, programs] = [await Driver.build(built), await keyringPrograms()];
  const folder = await Deno.makeTempDir({ dir: "/run", prefix: "keyring-bench-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const options = { folder, authority: new Authority(), count };
  const ours = stack.use(await keyringServer(programs, options));
  const servers = [ours, stack.use(await vaultServer(options))] as const;
  await seed(driver, servers);
  const comparisons: Comparison[] = [];
  const note = async (...taken: readonly Comparison[]) => {
    comparisons.push(...taken);
    for (const { what, trousseau, vault } of taken) await progress(`${what}: ${ratio(trousseau / vault)}`);
  };
  if (parts.has("rates")) await note(...await measureRates(driver, servers, { rounds, seconds }));
  if (parts.has("memory")) await note(await measureMemory(driver, servers));
  if (parts.has("first")) await note(await measureFirst(driver, servers, rounds));
  return { comparisons, targets: await measureOwn(parts, programs, driver, ours) };
}

async function measureOwn(
  parts: Settings["parts"],
  programs: KeyringPrograms,
  driver: Driver,
  ours: Parameters<typeof measureClient>[1],
): Promise<Target[]> {
  return [
    ...parts.has("kms") ? await measureKmsCalls(programs, driver) : [],
    ...parts.has("client") ? await measureClient(programs, ours) : [],
  ];
}

function targetOf({ what, trousseau, vault, bound }: Comparison): Target {
  return { what: `${what}, to Vault`, figure: trousseau / vault, unit: "x", bound };
}

async function report({ comparisons, targets }: Results, title: string): Promise<void> {
  const rows = comparisons.map(({ what, unit, trousseau, vault }) => [
    `${what} (${unit})`,
    number(trousseau),
    number(vault),
    ratio(trousseau / vault),
  ]);
  if (rows.length > 0) await printTable(title, ["figure", "trousseau", "vault", "ratio"], rows);
  await printTargets([...comparisons.map(targetOf), ...targets]);
}

function settingsOf(values: Readonly<Record<"secrets" | "rounds" | "seconds", string>>, names: string[]): Settings {
  const unknown = names.find((name) => !partNames.some((part) => part === name));
  if (unknown !== undefined) throw new Error(`There is no part ${unknown}; the parts are ${partNames.join(", ")}.`);
  const parts = new Set(partNames.filter((part) => names.length === 0 || names.includes(part)));
  const [count, rounds, seconds] = [values.secrets, values.rounds, values.seconds].map((text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= 1) return value;
    throw new Error(`"${text}" is refused: it must be a whole number of 1 or more.`);
  });
  return { parts, count: count ?? 1, rounds: rounds ?? 1, seconds: seconds ?? 1 };
}

async function main(): Promise<number> {
  const options = {
    secrets: { type: "string", default: "10000" },
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "3" },
    json: { type: "boolean", default: false },
    strict: { type: "boolean", default: false },
  } as const;
  const { values, positionals } = parseArgs({ args: Deno.args, options, allowPositionals: true });
  const settings = settingsOf(values, positionals);
  const loadBefore = await loadAverage();
  const results = await measure(settings);
  const machine = {
    cores: navigator.hardwareConcurrency,
    deno: Deno.version.deno,
    load: { before: loadBefore, after: await loadAverage() },
  };
  const all = [...results.comparisons.map(targetOf), ...results.targets];
  if (values.json) await print(JSON.stringify({ machine, ...results, targets: all }, null, 2));
  else {
    const load = `load average ${machine.load.before} before and ${machine.load.after} after`;
    await report(results, `${settings.count} secrets, Deno ${machine.deno}, ${machine.cores} cores, ${load}`);
  }
  return values.strict && all.some((target) => !reached(target)) ? 1 : 0;
}

Deno.exitCode = await main();
