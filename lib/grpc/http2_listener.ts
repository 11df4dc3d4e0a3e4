/**
 * A place where HTTP/2 is listened for, and the connections that were made there.
 *
 * @module
 */
import { constants, createServer, type Http2Server, type Http2Session, type ServerHttp2Stream } from "node:http2";
import type { IncomingHttpHeaders } from "node:http2";
import { afterTimeout, deadline, orAborted } from "../deadline.ts";
import { KmsError } from "../errors.ts";
import { endLate } from "./late_close.ts";
import { writeTogether } from "./write_together.ts";

/** Handed each stream and the headers that it began with. */
export type OnStream = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

// kube-apiserver keeps one connection for ever and sends no pings: no limit on age or silence. Node's bound on a
// connection's memory would turn away calls of a busy API server; so many streams of at most 1 MiB are bound enough.
const options = {
  settings: { maxConcurrentStreams: 1024 },
  maxSessionMemory: Number.MAX_SAFE_INTEGER,
} as const;

// How long the system may take to close what was cut off.
const cutOffMs = 500;

/** An HTTP/2 server on one Unix socket. */
export class Http2Listener {
  readonly #server: Http2Server = createServer(options);
  readonly #sessions = new Set<Http2Session>();
  readonly #gone = Promise.withResolvers<void>();
  #leaving = false;

  constructor(onStream: OnStream) {
    // Before HTTP/2's own listener, which begins to write.
    this.#server.prependListener("connection", writeTogether);
    this.#server.on("session", (session) => this.#meet(session));
    this.#server.on("stream", onStream);
  }

  /**
   * Listens on a path that does not exist yet.
   *
   * @throws {KmsError} `config` if it cannot.
   */
  async listen(path: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once("error", reject).listen(path, resolve);
    try {
      await promise;
    } catch (cause) {
      throw new KmsError("config", `Cannot listen on "${path}": the system refused the socket.`, { cause });
    }
    this.#server.off("error", reject).on("error", () => {});
  }

  /**
   * Stops listening, sends GOAWAY, waits at most `ms` for the calls in flight, and cuts off those that are left. It may
   * be called again, with less patience.
   */
  async close(ms: number): Promise<void> {
    this.#leave();
    const callOff = afterTimeout(ms, () => this.#cutOff());
    using bound = deadline(ms + cutOffMs);
    await orAborted(this.#gone.promise, bound.signal, "drain").catch(() => {});
    callOff();
  }

  #leave(): void {
    if (this.#leaving) return;
    this.#leaving = true;
    this.#server.close();
    for (const session of this.#sessions) session.close();
    this.#goneIfLast();
  }

  #cutOff(): void {
    for (const session of this.#sessions) session.destroy(new Error("The server stops."), constants.NGHTTP2_CANCEL);
  }

  #meet(session: Http2Session): void {
    endLate(session);
    this.#sessions.add(session);
    // A connection that fails closes as well; without a listener it would end the process.
    session.on("error", () => {});
    session.once("close", () => {
      this.#sessions.delete(session);
      this.#goneIfLast();
    });
    if (this.#leaving) session.close();
  }

  #goneIfLast(): void {
    if (this.#leaving && this.#sessions.size === 0) this.#gone.resolve();
  }
}
