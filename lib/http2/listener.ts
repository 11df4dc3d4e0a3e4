/**
 * A Unix socket on which HTTP/2 is spoken, and the connections that were made there.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import type { Duplex } from "node:stream";
import { afterTimeout, deadline, orAborted } from "../deadline.ts";
import { KmsError } from "../errors.ts";
import { Acceptor } from "./acceptor.ts";
import { Connection, type OnStream } from "./connection.ts";
import { UnixStream } from "./unix_stream.ts";

/** How long a client may take to say that it has heard the goodbye, and the system to close what was cut off; ms. */
const patienceMs = 500;

/** How long a client may take to read the last that it is sent, in milliseconds. */
const lingerMs = 5_000;

/** Unsent bytes above which nothing more is read from a client that does not read. */
const mostUnsent = 1 << 20;

/** An HTTP/2 server on one Unix socket. */
export class Http2Listener {
  readonly #onStream: OnStream;
  readonly #onBug: (thrown: unknown) => void;
  readonly #onRefused: (code: string) => void;
  readonly #connections = new Set<Connection>();
  readonly #gone = Promise.withResolvers<void>();
  #acceptor: Acceptor<Deno.UnixConn> | undefined;
  #leaving = false;

  /**
   * @param onBug told of mistakes of ours, which end a connection.
   * @param onRefused told the system's code, for instance `EMFILE`, when it refuses to accept; accepting goes on.
   */
  constructor(onStream: OnStream, onBug: (thrown: unknown) => void, onRefused: (code: string) => void = () => {}) {
    this.#onStream = onStream;
    this.#onBug = onBug;
    this.#onRefused = onRefused;
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
    for (const connection of [...this.#connections]) act(connection);
  }

  #meet(socket: Duplex): void {
    const connection = new Connection({
      onStream: this.#onStream,
      write: (bytes) => write(socket, bytes),
      end: () => end(socket),
      soon: setImmediate,
      onBug: this.#onBug,
    });
    this.#connections.add(connection);
    socket.on("data", (read: Buffer) => connection.receive(read));
    // A connection that fails closes as well; without a listener it would end the process.
    socket.on("error", () => {});
    socket.once("close", () => {
      connection.lost();
      this.#connections.delete(connection);
      this.#goneIfLast();
    });
    if (this.#leaving) connection.leave();
  }

  #goneIfLast(): void {
    if (this.#leaving && this.#connections.size === 0) this.#gone.resolve();
  }
}

function write(socket: Duplex, bytes: Buffer): void {
  if (!socket.writable) return;
  socket.write(bytes);
  if (socket.writableLength <= mostUnsent || socket.isPaused()) return;
  socket.pause();
  socket.once("drain", () => socket.resume());
}

function end(socket: Duplex): void {
  socket.once("close", afterTimeout(lingerMs, () => socket.destroy()));
  socket.end(() => socket.destroy());
}
