/**
 * What is measured: the plugin as it is shipped, and the bare server under the same flags.
 *
 * @module
 */
import { join } from "node:path";
import { trousseau } from "../../deploy/compile/artefacts.ts";
import { stage } from "../../deploy/compile/stage.ts";
import { freePort, Process } from "../support/processes.ts";
import type { Driver } from "./driver.ts";
import type { Vault } from "../support/vault.ts";

/** A server that runs. Disposing of it ends it and keeps its files, so that it can be started again. */
export interface Running extends AsyncDisposable {
  readonly pid: number;
}

/** A server that can be started. */
export interface Contestant {
  /** As the tables call it. */
  readonly name: string;
  readonly socket: string;
  /** Words to run it, without a shell. */
  readonly command: readonly string[];
  /** Where it counts what it did. */
  readonly metrics?: string;
}

/** The plugin's files and the bare server's. */
export interface Launchers {
  readonly plugin: string;
  readonly bare: string;
}

/** How a plugin under test differs from the default config. */
export interface PluginOptions {
  /** Without one, a local key. */
  readonly vault?: Vault;
  /** Instead of one provider: all of them, as a config has them. */
  readonly providers?: (home: string) => Promise<readonly unknown[]>;
  /** Whether every Decrypt has to ask the KMS: the unwrap cache holds one entry. */
  readonly uncached?: boolean;
  readonly unwrap?: "fastest" | "ordered";
}

/** Stages both with the flags of the binary. */
export async function stageBoth(folder: string): Promise<Launchers> {
  const plugin = await stage(join(folder, "plugin"));
  const bare = await stage(join(folder, "bare"), {
    artefact: { ...trousseau, name: "bare", entry: "tests/bench/bare_server.ts" },
  });
  return { plugin: plugin.launcher, bare: bare.launcher };
}

/** The bare server. */
export function bareServer(launchers: Launchers, folder: string): Contestant {
  const socket = join(folder, "bare.sock");
  return { name: "bare", socket, command: [launchers.bare, socket] };
}

/** The plugin with its default config, but for what the benchmark has to set: paths, port, provider. */
export async function plugin(
  launchers: Launchers,
  folder: string,
  name: string,
  options: PluginOptions = {},
): Promise<Contestant> {
  const home = join(folder, name.replaceAll(" ", "-"));
  await Deno.mkdir(home, { recursive: true });
  const [socket, config, port] = [join(home, "kms.sock"), join(home, "trousseau.yaml"), freePort()];
  const content = {
    socket: { path: socket },
    state: join(home, "state"),
    telemetry: { listen: `127.0.0.1:${port}` },
    providers: await providers(home, options),
    ...(options.uncached === true ? { cache: { entries: 1 } } : {}),
    ...(options.unwrap === undefined ? {} : { unwrap: options.unwrap }),
  };
  await Deno.writeTextFile(config, JSON.stringify(content));
  const command = [launchers.plugin, "serve", "--config", config];
  return { name, socket, command, metrics: `http://127.0.0.1:${port}/metrics` };
}

async function providers(home: string, { vault, providers }: PluginOptions): Promise<readonly unknown[]> {
  if (providers !== undefined) return await providers(home);
  return [vault === undefined ? localProvider(home) : await vaultProvider(home, "vault", vault)];
}

/** A key in a file, made at the first start. */
export function localProvider(home: string): unknown {
  return { name: "local", kind: "local", keyFile: join(home, "local.keys"), create: true };
}

/** The key of {@linkcode prepareVault}, by its address or by that of what stands before it. */
export async function vaultProvider(
  home: string,
  name: string,
  { address, token }: Pick<Vault, "address" | "token">,
): Promise<unknown> {
  const file = join(home, `${name}.token`);
  await Deno.writeTextFile(file, token, { mode: 0o600 });
  return { name, kind: "vault-transit", address, key: "bench", auth: { method: "token", token: { file } } };
}

/** Makes the transit key that {@linkcode plugin} uses. */
export async function prepareVault(vault: Vault): Promise<void> {
  await vault.api("POST", "sys/mounts/transit", { type: "transit" });
  await vault.api("POST", "transit/keys/bench");
}

/**
 * Starts a server and waits until it is well. What it prints, the audit stream too, goes to `/dev/null`: it is written,
 * as on a node, but nobody reads along on the same cores.
 */
export async function start(driver: Driver, { name, socket, command }: Contestant): Promise<Running> {
  const words = ["-c", 'exec "$@" > /dev/null', "sh", ...command];
  const process = new Process({ name, command: "sh", args: words, env: { DENO: Deno.execPath() } });
  const died = process.exited.then(() => {
    throw new Error(`${name} ended. ${process.tail}`);
  });
  // Later it may end as it likes.
  died.catch(() => {});
  await Promise.race([driver.call("first", socket, { op: "encrypt" }), died]);
  return process;
}

/** The sum of a counter's samples whose labels match; 0 where there are none. */
export async function counter(contestant: Contestant, name: string, labels = /(?:)/): Promise<number | undefined> {
  if (contestant.metrics === undefined) return undefined;
  const text = await (await fetch(contestant.metrics)).text();
  const samples = text.split("\n").filter((line) => line.startsWith(name) && labels.test(line));
  return samples.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
}
