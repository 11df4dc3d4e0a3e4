/**
 * A connection with its socket. The socket is read only while earlier input is processed and the client reads
 * responses.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import type { Duplex } from "node:stream";
import { afterTimeout } from "../../base/deadline.ts";
import { Pool, Share } from "./budget.ts";
import { Connection, type OnStream } from "./connection.ts";
import { Turns, type TurnTask } from "./turns.ts";

/** Milliseconds. Bounds the time in which a client may read the last bytes after the connection has ended. */
const lingerMs = 5_000;

/** Unsent bytes above which no more frames are processed for a client that does not read. */
const maxUnsent = 128 << 10;

/** Shared by all connections of a server: the turns (processor time) and the memory pool. */
export interface SharedResources {
  readonly turns: Turns;
  readonly pool: Pool;
}

/** Creates the resources that all connections share. */
export function sharedResources(): SharedResources {
  return { turns: new Turns(), pool: new Pool() };
}

/** Callbacks and shared resources of a connection. */
export interface SocketConnectionOptions {
  readonly onStream: OnStream;
  /** Called with an internal error that closed the connection. */
  readonly onInternalError: (thrown: unknown) => void;
  readonly shared: SharedResources;
  /** Called after the socket was closed. */
  readonly onClose: (closed: SocketConnection) => void;
}

/** A connection and its socket. */
export class SocketConnection implements TurnTask {
  readonly connection: Connection;
  readonly #socket: Duplex;
  readonly #turns: Turns;
  #readAt: number;
  #closed = false;

  constructor(
    socket: Duplex,
    { onStream, onInternalError, shared: { turns, pool }, onClose }: SocketConnectionOptions,
  ) {
    this.#socket = socket;
    this.#turns = turns;
    this.#readAt = turns.now;
    turns.enter(this);
    this.connection = new Connection({
      onStream,
      onInternalError,
      share: new Share(pool),
      write: (bytes) => void (socket.writable && socket.write(bytes)),
      end: () => this.#end(),
      soon: setImmediate,
      congested: () => isCongested(socket),
    });
    socket.on("data", (read: Buffer) => this.#receive(read));
    socket.on("drain", () => {
      this.connection.drained();
      this.#requestTurn();
    });
    // A "close" event follows each error. Without a listener for "error" the process would end.
    socket.on("error", () => {});
    socket.once("close", () => {
      this.#closed = true;
      turns.leave(this);
      this.connection.lost();
      onClose(this);
    });
  }

  /** Time of the last read, in milliseconds on the clock of {@linkcode Turns}. */
  get readAt(): number {
    return this.#readAt;
  }

  turn(isOver: () => boolean): boolean {
    if (this.#closed) return false;
    const left = this.connection.turn(isOver);
    this.#setReading(!left && !isCongested(this.#socket));
    return left;
  }

  #receive(read: Buffer): void {
    this.#readAt = this.#turns.now;
    this.connection.receive(read);
    this.#requestTurn();
  }

  #requestTurn(): void {
    this.#turns.ask(this);
    if (this.#turns.waits(this)) this.#setReading(false);
  }

  /**
   * Pauses the socket while input is left to process or the client does not read; the kernel then buffers further
   * input.
   */
  #setReading(wanted: boolean): void {
    if (wanted === this.#socket.isPaused()) wanted ? this.#socket.resume() : this.#socket.pause();
  }

  #end(): void {
    this.#turns.leave(this);
    this.#socket.resume();
    this.#socket.once("close", afterTimeout(lingerMs, () => this.#socket.destroy()));
    this.#socket.end(() => this.#socket.destroy());
  }
}

function isCongested(socket: Duplex): boolean {
  return socket.writableLength > maxUnsent;
}
