/**
 * A Unix socket on which HTTP/2 is spoken, and the connections that were made there.
 *
 * @module
 */
import type { Duplex } from "node:stream";
import { systemClock } from "../../base/clock.ts";
import { afterTimeout, deadline, orAborted } from "../../base/deadline.ts";
import { KmsError } from "../../base/errors.ts";
import { Acceptor } from "./acceptor.ts";
import type { Connection, OnStream } from "./connection.ts";
import { type Common, common, Line } from "./line.ts";
import { UnixStream } from "./unix_stream.ts";

/** How long a client may take to say that it has heard the goodbye, and the system to close what was cut off; ms. */
const patienceMs = 500;

/** Connections that may be open at once: kube-apiserver opens a few. */
export const maxConnections = 256;

/** Milliseconds without a byte after which a connection with calls under way may make room too: longer than any call. */
const silenceMs = 60_000;

/** An HTTP/2 server on one Unix socket. */
export class Http2Listener {
  readonly #onStream: OnStream;
  readonly #onBug: (thrown: unknown) => void;
  readonly #onRefused: (code: string) => void;
  readonly #common: Common;
  readonly #lines = new Set<Line>();
  readonly #gone = Promise.withResolvers<void>();
  #acceptor: Acceptor<Deno.UnixConn> | undefined;
  #leaving = false;

  /**
   * @param onBug told of mistakes of ours, which end a connection.
   * @param onRefused told the system's code, for instance `EMFILE`, when it refuses to accept; accepting goes on.
   * @param shared what its connections share with those of other listeners.
   */
  constructor(
    onStream: OnStream,
    onBug: (thrown: unknown) => void,
    onRefused: (code: string) => void = () => {},
    shared: Common = common(),
  ) {
    this.#onStream = onStream;
    this.#onBug = onBug;
    this.#onRefused = onRefused;
    this.#common = shared;
  }

  /**
   * Listens on a path that does not exist yet.
   *
   * @throws {KmsError} `config` if it cannot.
   */
  // deno-lint-ignore require-await -- a failure rejects, as every other one of a listener does.
  async listen(path: string): Promise<void> {
    try {
      this.#acceptor = new Acceptor({
        listener: Deno.listen({ transport: "unix", path }),
        onConnection: (connection) => this.#meet(new UnixStream(connection)),
        onRefused: this.#onRefused,
      });
    } catch (cause) {
      throw new KmsError("config", `Cannot listen on "${path}": the system refused the socket.`, { cause });
    }
  }

  /**
   * Stops listening, says goodbye, waits at most `ms` for the calls in flight, and cuts off those that are left. It may
   * be called again, with less patience.
   */
  async close(ms: number): Promise<void> {
    this.#leave();
    const callOff = [
      afterTimeout(Math.min(ms, patienceMs), () => this.#each((connection) => connection.takeNoMore())),
      afterTimeout(ms, () => this.#each((connection) => connection.cutOff())),
    ];
    using bound = deadline(ms + patienceMs);
    await orAborted(this.#gone.promise, bound.signal, "drain").catch(() => {});
    for (const one of callOff) one();
  }

  #leave(): void {
    if (this.#leaving) return;
    this.#leaving = true;
    this.#acceptor?.close();
    this.#each((connection) => connection.leave());
    this.#goneIfLast();
  }

  #each(act: (connection: Connection) => void): void {
    for (const { connection } of [...this.#lines]) act(connection);
  }

  #meet(socket: Duplex): void {
    if (this.#lines.size >= maxConnections && !this.#makeRoom()) return void socket.destroy();
    const line = new Line(socket, {
      onStream: this.#onStream,
      onBug: this.#onBug,
      common: this.#common,
      onClose: (line) => {
        this.#lines.delete(line);
        this.#goneIfLast();
      },
    });
    this.#lines.add(line);
    if (this.#leaving) line.connection.leave();
  }

  /**
   * Ends the connection that was silent for the longest time of those without a call under way, by a GOAWAY after which
   * its client connects anew. A request that has not come in whole is no such call: 256 of them would keep all others out.
   */
  #makeRoom(): boolean {
    const since = systemClock.now() - silenceMs;
    const lines = [...this.#lines].filter(({ connection, readAt }) => !connection.hasCalls || readAt < since);
    const [oldest] = lines.sort((one, other) => one.readAt - other.readAt);
    if (oldest === undefined) return false;
    this.#lines.delete(oldest);
    oldest.connection.leave();
    oldest.connection.cutOff();
    return true;
  }

  #goneIfLast(): void {
    if (this.#leaving && this.#lines.size === 0) this.#gone.resolve();
  }
}
