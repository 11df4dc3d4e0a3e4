/**
 * The audit stream: one line for each Encrypt and Decrypt, answered or refused, never sampled.
 *
 * A slow or failing target must not stop a cluster from reading its Secrets, so no call waits for it. Lines are buffered
 * up to a limit. Beyond it they are lost: a line in the stream gives their number, and the loss is reported in the log, in
 * `trousseau_audit_lines_lost_total` and at `/readyz`. A process that is killed loses the lines of the last 50 ms. `seq`
 * counts every call since the start, so that a gap with any cause can be detected.
 *
 * @module
 */
import type { AuditEvent } from "./events.ts";
import { type LineTarget, openFileTarget, streamTarget } from "./line_target.ts";
import { LineWriter, type LineWriterOptions, type WriterReport } from "./line_writer.ts";
import { jsonText } from "./text.ts";

/** Writes a line for each call that encrypts or decrypts. */
export interface Audit extends AsyncDisposable {
  /**
   * Records a call. Status calls are ignored. It never throws and never waits.
   *
   * @param at the time of the answer, in milliseconds since the epoch.
   */
  record(event: AuditEvent, at: number): void;
  /** Number of lines lost since the start. */
  readonly lost: number;
  /** Whether the last write succeeded and no line is being lost. */
  readonly writable: boolean;
  /** The failure of the stream, in sentences; `""` if no line was lost and writing works. */
  problem(): string;
}

/** Options of an audit stream. */
export interface AuditOptions {
  /** `stdout` or a path. */
  readonly to: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Called when the stream begins to fail or to lose lines, and when it has recovered. */
  readonly onReport: (report: WriterReport) => void;
}

/** See {@linkcode LineWriterOptions}. 8 MiB are about 25,000 calls. */
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

/** Opens the stream over a target. The stream owns the target. */
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
  const texts = keptTexts();
  return {
    record(event, at) {
      if (event.operation === "status") return;
      try {
        writer.write(auditLine(event, ++seq, at, texts));
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

/** How parts of a line are written. */
interface LineTexts {
  /** The line up to the value of `seq`. `at` is in milliseconds since the epoch. */
  readonly start: (at: number) => string;
  /** The members from `operation` to the value of `uid`. */
  readonly call: (event: AuditEvent) => string;
  /** The members from `keyId` to the value of `durationMs`. */
  readonly outcome: (event: AuditEvent) => string;
}

const lineTexts: LineTexts = { start: startText, call: callText, outcome: outcomeText };

/**
 * Keeps the last text: calls within a millisecond have the same time, and calls in a row mostly the same operation, key ID
 * and providers. Fewer and longer parts make a line of fewer objects.
 *
 * @param areSame whether two values have the same text.
 */
function lastText<Value>(textOf: (value: Value) => string, areSame: (one: Value, other: Value) => boolean) {
  let last: { readonly value: Value; readonly text: string } | undefined;
  return (value: Value): string => {
    if (last === undefined || !areSame(last.value, value)) last = { value, text: textOf(value) };
    return last.text;
  };
}

/** Texts for the lines of one stream. */
function keptTexts(): LineTexts {
  return {
    start: lastText(startText, (one, other) => one === other),
    call: lastText(callText, (one, other) => one.operation === other.operation && one.api === other.api),
    // The list of providers under one data key is one object, which does not change.
    outcome: lastText(
      outcomeText,
      (one, other) =>
        one.keyId === other.keyId && one.providers === other.providers && one.result === other.result &&
        one.foreign === other.foreign && one.cache === other.cache,
    ),
  };
}

/**
 * One line of JSON with its line feed. The field names are a contract with the readers of the stream: names are added and
 * never changed. The JSON is concatenated, because at thousands of calls a second a serializer would cost as much as the
 * sealing.
 *
 * @param seq number of the call, from 1 at each start of the process.
 * @param at the time of the answer, in milliseconds since the epoch.
 */
export function auditLine(event: AuditEvent, seq: number, at: number, texts: LineTexts = lineTexts): string {
  const { uid, seconds, result, message } = event;
  const line = texts.start(at) + seq + texts.call(event) + jsonText(uid) + texts.outcome(event) +
    Math.round(seconds * 1e6) / 1e3;
  return result === "ok" || message === undefined ? `${line}}\n` : `${line},"message":${jsonText(message)}}\n`;
}

function startText(at: number): string {
  return `{"type":"audit","time":"${isoTime(at)}","seq":`;
}

function callText({ operation, api }: AuditEvent): string {
  return `,"operation":"${operation}","api":"${api}","uid":`;
}

function outcomeText({ keyId, providers, result, foreign, cache }: AuditEvent): string {
  let text = keyId === undefined ? "" : `,"keyId":${jsonText(keyId)}`;
  if (providers !== undefined) text += `,"providers":${providersJson(providers)}`;
  text += `,"result":"${result}"`;
  if (foreign !== undefined) text += `,"format":"${foreign}"`;
  if (cache !== undefined) text += `,"cache":"${cache}"`;
  return `${text},"durationMs":`;
}

function isoTime(at: number): string {
  return new Date(at).toISOString();
}

function providersJson(providers: NonNullable<AuditEvent["providers"]>): string {
  const each = providers.map(({ name, version }) => `{"name":${jsonText(name)},"version":${jsonText(version)}}`);
  return `[${each.join(",")}]`;
}

function problemOf(writer: LineWriter): string {
  const lost = writer.lost === 0 ? "" : `${writer.lost} audit lines were lost since the start.`;
  if (writer.state === "well") return lost;
  const why = writer.cause === "" ? "" : `: ${writer.cause}`;
  return `The audit stream cannot be written${why}; its lines are kept while there is room. ${lost}`.trimEnd();
}
