/**
 * What every command that serves does once it serves, and when it stops.
 *
 * @module
 */
import type { Config } from "../config/config.ts";
import type { Environment } from "../config/environment.ts";
import { runtimeVariablesWarning } from "../config/runtime_variables.ts";
import { orAborted } from "../base/deadline.ts";
import { KmsError } from "../base/errors.ts";
import type { Notify } from "../telemetry/events.ts";
import type { SocketServer } from "../net/socket/serve.ts";
import type { Reloads } from "../base/reloads.ts";
import { collectAtRest } from "./collect.ts";
import type { Reloading } from "./reloading.ts";
import { exitCodes, type ExitStatus } from "../cli/exit_codes.ts";

/** Whole kinds that nothing needs once all is open: what breaks in later finds them gone. */
export async function giveUpPermissions(): Promise<void> {
  for (const name of ["run", "ffi", "import", "env", "sys"] as const) await Deno.permissions.revoke({ name });
}

/** Warns in one line of variables by which the environment reaches behind the permissions. */
export function warnOfRuntimeVariables(environment: Environment, notify: Notify): void {
  const message = runtimeVariablesWarning(environment);
  if (message !== undefined) notify({ type: "lifecycle", action: "warning", message });
}

/** A start that fails leaves one line in the log, unless all is to be logged. A takeover may take a minute and is seen. */
export function keepsStartLines({ telemetry }: Pick<Config, "telemetry">, takeover: boolean): boolean {
  return telemetry.log.level !== "debug" && !takeover;
}

/** How a server stops. */
export interface StopOptions {
  /** Stops it. */
  readonly signal: AbortSignal;
  /** Milliseconds until what is still in flight is cut off. */
  readonly drainMs: number;
  readonly notify: Notify;
  /** Started by each announcement of `reloads`. */
  readonly reloading: Reloading;
  readonly reloads: Reloads;
}

/** Serves until the signal fires or a successor takes over, and lets the calls in flight end. */
export async function untilStopped(server: SocketServer, options: StopOptions): Promise<ExitStatus> {
  const { signal, drainMs, notify, reloading, reloads } = options;
  using _collection = collectAtRest();
  using _subscription = reloads.subscribe(() => reloading.start());
  if (reloads.missed) reloading.start();
  await untilEnd(server, signal);
  notify({ type: "lifecycle", action: "stopping", message: "Letting the calls in flight end." });
  await server.shutdown(drainMs);
  await reloading.settled();
  notify({ type: "lifecycle", action: "stopped", message: "Stopped." });
  return exitCodes.ok.status;
}

/**
 * Runs a command that serves. A signal that comes while it is still opening things ends it as one that comes later does:
 * without a failure.
 */
export async function stoppable(signal: AbortSignal, work: () => Promise<ExitStatus>): Promise<ExitStatus> {
  try {
    return await work();
  } catch (thrown) {
    if (signal.aborted && thrown instanceof KmsError && thrown.code === "cancelled") return exitCodes.ok.status;
    throw thrown;
  }
}

/** Waits for something to be opened, but not past the signal; what is opened after it is closed again. */
export async function orStopped<T extends AsyncDisposable>(opening: Promise<T>, signal: AbortSignal): Promise<T> {
  try {
    return await orAborted(opening, signal, "start");
  } catch (thrown) {
    if (signal.aborted) opening.then((opened) => opened[Symbol.asyncDispose](), () => {});
    throw thrown;
  }
}

function untilEnd(server: SocketServer, signal: AbortSignal): Promise<void> {
  const signalled = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
  return Promise.race([signalled, server.takenOver]);
}
