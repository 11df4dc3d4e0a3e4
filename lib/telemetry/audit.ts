/**
 * The audit stream: one line for each Encrypt and Decrypt, answered or refused, never sampled.
 *
 * A sink that fails or cannot keep up must not stop a cluster from reading its Secrets, so a call is never made to wait
 * for it. Lines are kept while there is room; what finds none is counted, leaves a line that says how many are missing,
 * and is told in the log, in `trousseau_audit_lines_lost_total` and at `/readyz`. A process that is killed loses what it
 * took in the last 50 ms; `seq` counts every call since the start, so that a gap of any origin can be seen.
 *
 * @module
 */
import type { AuditEvent } from "./events.ts";
import { type LineTarget, openFileTarget, streamTarget } from "./line_target.ts";
import { LineWriter, type LineWriterOptions, type WriterReport } from "./line_writer.ts";
import { jsonText } from "./text.ts";

/** Takes calls, and writes those that touched a seed. */
export interface Audit extends AsyncDisposable {
  /**
   * Never throws and never waits; Status is left out, for it touches nothing.
   *
   * @param at when the call was answered, in milliseconds since the epoch.
   */
  record(event: AuditEvent, at: number): void;
  /** Lines lost since the start. */
  readonly lost: number;
  /** Whether it takes lines now. */
  readonly writable: boolean;
  /** What is wrong with the stream, in one sentence; `""` if all lines were written so far. */
  problem(): string;
}

/** Where the stream goes. */
export interface AuditOptions {
  /** `stdout` or a path. */
  readonly to: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Called when the stream begins to fail, to lose lines, or is well again. */
  readonly onReport: (report: WriterReport) => void;
}

/** How lines wait: see {@linkcode LineWriterOptions}. 8 MiB are about 25,000 calls. */
const auditBuffer = { flushMs: 50, maxBuffered: 8 * 1024 * 1024, retryMs: 1000, closeMs: 2000 } as const;

/**
 * Opens the stream.
 *
 * @throws {KmsError} `config` if the file cannot be opened.
 */
export async function openAudit(options: AuditOptions): Promise<Audit> {
  const target = options.to === "stdout" ? streamTarget(Deno.stdout) : await openFileTarget(options.to);
  return auditTo(target, options);
}

/** The stream over a target of the caller's, which it owns from then on. */
export function auditTo(
  target: LineTarget,
  options: Pick<AuditOptions, "now" | "onReport"> & Partial<Pick<LineWriterOptions, keyof typeof auditBuffer>>,
): Audit {
  const { now } = options;
  const writer = new LineWriter({
    ...auditBuffer,
    ...options,
    target,
    gapLine: (lost) => `{"type":"audit_gap","time":"${new Date(now()).toISOString()}","lost":${lost}}\n`,
  });
  let seq = 0;
  return {
    record(event, at) {
      if (event.operation === "status") return;
      try {
        writer.write(auditLine(event, ++seq, at));
      } catch {
        writer.lose();
      }
    },
    get lost() {
      return writer.lost;
    },
    get writable() {
      return writer.state === "well";
    },
    problem: () => problemOf(writer),
    [Symbol.asyncDispose]: () => writer[Symbol.asyncDispose](),
  };
}

/**
 * One line of JSON. The field names are a contract with whoever reads the stream: they are added to, never renamed.
 * Built by hand: at thousands of calls a second the stream may not cost what the sealing costs.
 *
 * @param seq counts from 1 at each start of the process.
 * @param at milliseconds since the epoch, when the call was answered.
 */
export function auditLine(event: AuditEvent, seq: number, at: number): string {
  let line = `{"type":"audit","time":"${new Date(at).toISOString()}","seq":${seq}` +
    `,"operation":"${event.operation}","api":"${event.api}","uid":${jsonText(event.uid)}` +
    (event.keyId === undefined ? "" : `,"keyId":${jsonText(event.keyId)}`) +
    (event.providers === undefined ? "" : `,"providers":[${event.providers.map(providerJson).join(",")}]`) +
    `,"result":"${event.result}"`;
  if (event.foreign !== undefined) line += `,"format":"${event.foreign}"`;
  if (event.cache !== undefined) line += `,"cache":"${event.cache}"`;
  line += `,"durationMs":${Math.round(event.seconds * 1e6) / 1e3}`;
  if (event.result !== "ok" && event.message !== undefined) line += `,"message":${jsonText(event.message)}`;
  return `${line}}\n`;
}

function providerJson(provider: NonNullable<AuditEvent["providers"]>[number]): string {
  return `{"name":${jsonText(provider.name)},"version":${jsonText(provider.version)}}`;
}

function problemOf(writer: LineWriter): string {
  const lost = writer.lost === 0 ? "" : `${writer.lost} audit lines were lost since the start.`;
  if (writer.state === "well") return lost;
  const why = writer.cause === "" ? "" : `: ${writer.cause}`;
  return `The audit stream cannot be written${why}; its lines are kept while there is room. ${lost}`.trimEnd();
}
