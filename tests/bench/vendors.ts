/**
 * The cost of each vendor's provider: time from exec to the first Status, and memory when idle.
 *
 * The clouds are doubles in this process, so that the figures do not include a network.
 *
 * @module
 */
import { join } from "node:path";
import { AwsDouble } from "../support/aws_double.ts";
import { GcpDouble } from "../support/gcp_double.ts";
import { gcpKey } from "../support/gcp_double.ts";
import { KeyVaultDouble } from "../support/key_vault_double.ts";
import { pause } from "../support/processes.ts";
import type { ProviderKind } from "../../lib/provider/registry.ts";
import type { Vault } from "../support/vault.ts";
import { type Bench, vaultAt } from "./bench.ts";
import { type Launchers, localProvider, plugin, start, vaultProvider } from "./contestants.ts";
import type { Driver } from "./driver.ts";
import { footprint, median } from "./process_figures.ts";
import { number, printTable, type Target } from "./report.ts";

const settleMs = 3_000;

/** The programs that a provider can need beside the plugin. */
export interface VendorSite {
  readonly driver: Driver;
  /** The plugin behind the one that is measured. */
  readonly launchers: Pick<Launchers, "plugin">;
  /** A folder under `/run`. */
  readonly folder: string;
  readonly vault: Vault;
}

/** Prepares a provider, and returns its entry in the configuration. */
type Prepare = (site: VendorSite, stack: AsyncDisposableStack, home: string) => Promise<unknown>;

/** The set-up of a working provider of each kind. A kind without a row is not measured. */
export const vendors = {
  "local": (_site, _stack, home) => Promise.resolve(localProvider(home)),
  "vault-transit": ({ vault }, _stack, home) => vaultProvider(home, "vault", vault),
  "kms-plugin": async ({ driver, launchers, folder }, stack) => {
    const behind = await plugin(launchers, folder, "behind the socket");
    stack.use(await start(driver, behind));
    return { name: "chained", kind: "kms-plugin", socket: `unix://${behind.socket}` };
  },
  "azure-key-vault": async (_site, stack, home) => {
    const { vault, login, caFile, entra: { tenantId, clientId, clientSecret } } = stack.use(
      await KeyVaultDouble.start(),
    );
    const file = await secretFile(home, clientSecret);
    return {
      name: "azure",
      kind: "azure-key-vault",
      vault,
      key: "kubernetes",
      cloud: { resource: vault, authority: login },
      tls: { caFile },
      auth: { method: "client-secret", tenantId, clientId, clientSecret: { file } },
    };
  },
  "gcp-kms": async (_site, stack, home) => {
    const double = stack.use(await GcpDouble.start());
    const { endpoint } = double;
    const keyFile = await secretFile(home, await double.logins.keyFile());
    const endpoints = { endpoint, oauthEndpoint: endpoint, stsEndpoint: endpoint, iamEndpoint: endpoint };
    return {
      name: "gcp",
      kind: "gcp-kms",
      key: gcpKey,
      ...endpoints,
      auth: { method: "service-account-key", keyFile },
    };
  },
  "aws-kms": async (_site, stack, home) => {
    const { arn, endpoint, logins } = stack.use(await AwsDouble.start());
    const file = await secretFile(home, logins.secretAccessKey);
    const auth = { method: "access-key", accessKeyId: logins.accessKeyId, secretAccessKey: { file } };
    return { name: "aws", kind: "aws-kms", key: arn, endpoint, stsEndpoint: endpoint, auth };
  },
} as const satisfies { readonly [Kind in ProviderKind]?: Prepare };

/** Measures and prints the table. @returns the targets. */
export async function measureVendors(bench: Bench): Promise<Target[]> {
  const rows: string[][] = [];
  const targets: Target[] = [];
  const site = { ...bench, vault: vaultAt(bench, 5) };
  for (const [kind, prepare] of Object.entries(vendors)) {
    await using stack = new AsyncDisposableStack();
    const { startMs, idleMb } = await measure(bench, kind, (home) => prepare(site, stack, home));
    rows.push([kind, number(startMs), idleMb.toFixed(0)]);
    targets.push(
      { what: `exec to first Status with ${kind}`, figure: startMs, unit: "ms", bound: { atMost: 1000 } },
      { what: `resident when idle with ${kind}`, figure: idleMb, unit: "MB", bound: { atMost: 80 } },
    );
  }
  const head = ["provider", "exec to first Status, median ms", "idle MB"];
  await printTable("What each vendor costs where it is configured", head, rows);
  return targets;
}

async function measure(
  { driver, launchers, folder, rounds }: Bench,
  kind: string,
  provider: (home: string) => Promise<unknown>,
): Promise<{ readonly startMs: number; readonly idleMb: number }> {
  const contestant = await plugin(launchers, folder, `with ${kind}`, {
    providers: async (home) => [await provider(home)],
  });
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    times.push((await driver.call("first", contestant.socket, {}, contestant.command)).p50);
    // The killed process has left its socket file. It is removed, so that the next start is measured correctly.
    await Deno.remove(contestant.socket).catch(() => {});
  }
  await using running = await start(driver, contestant);
  await pause(settleMs);
  return { startMs: median(times), idleMb: (await footprint(running.pid)).residentMb };
}

async function secretFile(home: string, secret: string): Promise<string> {
  const file = join(home, "secret");
  await Deno.writeTextFile(file, secret, { mode: 0o600 });
  return file;
}
