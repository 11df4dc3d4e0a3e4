/**
 * What a handler knows about its call besides the request.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import { systemClock } from "../../base/clock.ts";
import { afterTimeout, type SetTimer, timeoutReason } from "../../base/deadline.ts";
import type { ServerStream } from "../http2/stream.ts";

// Our own sentence has to reach the client before the client's clock runs out and hides it behind "deadline exceeded".
const marginMs = 100;

// What a timer takes: 25 days.
const maxMs = 2 ** 31 - 1;

/** Milliseconds in each unit that gRPC has ("gRPC over HTTP2", `Timeout`). */
const units: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/** One call. */
export interface RpcCall {
  /**
   * Fires a little before the client's deadline, or when the client goes away. It is made when it is first asked for:
   * Status and Encrypt answer from memory and do not pay for a timer.
   */
  readonly signal: AbortSignal;
  /** Milliseconds left until `signal` fires. */
  readonly deadlineMs: number;
  /** The same at the time of the call, for a caller that passes the rest of the time on. */
  left?(): number;
  /** Names the request in logs: the client's uid made safe to print, or a new one where the client has none. */
  readonly uid: string;
}

/** The part of a stream that tells that its client has gone. */
export type ClosingStream = Pick<ServerStream, "closed" | "onClosed">;

/** What a client sent with its call. */
export interface Sent {
  /** `grpc-timeout`. */
  readonly timeout?: string | undefined;
  readonly uid?: unknown;
}

/** What all calls share. */
export interface CallTimes {
  /** The timer of all calls. */
  readonly after?: SetTimer;
  /** Milliseconds that a call may take when its client sets no deadline. */
  readonly deadlineMs: number;
}

/** An {@linkcode RpcCall} over one stream, made once its request has come. Dispose of it when the answer is sent. */
export class StreamCall implements RpcCall, Disposable {
  readonly #stream: ClosingStream;
  readonly #sent: Sent;
  readonly #after: SetTimer;
  readonly #withoutTimeoutMs: number;
  // The request has come together with its headers, or a moment later: it is small.
  readonly #began = systemClock.now();
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
    const left = timeout === undefined ? this.#withoutTimeoutMs : timeout - (systemClock.now() - this.#began);
    return Math.min(maxMs, Math.max(0, left - Math.min(marginMs, left / 2)));
  }

  left(): number {
    return this.deadlineMs;
  }

  get uid(): string {
    return this.#uid ??= printableUid(this.#sent.uid) || randomUUID();
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

/** A client's uid as logs may print it: at most 128 visible ASCII characters, every other character as `_`. */
export function printableUid(uid: unknown): string {
  return typeof uid === "string" ? uid.slice(0, 128).replaceAll(/[^\x21-\x7e]/g, "_") : "";
}

/**
 * Reads `grpc-timeout`, the deadline that a client sends with its call.
 *
 * @returns milliseconds from the start of the call; `undefined` if the header is missing or malformed.
 */
export function timeoutOf(header: string | undefined): number | undefined {
  const [, value, unit = ""] = /^(\d{1,8})([HMSmun])$/.exec(header ?? "") ?? [];
  return value === undefined ? undefined : Number(value) * (units[unit] ?? NaN);
}
