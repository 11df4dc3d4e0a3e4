/**
 * Logs, audit and metrics behind one function: `notify` is passed to all other modules, which report their events with it.
 *
 * @module
 */
import { systemClock, type Times } from "../base/clock.ts";
import { AnchoredLog } from "./anchored_log.ts";
import type { Event, Notify } from "./events.ts";
import { type Audit, auditTo, openAudit } from "./audit.ts";
import { eventLog } from "./event_log.ts";
import { EventQueue, type Take } from "./event_queue.ts";
import { type LineTarget, streamTarget } from "./line_target.ts";
import type { Countable } from "./label_values.ts";
import { LineWriter, type WriterReport } from "./line_writer.ts";
import { createLogger, type Logger, type LoggerOptions } from "./log.ts";
import { createMetrics, type Metrics } from "./metrics.ts";
import { StartLines } from "./start_lines.ts";
import { causeName } from "./text.ts";

/** Options of telemetry. */
export interface TelemetryOptions {
  readonly log: Pick<LoggerOptions, "level" | "format" | "colours">;
  /** The target of the audit stream: `stdout` or a path; `undefined` for no audit. */
  readonly audit: string | undefined;
  /** Whether log lines are held back until {@linkcode Telemetry.started}. They are dropped if it is not called. */
  readonly untilStarted?: boolean;
  /** Trousseau's version. */
  readonly version: string;
  /** See `MetricsOptions`. */
  readonly startedAt?: number;
  readonly countable?: Countable;
  /** The system clock if left out. */
  readonly clock?: Times;
  /** Targets of lines instead of stderr and `audit`. */
  readonly targets?: { readonly log?: LineTarget; readonly audit?: LineTarget };
}

/** Open telemetry. Closing it writes the buffered lines, for at most 2 s for each of log and audit. */
export interface Telemetry extends AsyncDisposable {
  /** Logs, audits and counts an event. It never throws and never waits. */
  readonly notify: Notify;
  /** The logger, for entries that have no event type. */
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Called when the start has succeeded. It writes the log lines held back. */
  started(): void;
  /** The failure of the audit stream, in sentences for `/readyz`; `""` if there is none. */
  problem(): string;
}

/** Log lines are written without delay, because they are read in an emergency. */
const logBuffer = { flushMs: 0, maxBuffered: 1024 * 1024, retryMs: 1000, closeMs: 2000 } as const;

/**
 * Opens logs on stderr, the audit stream and the metrics.
 *
 * @throws {KmsError} `config` if the audit file cannot be opened.
 */
export async function openTelemetry(options: TelemetryOptions): Promise<Telemetry> {
  const clock = options.clock ?? systemClock;
  const now = () => clock.wall();
  const audit = await openedAudit(options, now, (report) => log.log(...auditReport(report)));
  const lines = new LineWriter({
    ...logBuffer,
    target: options.targets?.log ?? streamTarget(Deno.stderr),
    onReport: (report) => {
      if (report.state === "well" && report.lost > 0) log.log("error", "Log lines were lost.", { lost: report.lost });
    },
  });
  const start = new StartLines(options.untilStarted ?? false, (line) => lines.write(line));
  const log = new AnchoredLog(createLogger({ ...options.log, now, write: (line) => start.write(line) }));
  const metrics = createMetrics({
    version: options.version,
    clock,
    ...(options.startedAt === undefined ? {} : { startedAt: options.startedAt }),
    ...(options.countable === undefined ? {} : { countable: options.countable }),
    linesLost: () => ({ audit: audit?.lost ?? 0, log: lines.lost }),
    auditWritable: () => audit?.writable,
  });
  const audited = harmless("audit", auditing(audit), log);
  const counted = harmless("metrics", metrics.observe, log);
  const waiting = new EventQueue((event, at) => {
    audited(event, at);
    counted(event, at);
  }, now);
  const logged = harmless("log", eventLog(log, clock), log);
  return {
    notify(event) {
      logged(event, 0);
      waiting.push(event);
    },
    log,
    started: () => start.release(),
    metrics: {
      observe: metrics.observe,
      render(rows) {
        waiting.drain();
        return metrics.render(rows);
      },
    },
    problem() {
      waiting.drain();
      return audit?.problem() ?? "";
    },
    async [Symbol.asyncDispose]() {
      waiting[Symbol.dispose]();
      await audit?.[Symbol.asyncDispose]();
      await log[Symbol.asyncDispose]();
      await lines[Symbol.asyncDispose]();
    },
  };
}

async function openedAudit(
  { audit, targets }: TelemetryOptions,
  now: () => number,
  onReport: (report: WriterReport) => void,
): Promise<Audit | undefined> {
  if (targets?.audit !== undefined) return auditTo(targets.audit, { now, onReport });
  return audit === undefined ? undefined : await openAudit({ to: audit, now, onReport });
}

function auditing(audit: Audit | undefined): Take {
  return (event, at) => {
    if (event.type === "rpc") audit?.record(event, at);
  };
}

/** Wraps a part of telemetry so that its error does not affect the other parts or the caller. */
function harmless(part: string, take: Take, log: Logger): Take {
  const failed = new Set<Event["type"]>();
  return (event, at) => {
    try {
      take(event, at);
    } catch (thrown) {
      // Logged once for each type: a failure for one event usually repeats for the next.
      if (failed.has(event.type)) return;
      failed.add(event.type);
      const fields = { part, event: event.type, cause: causeName(thrown) };
      log.log("error", "Trousseau cannot take note of an event.", fields);
    }
  };
}

function auditReport({ state, lost, cause }: WriterReport): Parameters<Logger["log"]> {
  const fields = { lost, cause: cause === "" ? undefined : cause };
  const why = cause === "" ? "" : `: ${cause}`;
  switch (state) {
    case "well":
      return lost === 0
        ? ["info", "The audit stream is written again; no line was lost.", fields]
        : ["error", "The audit stream is written again; lines were lost, and it says where.", fields];
    case "failing":
      return ["error", `The audit stream cannot be written${why}; its lines are kept while there is room.`, fields];
    case "losing":
      return ["error", `Lines of the audit stream are being lost${why}.`, fields];
  }
}
