/**
 * What a handler knows about its call besides the request.
 *
 * @module
 */
import type { ServerUnaryCall } from "@grpc/grpc-js";
import { randomUUID } from "node:crypto";
import { type After, afterTimeout, timeoutReason } from "../deadline.ts";
import { timeoutOf } from "./timeout_header.ts";

/** How long a call may take when its client has set no deadline: kube-apiserver's own default. */
export const defaultDeadlineMs = 3000;

// Our own sentence has to reach the client before the client's clock runs out and hides it behind "deadline exceeded".
const marginMs = 100;

// What a timer takes: 25 days.
const longestMs = 2 ** 31 - 1;

/** One call. */
export interface RpcCall {
  /**
   * Fires a little before the client's deadline, or when the client goes away. It is made when it is first asked for:
   * Status and Encrypt answer from memory and do not pay for a timer.
   */
  readonly signal: AbortSignal;
  /** Milliseconds left until `signal` fires. */
  readonly deadlineMs: number;
  /** Names the request in logs: the client's uid made safe to print, or a new one where the client has none. */
  readonly uid: string;
}

/** An {@linkcode RpcCall} over one of grpc-js. Dispose of it when the answer is sent. */
export class UnaryRpcCall implements RpcCall, Disposable {
  readonly #call: ServerUnaryCall<{ readonly uid?: unknown }, unknown>;
  readonly #after: After;
  #controller: AbortController | undefined;
  #callOff: (() => void) | undefined;
  readonly #withoutDeadlineMs: number;
  // The request has come together with its headers, or a moment later: it is small.
  readonly #began = performance.now();
  #over = false;
  #uid: string | undefined;

  /**
   * @param after the timer of all calls.
   * @param withoutDeadlineMs how long the call may take where its client sets no deadline.
   */
  constructor(
    call: ServerUnaryCall<{ readonly uid?: unknown }, unknown>,
    after: After = afterTimeout,
    withoutDeadlineMs = defaultDeadlineMs,
  ) {
    this.#call = call;
    this.#after = after;
    this.#withoutDeadlineMs = withoutDeadlineMs;
  }

  get signal(): AbortSignal {
    return (this.#controller ??= this.#watch()).signal;
  }

  get deadlineMs(): number {
    const timeout = timeoutOf(this.#call.metadata);
    const left = timeout === undefined ? this.#withoutDeadlineMs : timeout - (performance.now() - this.#began);
    return Math.min(longestMs, Math.max(0, left - Math.min(marginMs, left / 2)));
  }

  get uid(): string {
    return this.#uid ??= printableUid(this.#call.request.uid) || randomUUID();
  }

  [Symbol.dispose](): void {
    this.#over = true;
    this.#callOff?.();
  }

  #watch(): AbortController {
    const controller = new AbortController();
    this.#callOff = this.#after(this.deadlineMs, () => controller.abort(timeoutReason()));
    // grpc-js says "cancelled" after each good end too, and making an AbortError takes a stack trace.
    const onGone = () => this.#over || controller.abort();
    if (this.#call.cancelled) onGone();
    else this.#call.once("cancelled", onGone);
    return controller;
  }
}

/** A client's uid as logs may print it: at most 128 visible ASCII characters, every other character as `_`. */
export function printableUid(uid: unknown): string {
  return typeof uid === "string" ? uid.slice(0, 128).replaceAll(/[^\x21-\x7e]/g, "_") : "";
}
