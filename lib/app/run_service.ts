/**
 * The one composition of a process that serves: telemetry, socket lock, service, socket or takeover, HTTP pages,
 * permissions, reloads and drain.
 *
 * @module
 */
import { processStartedAt, systemClock } from "../base/clock.ts";
import { orAborted } from "../base/deadline.ts";
import { KmsError } from "../base/errors.ts";
import { Reloads } from "../base/reloads.ts";
import { version } from "../base/version.ts";
import type { Config } from "../config/config.ts";
import type { Environment } from "../config/environment.ts";
import { runtimeVariablesWarning } from "../config/runtime_variables.ts";
import type { SocketServer } from "../net/socket/serve.ts";
import { claimSocket } from "../net/socket/socket.ts";
import type { Notify } from "../telemetry/events.ts";
import { openTelemetry } from "../telemetry/telemetry.ts";
import { collectAtRest } from "./collect.ts";
import { openMovableEndpoint } from "./endpoint.ts";
import { Reloading } from "./reloading.ts";
import type { OpenService, Permission, ServiceRow } from "./service.ts";
import { checkStateOwner } from "./state_owner.ts";

/** Options of {@linkcode runService}. */
export interface RunServiceOptions<Service extends OpenService> {
  readonly config: Config;
  /** Reads the configuration again, at each announcement of `reloads`. */
  readonly reload: () => Promise<Config>;
  readonly reloads: Reloads;
  readonly environment: Environment;
  /** Whether to replace the process that serves the socket now. */
  readonly takeover: boolean;
  /** Whether log lines are coloured. */
  readonly colours: boolean;
  /** Configuration and socket in words, for the first log line; without its full stop. */
  readonly subject: string;
  /** Stops the service. */
  readonly signal: AbortSignal;
  /**
   * Called once the socket answers. Its error ends the service.
   *
   * @param origin the origin of the HTTP pages, for instance `http://127.0.0.1:8090`; `undefined` if there are none.
   */
  readonly onServing: (service: Service, origin: string | undefined) => Promise<void>;
}

/**
 * Serves until the signal fires or a successor has taken the socket over, then waits for the calls in progress.
 *
 * @throws {KmsError} if the start fails; `cancelled` if the signal fires before the service is open.
 */
export async function runService<Service extends OpenService>(
  row: ServiceRow<Service>,
  options: RunServiceOptions<Service>,
): Promise<void> {
  const { config, takeover, signal } = options;
  const { socket, state, audit, listen } = row.settings(config);
  await using telemetry = await openTelemetry({
    log: { ...config.telemetry.log, colours: options.colours },
    audit,
    version,
    startedAt: processStartedAt,
    countable: row.countable(config),
    untilStarted: dropsLinesOfFailedStart(config, takeover),
  });
  const { notify } = telemetry;
  const message = `Trousseau ${version} ${row.starts}. ${options.subject}.`;
  notify({ type: "lifecycle", action: "starting", message });
  warn(runtimeVariablesWarning(options.environment), notify);
  warn(checkStateOwner({ state, socket }, takeover), notify);
  const credentials = new Reloads();
  using lock = await claimSocket(socket.path, socket.folderMode);
  await using service = await openUnlessAborted(row.open({ config, notify, credentials }), signal);
  await service.prepare?.(takeover, signal);
  await using server = await service.serve({
    ...socket,
    lock,
    takeover: takeover ? service.takeover : undefined,
    notify,
  });
  await using endpoint = await openMovableEndpoint({
    listen,
    field: row.listenField,
    socket: socket.path,
    anyPort: row.anyPort?.(config),
    pages: service.pages,
    complaint: () => server.complaint(),
    telemetry,
  });
  await revokePermissions(row.keeps);
  telemetry.started();
  notify({ type: "lifecycle", action: "serving", message: `Serving ${service.served}.` });
  service.afterStart?.();
  await options.onServing(service, endpoint.origin());
  const reloading = new Reloading({
    running: config,
    load: options.reload,
    setLevel: (level) => telemetry.log.setLevel(level),
    listen: (next) => row.settings(next).listen,
    setListen: (address) => endpoint.move(address),
    credentials,
    notify,
  });
  const flush = (ms: number) => service.flush?.(ms);
  await drainWhenStopped(server, { ...options, drainMs: config.drainMs, notify, reloading, flush });
}

/**
 * Does work that ends in {@linkcode runService}. A signal during the start ends it without an error, as a signal after
 * the start does.
 *
 * @throws the error of the work, except `cancelled` after the signal.
 */
export async function withCleanStop(signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (thrown) {
    if (!signal.aborted || !(thrown instanceof KmsError) || thrown.code !== "cancelled") throw thrown;
  }
}

/** Every kind of permission. A kind that is missing here is a compile error. */
const kinds = {
  env: true,
  ffi: true,
  import: true,
  net: true,
  read: true,
  run: true,
  sys: true,
  write: true,
} as const satisfies Readonly<Record<Permission, true>>;

/** Revokes every kind of permission but those given, so that compromised code cannot use them. */
export async function revokePermissions(keeps: readonly Permission[]): Promise<void> {
  for (const name of Object.keys(kinds) as Permission[]) {
    if (!keeps.includes(name)) await Deno.permissions.revoke({ name });
  }
}

function warn(message: string | undefined, notify: Notify): void {
  if (message !== undefined) notify({ type: "lifecycle", action: "warning", message });
}

/** A failed start logs one line. At level `debug`, and in a takeover, which can take a minute, it logs all lines. */
function dropsLinesOfFailedStart({ telemetry }: Pick<Config, "telemetry">, takeover: boolean): boolean {
  return telemetry.log.level !== "debug" && !takeover;
}

/** Waits for a resource, but not past the signal; a resource that is opened after the signal is closed again. */
async function openUnlessAborted<T extends AsyncDisposable>(opening: Promise<T>, signal: AbortSignal): Promise<T> {
  try {
    return await orAborted(opening, signal, "start");
  } catch (thrown) {
    if (signal.aborted) opening.then((opened) => opened[Symbol.asyncDispose](), () => {});
    throw thrown;
  }
}

interface DrainOptions {
  readonly signal: AbortSignal;
  /** Milliseconds until calls in flight are cut off. */
  readonly drainMs: number;
  readonly notify: Notify;
  /** Started by each announcement of `reloads`. */
  readonly reloading: Reloading;
  readonly reloads: Reloads;
  /** Sends what is left after the last call, within the given milliseconds. */
  readonly flush: (ms: number) => Promise<void> | undefined;
}

async function drainWhenStopped(server: SocketServer, options: DrainOptions): Promise<void> {
  const { signal, drainMs, notify, reloading, reloads, flush } = options;
  using _collection = collectAtRest();
  using _subscription = reloads.subscribe(() => reloading.start());
  // A SIGHUP during the start had no subscriber yet.
  if (reloads.missed) reloading.start();
  await signalOrTakeover(server, signal);
  notify({ type: "lifecycle", action: "stopping", message: "Letting the calls in flight end." });
  const end = systemClock.now() + drainMs;
  await server.shutdown(drainMs);
  await flush(Math.max(0, end - systemClock.now()));
  await reloading.settled();
  notify({ type: "lifecycle", action: "stopped", message: "Stopped." });
}

function signalOrTakeover(server: SocketServer, signal: AbortSignal): Promise<void> {
  const signalled = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
  return Promise.race([signalled, server.takenOver]);
}
