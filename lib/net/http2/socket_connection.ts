/**
 * A connection with its socket. The socket is read only while earlier input is processed and the client reads
 * responses.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import { afterTimeout } from "../../base/deadline.ts";
import { Pool, Share } from "./budget.ts";
import { Connection, type OnStream } from "./connection.ts";
import { Turns, type TurnTask } from "./turns.ts";
import { type AcceptedConnection, UnixStream } from "./unix_stream.ts";

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
  readonly #socket: UnixStream;
  readonly #turns: Turns;
  #readAt: number;
  /** Whether so much was unsent since the last drain that the client has to be waited for. */
  #waitsForDrain = false;
  #closed = false;
  #inTurn = false;
  /** Sends the frames that were written in this turn. */
  #flush: (() => void) | undefined;
  #stopLingering: (() => void) | undefined;

  constructor(
    accepted: AcceptedConnection,
    { onStream, onInternalError, shared: { turns, pool }, onClose }: SocketConnectionOptions,
  ) {
    this.#turns = turns;
    this.#readAt = turns.now;
    turns.enter(this);
    this.connection = new Connection({
      onStream,
      onInternalError,
      share: new Share(pool),
      write: (bytes) => this.#socket.write(bytes),
      end: () => this.#end(),
      soon: (flush) => this.#plan(flush),
      congested: () => this.#isCongested(),
    });
    this.#socket = new UnixStream(accepted, {
      data: (read) => this.#receive(read),
      drained: () => this.#drained(),
      closed: () => {
        this.#closed = true;
        this.#stopLingering?.();
        turns.leave(this);
        this.connection.lost();
        onClose(this);
      },
    });
  }

  /** Time of the last read, in milliseconds on the clock of {@linkcode Turns}. */
  get readAt(): number {
    return this.#readAt;
  }

  turn(isOver: () => boolean): boolean {
    if (this.#closed) return false;
    this.#inTurn = true;
    const left = this.connection.turn(isOver);
    this.#inTurn = false;
    this.#sendWritten();
    this.#setReading(!left && !this.#isCongested());
    return left;
  }

  #receive(read: Buffer): void {
    this.#readAt = this.#turns.now;
    this.connection.receive(read);
    this.#requestTurn(this.#readAt);
  }

  #requestTurn(now?: number): void {
    this.#turns.ask(this, now);
    if (this.#turns.waits(this)) this.#setReading(false);
  }

  #plan(flush: () => void): void {
    if (this.#inTurn) this.#flush = flush;
    else setImmediate(flush);
  }

  /**
   * Sends what a turn wrote: at once if every call is answered, which saves a pass of the event loop. Answers of other
   * calls can follow in this pass, and are sent in the same write.
   */
  #sendWritten(): void {
    const flush = this.#flush;
    if (flush === undefined) return;
    this.#flush = undefined;
    if (this.connection.hasCalls) setImmediate(flush);
    else flush();
  }

  #isCongested(): boolean {
    const congested = this.#socket.unsent > maxUnsent;
    if (congested) this.#waitsForDrain = true;
    return congested;
  }

  #drained(): void {
    if (!this.#waitsForDrain) return;
    this.#waitsForDrain = false;
    this.connection.drained();
    this.#requestTurn();
  }

  /**
   * Pauses the socket while input is left to process or the client does not read; the kernel then buffers further
   * input.
   */
  #setReading(wanted: boolean): void {
    if (wanted === this.#socket.isPaused) wanted ? this.#socket.resume() : this.#socket.pause();
  }

  #end(): void {
    this.#turns.leave(this);
    this.#socket.resume();
    this.#stopLingering = afterTimeout(lingerMs, () => this.#socket.destroy());
    this.#socket.end();
  }
}
