/**
 * An HTTP/2 server on a Unix socket, and its connections.
 *
 * @module
 */
import { systemClock } from "../../base/clock.ts";
import { afterTimeout, deadline, orAborted } from "../../base/deadline.ts";
import { KmsError } from "../../base/errors.ts";
import { Acceptor } from "./acceptor.ts";
import type { Connection, OnStream } from "./connection.ts";
import { type SharedResources, sharedResources, SocketConnection } from "./socket_connection.ts";

/**
 * Milliseconds. Bounds the wait for the client's ACK of the shutdown PING, and the wait for sockets to close after they
 * were aborted.
 */
const graceMs = 500;

/** Maximum number of open connections; kube-apiserver opens a few. */
export const maxConnections = 256;

/**
 * Milliseconds without a received byte after which a connection with calls in progress may be closed in favour of a new
 * one. Longer than any call.
 */
const silenceMs = 60_000;

/** An HTTP/2 server on one Unix socket. */
export class Http2Listener {
  readonly #onStream: OnStream;
  readonly #onInternalError: (thrown: unknown) => void;
  readonly #onRefused: (code: string) => void;
  readonly #shared: SharedResources;
  readonly #connections = new Set<SocketConnection>();
  readonly #allClosed = Promise.withResolvers<void>();
  #acceptor: Acceptor<Deno.UnixConn> | undefined;
  #shuttingDown = false;

  /**
   * @param onInternalError called with an internal error that closed a connection.
   * @param onRefused called with the system's error code, for instance `EMFILE`, when `accept` fails; accepting
   *   continues.
   * @param shared resources that the connections share with those of other listeners.
   */
  constructor(
    onStream: OnStream,
    onInternalError: (thrown: unknown) => void,
    onRefused: (code: string) => void = () => {},
    shared: SharedResources = sharedResources(),
  ) {
    this.#onStream = onStream;
    this.#onInternalError = onInternalError;
    this.#onRefused = onRefused;
    this.#shared = shared;
  }

  /**
   * Creates the socket file and listens on it. The path must not exist yet.
   *
   * @throws {KmsError} `config` if the system refuses the socket.
   */
  // deno-lint-ignore require-await -- a failure must reject, as in all other asynchronous methods.
  async listen(path: string): Promise<void> {
    try {
      this.#acceptor = new Acceptor({
        listener: Deno.listen({ transport: "unix", path }),
        onConnection: (connection) => this.#onConnection(connection),
        onRefused: this.#onRefused,
      });
    } catch (cause) {
      throw new KmsError("config", `Cannot listen on "${path}": the system refused the socket.`, { cause });
    }
  }

  /**
   * Stops listening, sends GOAWAY, waits for calls in progress, and aborts the rest. It may be called again with a
   * smaller `ms`.
   *
   * @param ms maximum wait for calls in progress, in milliseconds
   */
  async close(ms: number): Promise<void> {
    this.#shutDown();
    const cancels = [
      afterTimeout(Math.min(ms, graceMs), () => this.#each((connection) => connection.refuseNewStreams())),
      afterTimeout(ms, () => this.#each((connection) => connection.abort())),
    ];
    using bound = deadline(ms + graceMs);
    await orAborted(this.#allClosed.promise, bound.signal, "drain").catch(() => {});
    for (const one of cancels) one();
  }

  #shutDown(): void {
    if (this.#shuttingDown) return;
    this.#shuttingDown = true;
    this.#acceptor?.close();
    this.#each((connection) => connection.shutDown());
    this.#resolveIfClosed();
  }

  #each(act: (connection: Connection) => void): void {
    for (const { connection } of [...this.#connections]) act(connection);
  }

  #onConnection(connection: Deno.UnixConn): void {
    if (this.#connections.size >= maxConnections && !this.#closeIdlest()) return connection.close();
    const accepted = new SocketConnection(connection, {
      onStream: this.#onStream,
      onInternalError: this.#onInternalError,
      shared: this.#shared,
      onClose: (closed) => {
        this.#connections.delete(closed);
        this.#resolveIfClosed();
      },
    });
    this.#connections.add(accepted);
    if (this.#shuttingDown) accepted.connection.shutDown();
  }

  /**
   * Closes the connection that has received nothing for the longest time, among those without a call in progress and
   * those silent for `silenceMs`. GOAWAY makes its client reconnect. A call with an incomplete request does not count
   * as in progress; otherwise 256 such requests would block all other clients.
   *
   * @returns `false` if each connection has a call in progress and has received bytes within `silenceMs`.
   */
  #closeIdlest(): boolean {
    const since = systemClock.now() - silenceMs;
    const candidates = [...this.#connections].filter(({ connection, readAt }) =>
      !connection.hasCalls || readAt < since
    );
    const [oldest] = candidates.sort((one, other) => one.readAt - other.readAt);
    if (oldest === undefined) return false;
    this.#connections.delete(oldest);
    oldest.connection.shutDown();
    oldest.connection.abort();
    return true;
  }

  #resolveIfClosed(): void {
    if (this.#shuttingDown && this.#connections.size === 0) this.#allClosed.resolve();
  }
}
