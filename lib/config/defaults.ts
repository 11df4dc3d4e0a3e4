/**
 * The default values, and the embedded configuration that is used without a config file. Loads neither YAML nor the
 * schema.
 *
 * @module
 */
import { dirname, isAbsolute, resolve } from "node:path";
import { KmsError } from "../base/errors.ts";
import { parseListen } from "./addresses.ts";
import type { Config } from "./config.ts";
import { parseDuration } from "../base/duration.ts";
import type { Environment } from "./environment.ts";
import type { Files } from "./files.ts";
import { socketPathComplaint } from "./socket_path.ts";

/** Path of the config file if neither `--config` nor `$TROUSSEAU_CONFIG` names one. */
export const defaultConfigFile = "/etc/trousseau/trousseau.yaml";

/** The defaults in the form of the config file; the schema shows them in editors. */
export const defaults = {
  socket: { path: "/run/trousseau/kms.sock", mode: "0600" },
  state: "/var/lib/trousseau",
  kms: { v1beta1: true, reportVersion: "v2" },
  keyEpoch: 0,
  unwrap: "fastest",
  cache: { entries: 4096, maxAge: "10m", graceOnOutage: "24h", lifetime: "7d" },
  readyDek: { maxAge: "1h" },
  outage: { policy: "keepWriting", after: "10m" },
  probe: { interval: "75s" },
  drain: "10s",
  telemetry: { listen: "127.0.0.1:8090", log: { level: "info", format: "text" }, audit: "stdout" },
  // Several users can run it on one machine, each with their own socket. It therefore opens no port unless configured
  // to.
  sops: { mode: "0600", listen: "off", audit: "stdout", decryptOnly: false, key: "default" },
  keyring: {
    state: "/var/lib/trousseaud",
    adminSocket: "/run/trousseaud/admin/admin.sock",
    listen: "127.0.0.1:8300",
    etcdPrefix: "/trousseau/",
    auditFailure: "refuse",
    metrics: "off",
    kvMount: "secret",
  },
} as const;

/** The default wrap quorum: two if there are at least two providers. */
export function defaultWrap(providerCount: number): number {
  return providerCount >= 2 ? 2 : 1;
}

/** `$STATE_DIRECTORY` of systemd; the first of several that are separated by colons. */
export function stateFolderOf(environment: Environment): string | undefined {
  return absolute(environment.get("STATE_DIRECTORY")?.split(":")[0]);
}

/**
 * The configuration without a config file: one key in a file in the state folder, created at the first start, and a
 * socket that does not require root.
 *
 * State folder, the first of: `$STATE_DIRECTORY`; `./run/state` if writing there is permitted; `/var/lib/trousseau` if
 * this user can write there; `$XDG_RUNTIME_DIR/trousseau/state`, which is deleted at logout (see
 * {@linkcode isVolatile}). Socket, the first of: `$XDG_RUNTIME_DIR/trousseau/kms.sock` if that folder exists and
 * writing to it is permitted; `./run/kms.sock` if permitted; `/run/trousseau/kms.sock`.
 *
 * @throws {KmsError} `config` if the socket's path is longer than the system permits.
 */
export async function embeddedConfig(environment: Environment, files: Files): Promise<Config> {
  const state = await embeddedState(environment, files);
  const path = await embeddedSocket(environment, files, "kms.sock");
  const complaint = socketPathComplaint(path);
  if (complaint !== undefined) {
    throw new KmsError(
      "config",
      `Cannot listen: ${complaint}. Start in a folder with a shorter name, or write a config.`,
    );
  }
  return {
    file: undefined,
    socket: { path, mode: Number.parseInt(defaults.socket.mode, 8), owner: undefined, group: undefined },
    state,
    kms: defaults.kms,
    keyEpoch: defaults.keyEpoch,
    wrap: defaultWrap(1),
    unwrap: defaults.unwrap,
    cache: {
      entries: defaults.cache.entries,
      maxAgeMs: milliseconds(defaults.cache.maxAge),
      graceOnOutageMs: milliseconds(defaults.cache.graceOnOutage),
      lifetimeMs: milliseconds(defaults.cache.lifetime),
    },
    readyDek: { maxAgeMs: milliseconds(defaults.readyDek.maxAge) },
    outage: { policy: defaults.outage.policy, afterMs: milliseconds(defaults.outage.after) },
    probe: { intervalMs: milliseconds(defaults.probe.interval) },
    drainMs: milliseconds(defaults.drain),
    telemetry: {
      listen: parseListen(defaults.telemetry.listen),
      log: defaults.telemetry.log,
      audit: defaults.telemetry.audit,
    },
    providers: [{
      name: "local",
      formerly: [],
      settings: { kind: "local", name: "local", keyFile: resolve(state, "local.keys"), create: true },
    }],
    retired: [],
    forgotten: [],
    readForeign: [],
    sops: {
      socket: {
        path: await embeddedSocket(environment, files, sopsSocketName),
        mode: Number.parseInt(defaults.sops.mode, 8),
        owner: undefined,
        group: undefined,
      },
      listen: undefined,
      audit: defaults.sops.audit,
      decryptOnly: defaults.sops.decryptOnly,
      keys: [{ name: defaults.sops.key, providers: ["local"], wrap: defaultWrap(1) }],
    },
    keyring: await embeddedKeyring(environment, files),
  };
}

/**
 * The keyring without a config file: an embedded store in a folder of its own, the admin socket, and no address.
 *
 * Folder, the first of: `$STATE_DIRECTORY`; `./run/keyring` if writing there is permitted;
 * `$XDG_RUNTIME_DIR/trousseau/keyring` if this user cannot write to `/var/lib/trousseaud`; `/var/lib/trousseaud`.
 */
