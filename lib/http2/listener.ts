/**
 * A Unix socket on which HTTP/2 is spoken, and the connections that were made there.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import { createServer, type Server, type Socket } from "node:net";
import { afterTimeout, deadline, orAborted } from "../deadline.ts";
import { KmsError } from "../errors.ts";
import { Connection, type OnStream } from "./connection.ts";

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
  readonly #server: Server = createServer((socket) => this.#meet(socket));
  readonly #connections = new Set<Connection>();
  readonly #gone = Promise.withResolvers<void>();
  #leaving = false;

  /** @param onBug told of mistakes of ours, which end a connection. */
  constructor(onStream: OnStream, onBug: (thrown: unknown) => void) {
    this.#onStream = onStream;
    this.#onBug = onBug;
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
    this.#server.close();
    this.#each((connection) => connection.leave());
    this.#goneIfLast();
  }

  #each(act: (connection: Connection) => void): void {
    for (const connection of [...this.#connections]) act(connection);
  }

  #meet(socket: Socket): void {
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

function write(socket: Socket, bytes: Buffer): void {
  if (!socket.writable) return;
  socket.write(bytes);
  if (socket.writableLength <= mostUnsent || socket.isPaused()) return;
  socket.pause();
  socket.once("drain", () => socket.resume());
}

function end(socket: Socket): void {
  socket.once("close", afterTimeout(lingerMs, () => socket.destroy()));
  socket.end(() => socket.destroy());
}
