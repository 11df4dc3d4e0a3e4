/**
 * `trousseau decrypt --check` of a snapshot whose data keys are wrapped by two keys in real Vaults: the calls that a drill
 * costs, counted between the command and Vault.
 *
 * @module
 */
import { equal } from "node:assert/strict";
import { join } from "node:path";
import { Gate } from "../e2e/harness/gate.ts";
import { run } from "../support/processes.ts";
import { sealedSnapshotBy } from "../support/snapshot_file.ts";
import { openVault, tokenAuth } from "../support/vault_settings.ts";
import { type Bench, vaultAt } from "./bench.ts";
import { vaultProvider } from "./contestants.ts";
import { number, printTable, type Target } from "./report.ts";

/** Each data key has wrapped some seeds, as those of API servers that were restarted. */
const counts = { dataKeys: 6, seedsOfKey: 8, objectsOfSeed: 50 } as const;

/** The document of the drill. */
interface DrillDocument {
  readonly encrypted: number;
  readonly seeds: number;
  readonly providers: readonly { readonly objects: number }[];
}

/** Measures and prints the table. @returns the targets. */
export async function measureDrill(bench: Bench): Promise<Target[]> {
  await using stack = new AsyncDisposableStack();
  const vaults = [vaultAt(bench, 0), vaultAt(bench, 5)] as const;
  const names = ["near", "far"] as const;
  const wrapping = await Promise.all(names.map(async (name, at) => {
    const { address = "", token = "" } = vaults[at] ?? {};
    return stack.use((await openVault(address, { name, key: "bench", auth: tokenAuth(token) })).provider);
  }));
  const file = join(bench.folder, "drill.db");
  await Deno.writeFile(file, await sealedSnapshotBy(wrapping, counts));
  const gates = await Promise.all(vaults.map(async ({ address }) => stack.use(await Gate.open(address))));
  const entries = vaults.map(({ token }, at) => ({ name: names[at] ?? "", address: gates[at]?.address ?? "", token }));
  const config = await writeConfig(bench, entries);
  const begin = performance.now();
  const command = ["decrypt", "--snapshot", file, "--config", config, "--check", "--json"];
  const { code, stdout, stderr } = await run(bench.launchers.plugin, command, { env: { DENO: Deno.execPath() } });
  const seconds = (performance.now() - begin) / 1_000;
  equal(code, 0, stdout + stderr);
  const { encrypted, seeds, providers }: DrillDocument = JSON.parse(stdout);
  equal(encrypted, counts.dataKeys * counts.seedsOfKey * counts.objectsOfSeed);
  for (const { objects } of providers) equal(objects, encrypted);
  const all = gates.flatMap(({ passages }) => passages);
  // The others are those of the login.
  const ofKey = all.filter(({ path }) => path.includes("/transit/")).length;
  const most = counts.dataKeys * providers.length;
  await printTable(
    `A restore drill: ${encrypted} objects, ${seeds} seeds, ${counts.dataKeys} data keys, ${providers.length} Vaults`,
    ["calls", "in all", "of the keys", "data keys x providers", "s"],
    [["of the drill", `${all.length}`, `${ofKey}`, `${most}`, number(seconds)]],
  );
  await Deno.remove(file);
  return [{
    what: "decrypt --check: calls of the KMS, to data keys x providers",
    figure: ofKey / most,
    unit: "x",
    bound: { atMost: 1 },
  }];
}

/** The configuration of the Vaults, at the addresses of the gates. */
async function writeConfig(
  { folder }: Bench,
  entries: readonly { readonly name: string; readonly address: string; readonly token: string }[],
): Promise<string> {
  const home = join(folder, "drill");
  await Deno.mkdir(home, { recursive: true });
  const providers = await Promise.all(entries.map(({ name, ...access }) => vaultProvider(home, name, access)));
  const path = join(home, "trousseau.yaml");
  const own = { socket: { path: join(home, "kms.sock") }, state: join(home, "state") };
  await Deno.writeTextFile(path, JSON.stringify({ ...own, providers }));
  return path;
}
