/**
 * `trousseau probe`
 *
 * @module
 */
import { processStartedAt, systemClock } from "../../base/clock.ts";
import { formatDuration, parseDuration } from "../../base/duration.ts";
import { abortError, deadline, sleep } from "../../base/deadline.ts";
import { KmsError } from "../../base/errors.ts";
import { dialKms } from "../../api/kms/client.ts";
import { StartWatch } from "../../net/socket/start_watch.ts";
import { isUnimplemented } from "../../net/grpc/status.ts";
import { UsageError } from "../command.ts";
import { type CommandLog, commandLog } from "./command_log.ts";
import { configuredSocket, subjectOfSocket } from "./configured.ts";
import { exitCodes, type ExitStatus, exitStatus, exitStatusOfCode, worst } from "../exit_codes.ts";
import { probeKms, type ProbeReport, type ProbeStep } from "./kms_probe.ts";
import { json, type Output } from "../terminal.ts";
import type { Terminal, TrousseauCall } from "./terminal.ts";
import { startProgress } from "../progress.ts";
import { durationText, table, type Tone, wantsColour } from "../table.ts";

/** The default timeout of `--wait` in milliseconds: less than the 90 s that systemd permits for a start. */
const defaultWaitMs = 60_000;

/** Pause between two tries of `--wait`, in milliseconds. */
const pauseMs = 200;

/** Probes a socket; with `--wait`, waits for it first. */
export async function probe(call: TrousseauCall): Promise<ExitStatus> {
  if (!call.options.quiet) return await probeAloud(call);
  try {
    return await probeAloud({ ...call, terminal: { ...call.terminal, stdout: silent, stderr: silent } });
  } catch (thrown) {
    if (thrown instanceof KmsError) return exitStatus(thrown);
    throw thrown;
  }
}

const silent: Output = { isTerminal: false, write() {} };

async function probeAloud(call: TrousseauCall): Promise<ExitStatus> {
  const { options, terminal } = call;
  const waitMs = waitFor(call);
  const found = await configuredSocket(call);
  const { path } = found;
  if (waitMs !== undefined) {
    using _progress = startProgress(terminal, `Waiting for ${path}, ${formatDuration(waitMs)} at most`);
    await waitUntilWell(path, waitMs, watchOf(path, terminal), commandLog(call), terminal.signal);
  }
  await using client = dialKms(path);
  const report = await probeKms(client, terminal.signal);
  if (terminal.signal.aborted) throw abortError(terminal.signal, `probe ${path}`);
  const status = worst(report.steps.map(statusOfStep));
  if (options.json) json(terminal.stdout, asJson(path, report, status));
  else {
    const colour = wantsColour(terminal.stdout, terminal.environment);
    terminal.stdout.write(`${subjectOfSocket(found)}\n${asTable(report, colour)}`);
  }
  return status;
}

function waitFor({ options }: TrousseauCall): number | undefined {
  if (options.timeout === undefined) return options.wait ? defaultWaitMs : undefined;
  if (!options.wait) throw new UsageError("--timeout is for --wait; without it each call has 3 seconds.", "probe");
  const ms = parseDuration(options.timeout);
  if (ms === undefined || ms === 0) throw new UsageError("--timeout is a duration, as in 500ms, 30s or 2m.", "probe");
  return ms;
}

/**
 * Watches the main process during a start by systemd. systemd passes its process ID to a command of ExecStartPost;
 * after the process has ended, there is nothing to wait for.
 */
function watchOf(path: string, { environment }: Terminal): StartWatch | undefined {
  return environment.get("MAINPID") === undefined ? undefined : new StartWatch(path, processStartedAt);
}

/**
 * Tries until Status is `ok` or the time is over. Each try uses a new connection: a channel would pause longer after
 * each failure.
 */
async function waitUntilWell(
  path: string,
  ms: number,
  watch: StartWatch | undefined,
  log: CommandLog,
  signal: AbortSignal,
): Promise<void> {
  using limit = deadline(ms, signal);
  while (!limit.signal.aborted) {
    if (await isWell(path, log, limit.signal)) return;
    if (await watch?.hasEnded(systemClock.now())) {
      throw new KmsError("unreachable", `Cannot wait for ${path}: the process that was to serve there has ended.`);
    }
    await sleep(pauseMs, limit.signal);
  }
  if (signal.aborted) throw abortError(signal, `wait for ${path}`);
}

async function isWell(path: string, log: CommandLog, signal: AbortSignal): Promise<boolean> {
  await using client = dialKms(path);
  try {
    const { healthz } = await client.v2.Status({}, { signal });
    if (healthz !== "ok") log.debug("The plugin answers, and says that it is not well.", { healthz });
    return healthz === "ok";
  } catch (thrown) {
    if (!(thrown instanceof KmsError)) throw thrown;
    log.debug(thrown.message, { code: thrown.code });
    // A plugin with the old API only is running, and has no Status.
    return isUnimplemented(thrown);
  }
}

function statusOfStep({ result }: ProbeStep): ExitStatus {
  if (result === "ok" || result === "off") return exitCodes.ok.status;
  return result === "unwell" ? exitCodes.unavailable.status : exitStatusOfCode(result);
}

function asJson(socket: string, { status, steps }: ProbeReport, exit: ExitStatus): unknown {
  return {
    socket,
    ok: exit === exitCodes.ok.status,
    version: status?.version ?? null,
    keyId: status?.key_id ?? null,
    healthz: status?.healthz ?? null,
    calls: steps.map((step) => ({ ...step, ms: Number(step.ms.toFixed(3)) })),
  };
}

function asTable({ steps }: ProbeReport, colour: boolean): string {
  const rows = steps.map(({ api, rpc, result, ms, detail }) => [
    api,
    rpc,
    { text: result, tone: toneOf(result) },
    durationText(ms),
    detail,
  ]);
  return table(["API", "Call", "Result", "Time", "Detail"], rows, colour);
}

function toneOf(result: ProbeStep["result"]): Tone {
  if (result === "ok") return "good";
  return result === "off" ? "dim" : "bad";
}