async function embeddedKeyring(environment: Environment, files: Files): Promise<Config["keyring"]> {
  const state = await embeddedKeyringState(environment, files);
  const runtime = await underRuntime(environment, files, "admin/admin.sock");
  const path = runtime ??
    (await files.mayWrite("./run/admin/admin.sock") ? resolve("run/admin/admin.sock") : defaults.keyring.adminSocket);
  return {
    isWritten: false,
    store: { kind: "embedded", folder: resolve(state, "store") },
    state,
    adminSocket: { path, mode: 0o600, owner: undefined, group: undefined },
    sockets: [],
    listen: undefined,
    tls: { names: [], files: undefined },
    issuers: [],
    audit: resolve(state, "audit.jsonl"),
    auditFailure: defaults.keyring.auditFailure,
    metrics: undefined,
    kvMount: defaults.keyring.kvMount,
  };
}

async function embeddedKeyringState(environment: Environment, files: Files): Promise<string> {
  const given = stateFolderOf(environment);
  if (given !== undefined) return given;
  if (await files.mayWrite("./run/keyring")) return resolve("run/keyring");
  const runtime = await underRuntime(environment, files, "keyring");
  return runtime === undefined || await files.canWrite(defaults.keyring.state) ? defaults.keyring.state : runtime;
}

const sopsSocketName = "sops.sock";

/**
 * The default socket of the key service, the first of: the folder of the plugin's socket if that is not the default
 * one; `$XDG_RUNTIME_DIR/trousseau/sops.sock` if that folder exists and writing to it is permitted;
 * `/run/trousseau/sops.sock`.
 *
 * @param plugins the path of the plugin's own socket.
 */
export async function sopsSocketPath(plugins: string, environment: Environment, files: Files): Promise<string> {
  const runtime = plugins === defaults.socket.path ? await underRuntime(environment, files, sopsSocketName) : undefined;
  return runtime ?? `${dirname(plugins)}/${sopsSocketName}`;
}

async function embeddedState(environment: Environment, files: Files): Promise<string> {
  const given = stateFolderOf(environment);
  if (given !== undefined) return given;
  if (await files.mayWrite("./run/state")) return resolve("run/state");
  const runtime = await underRuntime(environment, files, "state");
  return runtime === undefined || await files.canWrite(defaults.state) ? defaults.state : runtime;
}

/** Whether the state folder of the embedded default is one that the system empties at logout. */
export function isVolatile({ file, state }: Config, environment: Environment): boolean {
  const runtime = absolute(environment.get("XDG_RUNTIME_DIR"));
  return file === undefined && runtime !== undefined && state === resolve(runtime, "trousseau", "state");
}

/** A service that needs a writable folder for its socket. */
export interface PlacedService {
  /** Name of the command, for instance `serve` in `trousseau serve`. */
  readonly command: string;
  /** The verb of the error message. */
  readonly action: string;
  readonly socket: { readonly path: string };
}

/**
 * Checks that the folders of the embedded default's key and of the service's socket are writable.
 *
 * @throws {KmsError} `config` with the folders that were tried and a command line that works.
 */
export async function requirePlace(
  { file, state }: Pick<Config, "file" | "state">,
  { command, action, socket }: PlacedService,
  { environment, files }: { readonly environment: Environment; readonly files: Files },
): Promise<void> {
  if (file !== undefined) return;
  const folders = [state, dirname(socket.path)];
  const closed: string[] = [];
  for (const folder of folders) if (!await files.canWrite(folder)) closed.push(folder);
  if (closed.length === 0) return;
  const runtime = environment.get("XDG_RUNTIME_DIR");
  const trial = "/run/trousseau-trial";
  throw new KmsError(
    "config",
    `Cannot ${action} without a configuration: this user cannot write to ` +
      `${closed.join(" and ")}, and XDG_RUNTIME_DIR ${
        runtime === undefined ? "is not set" : `(${runtime}) is of no use`
      }. ` +
      `Write a configuration and name it with --config; or, only to try it, run in a login session: ` +
      `XDG_RUNTIME_DIR=/run/user/$(id -u) trousseau ${command}; or without one: ` +
      `sudo install -d -m 0700 -o $(id -un) ${trial} && XDG_RUNTIME_DIR=${trial} trousseau ${command}`,
  );
}

async function embeddedSocket(environment: Environment, files: Files, name: string): Promise<string> {
  const runtime = await underRuntime(environment, files, name);
  if (runtime !== undefined) return runtime;
  if (await files.mayWrite(`./run/${name}`)) return resolve(`run/${name}`);
  return `${dirname(defaults.socket.path)}/${name}`;
}

/** `$XDG_RUNTIME_DIR/trousseau/NAME` if that folder exists and writing to it is permitted. */
async function underRuntime(environment: Environment, files: Files, name: string): Promise<string | undefined> {
  const runtime = absolute(environment.get("XDG_RUNTIME_DIR"));
  if (runtime === undefined) return undefined;
  const path = resolve(runtime, "trousseau", name);
  return await files.mayWrite(path) && await files.kind(runtime) === "folder" ? path : undefined;
}

/** The path if it is absolute. The XDG base directory specification requires that others are ignored. */
function absolute(path: string | undefined): string | undefined {
  return path !== undefined && isAbsolute(path) ? path : undefined;
}

function milliseconds(text: string): number {
  return parseDuration(text) ?? 0;
}
