/**
 * The configuration that a command works with.
 *
 * @module
 */
import type { Config } from "../../config/config.ts";
import type { Files } from "../../config/files.ts";
import { defaultConfigFile, embeddedConfig, requirePlace } from "../../config/defaults.ts";
import { loadConfig } from "../../config/load.ts";
import { orAborted } from "../../base/deadline.ts";
import type { ServiceRow } from "../../app/service.ts";
import { type ServiceName, services } from "../../app/services.ts";
import { socketEndpoint } from "../../config/socket_path.ts";
import { socketPath } from "./socket_path.ts";
import type { TrousseauCall } from "./terminal.ts";

/**
 * The file of `--config`, else that of `$TROUSSEAU_CONFIG`, else `/etc/trousseau/trousseau.yaml` if it is there, else
 * the embedded default. A default file that may not be read is an error: what it says is not known.
 *
 * @throws {KmsError} `config`; `cancelled` if the terminal's signal fires before it is read.
 */
export function configured(call: TrousseauCall): Promise<Config> {
  const { environment, files, signal } = call.terminal;
  const load = async () => {
    const file = await configFile(call);
    return file === undefined ? await embeddedConfig(environment, files) : await loadConfig(file, environment, files);
  };
  return orAborted(load(), signal, "load the configuration");
}

/**
 * The same for a command that only looks at a running plugin: it reads no credential, so that a credential file which
 * others may write is no reason to refuse an answer about the plugin's health.
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

/** With the level of `--log-level` in the place of the file's; at a reload too. */
export async function configuredWithLevel(call: TrousseauCall): Promise<Config> {
  const config = await configured(call);
  const { "log-level": level } = call.options;
  if (level === undefined) return config;
  const { telemetry } = config;
  return { ...config, telemetry: { ...telemetry, log: { ...telemetry.log, level } } };
}

/**
 * The same for a command that serves: what it makes must have a place.
 *
 * @throws {KmsError} `config`, `cancelled`
 */
export async function configuredToServe(call: TrousseauCall, command: ServiceName): Promise<Config> {
  const config = await configuredWithLevel(call);
  const { action, settings }: ServiceRow = services[command];
  await requirePlace(config, { command, action, socket: settings(config).socket }, call.terminal);
  return config;
}

/** The file that {@linkcode configured} reads, `undefined` for the embedded default. */
export async function configFile(
  { options, terminal: { environment, files } }: TrousseauCall,
): Promise<string | undefined> {
  const named = options.config ?? environment.get("TROUSSEAU_CONFIG");
  if (named !== undefined) return named;
  return await files.kind(defaultConfigFile) === "absent" ? undefined : defaultConfigFile;
}

/**
 * The path of `--socket`, else that of the configuration.
 *
 * @throws {UsageError | KmsError} for a path that cannot be, and for a configuration that is wrong.
 */
export async function configuredSocket(call: TrousseauCall): Promise<SocketFound> {
  const { socket } = call.options;
  if (socket !== undefined) return { path: socketPath(socket), from: "--socket" };
  const config = await configuredToLook(call);
  return { path: config.socket.path, from: nameOf(config) };
}

/** A socket, and where its path comes from in words. */
export interface SocketFound {
  readonly path: string;
  readonly from: string;
}

/** Which configuration and which plugin a command speaks of: its first line for eyes. */
export function subjectOf(config: Config): string {
  return subjectOfSocket({ path: config.socket.path, from: nameOf(config) });
}

/** The same for the key service of SOPS. */
export function subjectOfSops(config: Config): string {
  return subjectOfSocket({ path: config.sops.socket.path, from: nameOf(config) });
}

/** The same for a command that needs a socket alone. */
export function subjectOfSocket({ path, from }: SocketFound): string {
  return `Configuration: ${from}; plugin: ${socketEndpoint(path)}`;
}

/** The same for scripts; `file` is `null` for the embedded default. */
export function subjectJson({ file, socket }: Config): { readonly file: string | null; readonly socket: string } {
  return { file: file ?? null, socket: socket.path };
}

function nameOf({ file }: Config): string {
  return file ?? `the embedded default with a local key (there is no ${defaultConfigFile})`;
}
