/**
 * Accepts and limits the connections of the HTTP endpoint, also when the process runs out of descriptors.
 *
 * It uses `Deno.listen`, whose `accept` rejects on a failure. `Deno.serve` and `node:net` of Deno 2.9 report none.
 *
 * @module
 */
import { backoff } from "../base/deadline.ts";
import { areFree } from "./descriptors.ts";
import { HttpConnection, type HttpContext } from "./http_connection.ts";

/** Limits of one listener. They are needed because every local user can connect to a port. */
export interface HttpLimits {
  /** Maximum number of connections. */
  readonly max: number;
  /** Number of descriptors kept free for the socket of the KMS API. If there are fewer, connections are closed. */
  readonly reserve: number;
  /** Number of connections that are allowed even then. */
  readonly min: number;
  /** Milliseconds after a shortage of descriptors until `max` applies again. */
  readonly reliefMs: number;
  /** Milliseconds between two accepts, so that a client that reconnects in a loop does not block the event loop. */
  readonly acceptMs: number;
}

/** Called for each failed accept, with its error, and for each connection that was dropped. */
export type OnTrouble = (action: "accept_failed" | "dropped", thrown?: unknown) => void;

/** Milliseconds from a failed accept to the next one: the first pause and the longest one. */
const pause = { first: 50, max: 1000 } as const;

/** The listener. It accepts connections until it is closed. */
export class HttpListener {
  readonly #listener: Deno.Listener;
  readonly #context: HttpContext;
  readonly #limits: HttpLimits;
  readonly #onTrouble: OnTrouble;
  /** The open connections, in the order in which they were accepted. */
  readonly #connections = new Set<HttpConnection>();
  readonly #closing = new AbortController();
  #max: number;
  #relievedUntil = -Infinity;

  constructor(listener: Deno.Listener, context: HttpContext, limits: HttpLimits, onTrouble: OnTrouble) {
    this.#listener = listener;
    this.#context = context;
    this.#limits = limits;
    this.#onTrouble = onTrouble;
    this.#max = limits.max;
    void this.#accept();
  }

  /** Stops listening, waits at most `ms` milliseconds for requests in progress, and closes all connections. */
  async close(ms: number): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#listener.close();
    for (const connection of [...this.#connections]) connection.leave();
    const until = this.#context.clock.now() + ms;
    while (this.#connections.size > 0 && this.#context.clock.now() < until) await this.#pause(5);
    for (const connection of [...this.#connections]) connection.close();
  }

  async #accept(): Promise<void> {
    const { signal } = this.#closing;
    for (let failures = 0; !signal.aborted;) {
      try {
        this.#meet(await this.#listener.accept());
        failures = 0;
        await this.#context.clock.sleep(this.#limits.acceptMs, signal);
      } catch (thrown) {
        if (signal.aborted) return;
        this.#relieve();
        this.#onTrouble("accept_failed", thrown);
        await this.#context.clock.sleep(backoff(failures++, pause.first, pause.max), signal);
      }
    }
  }

  #meet(conn: Deno.Conn): void {
    if (this.#context.clock.now() >= this.#relievedUntil) this.#max = this.#limits.max;
    // The oldest connection is closed and not the new one: a client that holds all connections must not keep out kubelet.
    this.#dropTo(this.#max - 1);
    const connection = new HttpConnection(conn, this.#context);
    this.#connections.add(connection);
    void connection.run().then(() => this.#connections.delete(connection));
    if (this.#connections.size > this.#limits.min && !areFree(this.#limits.reserve)) this.#relieve();
  }

  /** Called when descriptors run out: closes connections of the endpoint, so that the KMS API has descriptors. */
  #relieve(): void {
    const { min, reserve, reliefMs } = this.#limits;
    this.#max = Math.max(min, Math.min(this.#max, this.#connections.size) - reserve);
    this.#relievedUntil = this.#context.clock.now() + reliefMs;
    this.#dropTo(this.#max);
  }

  #dropTo(max: number): void {
    while (this.#connections.size > Math.max(0, max)) {
      const [oldest] = this.#connections;
      const one = [...this.#connections].find(({ answering }) => !answering) ?? oldest;
      if (one === undefined) return;
      this.#connections.delete(one);
      one.close();
      this.#onTrouble("dropped");
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#context.clock.after(ms, resolve));
  }
}
