/**
 * One connection on its socket: it is read from while what was read is dealt with, and as long as its client reads.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import type { Duplex } from "node:stream";
import { afterTimeout } from "../../base/deadline.ts";
import { Pool, Share } from "./budget.ts";
import { Connection, type OnStream } from "./connection.ts";
import { type Turner, Turns } from "./turns.ts";

/** How long a client may take to read the last that it is sent, in milliseconds. */
const lingerMs = 5_000;

/** Unsent bytes above which nothing more is done for a client that does not read. */
const maxUnsent = 128 << 10;

/** Shared by all connections of a server: the processor's time, and memory. */
export interface Common {
  readonly turns: Turns;
  readonly pool: Pool;
}

/** Makes what all connections share. */
export function common(): Common {
  return { turns: new Turns(), pool: new Pool() };
}

/** Handlers and shared parts of a line. */
export interface LineOptions {
  readonly onStream: OnStream;
  readonly onBug: (thrown: unknown) => void;
  readonly common: Common;
  /** Called when the socket has closed. */
  readonly onClose: (line: Line) => void;
}

/** A connection and its socket. */
export class Line implements Turner {
  readonly connection: Connection;
  readonly #socket: Duplex;
  readonly #turns: Turns;
  #readAt: number;
  #closed = false;

  constructor(socket: Duplex, { onStream, onBug, common: { turns, pool }, onClose }: LineOptions) {
    this.#socket = socket;
    this.#turns = turns;
    this.#readAt = turns.now;
    this.connection = new Connection({
      onStream,
      onBug,
      share: new Share(pool),
      write: (bytes) => void (socket.writable && socket.write(bytes)),
      end: () => this.#end(),
      soon: setImmediate,
      congested: () => isCongested(socket),
    });
    socket.on("data", (read: Buffer) => this.#receive(read));
    socket.on("drain", () => {
      this.connection.drained();
      this.#ask();
    });
    // A connection that fails closes as well; without a listener it would end the process.
    socket.on("error", () => {});
    socket.once("close", () => {
      this.#closed = true;
      turns.leave(this);
      this.connection.lost();
      onClose(this);
    });
  }

  /** When something was last read from the client, in milliseconds on the clock of the turns. */
  get readAt(): number {
    return this.#readAt;
  }

  turn(isOver: () => boolean): boolean {
    if (this.#closed) return false;
    const left = this.connection.turn(isOver);
    this.#read(!left && !isCongested(this.#socket));
    return left;
  }

  #receive(read: Buffer): void {
    this.#readAt = this.#turns.now;
    this.connection.receive(read);
    this.#ask();
  }

  #ask(): void {
    this.#turns.ask(this);
    if (this.#turns.waits(this)) this.#read(false);
  }

  /** While something is left of what was read, or the client does not read, the kernel holds what more it sends. */
  #read(wanted: boolean): void {
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
