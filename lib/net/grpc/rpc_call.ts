/**
 * The context of a call that a handler receives with the request: deadline, cancellation and uid.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import { systemClock } from "../../base/clock.ts";
import { afterTimeout, type SetTimer, timeoutReason } from "../../base/deadline.ts";
import type { ServerStream } from "../http2/stream.ts";

// Milliseconds by which a call ends before the client's deadline, so that its error reaches the client. Otherwise the
// client would report only "deadline exceeded".
const marginMs = 100;

// The longest delay of `setTimeout` in milliseconds, about 25 days.
const maxMs = 2 ** 31 - 1;

/** Milliseconds in each unit that gRPC has ("gRPC over HTTP2", `Timeout`). */
const units: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/** One call. */
export interface RpcCall {
  /**
   * Fires shortly before the client's deadline, or when the stream closes. It is created at the first access, so that
   * Status and Encrypt, which answer from memory, need no timer.
   */
  readonly signal: AbortSignal;
  /** Milliseconds until `signal` fires. */
  readonly deadlineMs: number;
  /** When its request was complete, in milliseconds of `systemClock.now`; left out if that is not known. */
  readonly began?: number;
  /** Returns the milliseconds that are left now; left out if they are not known. */
  left?(): number;
  /** The name of the call in logs: the client's uid made safe to print, or a new UUID if the client sent none. */
  readonly uid: string;
  /** The header `traceparent`; `undefined` also on a server that records no traces. */
  readonly traceparent?: string | undefined;
}

/** The part of a stream that reports its closing. */
export type ClosingStream = Pick<ServerStream, "closed" | "onClosed">;

/** The metadata that a client sent with its call. */
export interface Sent {
  /** The header `grpc-timeout`. */
  readonly timeout?: string | undefined;
  readonly uid?: unknown;
  readonly traceparent?: string | undefined;
}

/** The timers and the default deadline of all calls of a server. */
export interface CallTimes {
  /** The timer of all calls; `setTimeout` if left out. */
  readonly after?: SetTimer;
  /** The deadline of a call without `grpc-timeout`, in milliseconds. */
  readonly deadlineMs: number;
}

/** An {@linkcode RpcCall} over one stream, made when its request is complete. Dispose of it when the answer is sent. */
export class StreamCall implements RpcCall, Disposable {
  readonly #stream: ClosingStream;
  readonly #sent: Sent;
  readonly #after: SetTimer;
  readonly #withoutTimeoutMs: number;
  // The time of the complete request stands for that of the headers: a request is small and arrives with them.
  readonly began = systemClock.now();
  #controller: AbortController | undefined;
  #callOff: (() => void) | undefined;
  #uid: string | undefined;

  constructor(stream: ClosingStream, sent: Sent, { after = afterTimeout, deadlineMs }: CallTimes) {
    this.#stream = stream;
    this.#sent = sent;
    this.#after = after;
    this.#withoutTimeoutMs = deadlineMs;
  }

  get signal(): AbortSignal {
    return (this.#controller ??= this.#watch()).signal;
  }

  get deadlineMs(): number {
    const timeout = timeoutOf(this.#sent.timeout);
    const left = timeout === undefined ? this.#withoutTimeoutMs : timeout - (systemClock.now() - this.began);
    return Math.min(maxMs, Math.max(0, left - Math.min(marginMs, left / 2)));
  }

  left(): number {
    return this.deadlineMs;
  }

  get uid(): string {
    return this.#uid ??= printableUid(this.#sent.uid) || randomUUID();
  }

  get traceparent(): string | undefined {
    return this.#sent.traceparent;
  }

  [Symbol.dispose](): void {
    this.#callOff?.();
    this.#stream.onClosed = undefined;
  }

  #watch(): AbortController {
    const controller = new AbortController();
    this.#callOff = this.#after(this.deadlineMs, () => controller.abort(timeoutReason()));
    if (this.#stream.closed) controller.abort();
    else this.#stream.onClosed = () => controller.abort();
    return controller;
  }
}

const unprintable = /[^\x21-\x7e]/;
const everyUnprintable = /[^\x21-\x7e]/g;

/** A client's uid made safe to print: at most 128 visible ASCII characters, with `_` for every other character. */
export function printableUid(uid: unknown): string {
  if (typeof uid !== "string") return "";
  const text = uid.slice(0, 128);
  return unprintable.test(text) ? text.replaceAll(everyUnprintable, "_") : text;
}

/**
 * Parses the header `grpc-timeout`.
 *
 * @returns milliseconds from the start of the call; `undefined` if the header is missing or malformed.
 */
export function timeoutOf(header: string | undefined): number | undefined {
  const [, value, unit = ""] = /^(\d{1,8})([HMSmun])$/.exec(header ?? "") ?? [];
  return value === undefined ? undefined : Number(value) * (units[unit] ?? NaN);
}
