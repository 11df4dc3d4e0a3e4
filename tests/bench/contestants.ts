/**
 * The measured servers: the plugin as it is shipped, and the bare server under the same flags.
 *
 * @module
 */
import { join } from "node:path";
import { trousseau } from "../../deploy/compile/artefacts.ts";
import { stage } from "../../deploy/compile/stage.ts";
import { freePort, Process } from "../support/processes.ts";
import type { Driver } from "./driver.ts";
import type { Vault } from "../support/vault.ts";

/** A running server. Disposing of it ends it and keeps its files, so that it can be started again. */
export interface Running extends AsyncDisposable {
  readonly pid: number;
}

/** A server that can be started. */
export interface Contestant {
  /** Its name in the tables. */
  readonly name: string;
  readonly socket: string;
  /** Its command line, without a shell. */
  readonly command: readonly string[];
  /** The address of its metrics; none if left out. */
  readonly metrics?: string;
}

/** The launchers of the plugin and of the bare server. */
export interface Launchers {
  readonly plugin: string;
  readonly bare: string;
}

/** The differences of a plugin from the default configuration. */
export interface PluginOptions {
  /** The Vault of its key; a local key if left out. */
  readonly vault?: Vault;
  /** The entries of all providers, in place of one provider. */
  readonly providers?: (home: string) => Promise<readonly unknown[]>;
  /** Whether every Decrypt must call the KMS: the unwrap cache holds one entry. */
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

/** The plugin with the default configuration, except for paths, port and provider. */
export async function plugin(
  launchers: Pick<Launchers, "plugin">,
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

/** The provider of a key in a file, which is made at the first start. */
export function localProvider(home: string): unknown {
  return { name: "local", kind: "local", keyFile: join(home, "local.keys"), create: true };
}

/** The provider of the key of {@linkcode prepareVault}, at the Vault's address or at that of a proxy in front of it. */
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
 * Starts a server and waits until it answers.
 *
 * @param output the file to which its output with the audit stream is appended. By default the output is written as on a
 * node, without a reader on the same cores.
 */
export async function start(
  driver: Driver,
  { name, socket, command }: Contestant,
  output = "/dev/null",
): Promise<Running> {
  const words = ["-c", 'output=$1; shift; exec "$@" >> "$output"', "sh", output, ...command];
  const process = new Process({ name, command: "sh", args: words, env: { DENO: Deno.execPath() } });
  const died = process.exited.then(() => {
    throw new Error(`${name} ended. ${process.tail}`);
  });
  // Its later end is not an error.
  died.catch(() => {});
  await Promise.race([driver.call("first", socket, { op: "encrypt" }), died]);
  return process;
}

/** The sum of a counter's samples whose labels match; 0 if there are none. */
export async function counter(contestant: Contestant, name: string, labels = /(?:)/): Promise<number | undefined> {
  if (contestant.metrics === undefined) return undefined;
  const text = await (await fetch(contestant.metrics)).text();
  const samples = text.split("\n").filter((line) => line.startsWith(name) && labels.test(line));
  return samples.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
}
