/**
 * The configuration of a command.
 *
 * @module
 */
import type { Config } from "../../config/config.ts";
import { recoveryKeyFile, withRecoveryKey } from "../../config/recovery_key.ts";
import type { Files } from "../../config/files.ts";
import { defaultConfigFile, embeddedConfig, requirePlace } from "../../config/defaults.ts";
import { loadConfig } from "../../config/load.ts";
import { orAborted } from "../../base/deadline.ts";
import type { ServiceRow } from "../../app/service.ts";
import { resolve } from "node:path";
import { type ServiceName, services } from "../../app/services.ts";
import { socketEndpoint } from "../../config/socket_path.ts";
import { socketPath } from "./socket_path.ts";
import type { TrousseauCall } from "./terminal.ts";

/**
 * The configuration, from the first of: the file of `--config`; that of `$TROUSSEAU_CONFIG`;
 * `/etc/trousseau/trousseau.yaml` if it exists; the embedded default. A default file without read permission is an
 * error, because its content is unknown.
 *
 * @throws {KmsError} `config`; `cancelled` if the terminal's signal is aborted before it is read.
 */
export function configured(call: TrousseauCall): Promise<Config> {
  const { environment, files, signal } = call.terminal;
  const load = async () => {
    const file = await configFile(call);
    const config = file === undefined
      ? await embeddedConfig(environment, files)
      : await loadConfig(file, environment, files);
    const { "recovery-key": keyFile } = call.options;
    return keyFile === undefined ? config : withRecoveryKey(config, recoveryKeyFile(resolve(keyFile)));
  };
  return orAborted(load(), signal, "load the configuration");
}

/**
 * The configuration for a command that only queries a running plugin. It reads no credential: a credential file that
 * others may write is no reason to refuse reporting the plugin's health.
 *
 * @throws {KmsError} `config`, `cancelled`
 */
export function configuredToLook(call: TrousseauCall): Promise<Config> {
  const { files } = call.terminal;
  const unexamined: Files = {
    read: (path, most) => files.read(path, most),
    kind: (path) => files.kind(path),
    identity: (path) => files.identity(path),
    mayWrite: (path) => files.mayWrite(path),
    canWrite: (folder) => files.canWrite(folder),
    exposure: () => Promise.resolve(undefined),
  };
  return configured({ ...call, terminal: { ...call.terminal, files: unexamined } });
}

/** The configuration with the level of `--log-level` instead of the file's; also for a reload. */
export async function configuredWithLevel(call: TrousseauCall): Promise<Config> {
  const config = await configured(call);
  const { "log-level": level } = call.options;
  if (level === undefined) return config;
  const { telemetry } = config;
  return { ...config, telemetry: { ...telemetry, log: { ...telemetry.log, level } } };
}

/**
 * The configuration for a service: its files must be in writable places.
 *
 * @throws {KmsError} `config`, `cancelled`
 */
export async function configuredToServe(call: TrousseauCall, command: ServiceName): Promise<Config> {
  const config = await configuredWithLevel(call);
  const { action, settings }: ServiceRow = services[command];
  const { socket, state } = settings(config);
  await requirePlace({ file: config.file, state }, { command, action, socket }, call.terminal);
  return config;
}

/** The file that {@linkcode configured} reads; `undefined` for the embedded default. */
export async function configFile(
  { options, terminal: { environment, files } }: TrousseauCall,
): Promise<string | undefined> {
  const named = options.config ?? environment.get("TROUSSEAU_CONFIG");
  if (named !== undefined) return named;
  return await files.kind(defaultConfigFile) === "absent" ? undefined : defaultConfigFile;
}

/**
 * The path of `--socket`, otherwise that of the configuration.
 *
 * @throws {UsageError | KmsError} for an invalid path, and for an invalid configuration.
 */
export async function configuredSocket(call: TrousseauCall): Promise<SocketFound> {
  const { socket } = call.options;
  if (socket !== undefined) return { path: socketPath(socket), from: "--socket" };
  const config = await configuredToLook(call);
  return { path: config.socket.path, from: nameOf(config) };
}

/** The path of a socket, with the source of the path as text. */
export interface SocketFound {
  readonly path: string;
  /** The source of the path, as text. */
  readonly from: string;
}

/** The configuration and the plugin of a command, as the first line of text output. */
export function subjectOf(config: Config): string {
  return subjectOfSocket({ path: config.socket.path, from: nameOf(config) });
}

/** The same line for the key service of SOPS. */
export function subjectOfSops(config: Config): string {
  return subjectOfSocket({ path: config.sops.socket.path, from: nameOf(config) });
}

/** The same line for the keyring. */
export function subjectOfKeyring(config: Config): string {
  return `Configuration: ${nameOf(config)}; keyring: ${socketEndpoint(config.keyring.adminSocket.path)}`;
}

/** The same line for a command that needs only a socket. */
export function subjectOfSocket({ path, from }: SocketFound): string {
  return `Configuration: ${from}; plugin: ${socketEndpoint(path)}`;
}

/** The same for JSON; `file` is `null` for the embedded default. */
export function subjectJson({ file, socket }: Config): { readonly file: string | null; readonly socket: string } {
  return { file: file ?? null, socket: socket.path };
}

function nameOf({ file }: Config): string {
  return file ?? `the embedded default with a local key (there is no ${defaultConfigFile})`;
}
