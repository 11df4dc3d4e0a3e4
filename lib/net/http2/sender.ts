/**
 * The sending side of one connection: frames are collected into few writes, bodies follow the client's windows.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import { ConnectionError, StreamError } from "./errors.ts";
import { FrameWriter, maxPayload } from "./frames.ts";
import type { ServerStream } from "./stream.ts";
import { increased, windows } from "./windows.ts";

/** Callbacks of a sender. */
export interface SenderOptions {
  /** Writes bytes to the socket. */
  readonly write: (bytes: Buffer) => void;
  /** Runs a function after the current events. All that is written until then is sent in one write. */
  readonly soon: (work: () => void) => void;
  /** Called after the last frame of a response was written. */
  readonly onSent: (stream: ServerStream) => void;
  /** All open streams. */
  readonly streams: () => Iterable<ServerStream>;
  /** Whether so many bytes are unsent that no more body may be written. */
  readonly congested: () => boolean;
}

/** The sending side of one connection. */
export class Sender {
  /** Collects frames. They are sent after the current events. */
  readonly frames: FrameWriter = new FrameWriter(() => this.#options.soon(() => this.flush()));
  readonly #options: SenderOptions;
  /** Streams whose response waits for a WINDOW_UPDATE or for a client that does not read. */
  readonly #blocked = new Set<ServerStream>();
  /** The iteration over `#blocked` that sends pending bodies, and whether another one must follow. */
  #walk: Iterator<ServerStream> | undefined;
  #walkAgain = false;
  /** Send window of the connection, and initial send window of a stream; bytes. */
  #window: number = windows.initial;
  #streamWindow: number = windows.initial;
  /** Upper bound of `openedBy` of all open streams, in bytes. It can be too high after a stream has closed. */
  #openedBy = 0;
  /** SETTINGS_MAX_FRAME_SIZE of the client: the largest payload that it accepts, in bytes. */
  maxPayload: number = maxPayload;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /** Send window of a stream, in bytes. It is below zero if the client has reduced its initial window size since. */
  windowOf({ openedBy }: ServerStream): number {
    return this.#streamWindow + openedBy;
  }

  /** Whether the response of the stream waits for the client. */
  waits(stream: ServerStream): boolean {
    return this.#blocked.has(stream);
  }

  /** Sends the collected frames now. */
  flush(): void {
    const bytes = this.frames.take();
    if (bytes !== undefined) this.#options.write(bytes);
  }

  /** Sends as much of a stream's response as the windows permit. */
  send(stream: ServerStream): void {
    const { id, sending } = stream;
    if (sending === undefined) return;
    const { body, trailers } = sending.answer;
    while (sending.at < body.length) {
      const size = Math.min(body.length - sending.at, this.maxPayload, this.#window, this.windowOf(stream));
      if (size <= 0 || this.#options.congested()) return void this.#blocked.add(stream);
      this.frames.frame("DATA", 0, id, body, sending.at, sending.at + size);
      sending.at += size;
      this.#window -= size;
      stream.openedBy -= size;
    }
    this.#blocked.delete(stream);
    this.frames.headers(id, trailers, true);
    this.#options.onSent(stream);
  }

  /** Removes a stream; nothing more is sent for it. */
  forget(stream: ServerStream): void {
    this.#blocked.delete(stream);
  }

  /**
   * Increases the send window of the connection. Nothing is sent until {@linkcode Sender.continueOne} is called.
   *
   * @param increment bytes
   * @throws {ConnectionError} `FLOW_CONTROL_ERROR` if the window would exceed its maximum.
   */
  open(increment: number): void {
    const window = increased(this.#window, increment);
    if (window === undefined) throw new ConnectionError("FLOW_CONTROL_ERROR", "The connection's window is too large.");
    this.#window = window;
    this.retryBlocked();
  }

  /**
   * Increases the send window of a stream, and sends the bytes that it then permits.
   *
   * @param increment bytes
   * @throws {StreamError} `FLOW_CONTROL_ERROR` if the window would exceed its maximum.
   */
  openStream(stream: ServerStream, increment: number): void {
    if (increased(this.windowOf(stream), increment) === undefined) {
      throw new StreamError("FLOW_CONTROL_ERROR", stream.id, "A stream's window is too large.");
    }
    stream.openedBy += increment;
    this.#openedBy = Math.max(this.#openedBy, stream.openedBy);
    if (this.#blocked.has(stream)) this.send(stream);
  }

  /**
   * Applies a new initial window size. It changes the windows of open streams as well, also below zero (RFC 9113,
   * section 6.9.2). The cost does not depend on their number. Nothing is sent until {@linkcode Sender.continueOne} is
   * called.
   *
   * @param streamWindow bytes
   * @throws {ConnectionError} `FLOW_CONTROL_ERROR` if a window would exceed its maximum.
   */
  resize(streamWindow: number): void {
    if (increased(streamWindow, this.#openedBy) === undefined) {
      // The upper bound can come from a stream that has closed since. Only in that case are all streams visited.
      this.#openedBy = 0;
      for (const { openedBy } of this.#options.streams()) this.#openedBy = Math.max(this.#openedBy, openedBy);
      if (increased(streamWindow, this.#openedBy) === undefined) {
        throw new ConnectionError("FLOW_CONTROL_ERROR", "A stream's window is too large.");
      }
    }
    this.#streamWindow = streamWindow;
    this.retryBlocked();
  }

  /** Marks that blocked streams may be able to send again. */
  retryBlocked(): void {
    this.#walkAgain = this.#blocked.size > 0;
  }

  /**
   * Sends the next permitted part of one blocked stream. However often a client opens its windows, each stream is
   * visited once in an iteration, and each visit is one piece of work in a turn.
   *
   * @returns `false` if there is nothing to do.
   */
  continueOne(): boolean {
    if (this.#window <= 0 || this.#options.congested()) return false;
    if (this.#walk === undefined) {
      if (!this.#walkAgain) return false;
      this.#walkAgain = false;
      this.#walk = this.#blocked.values();
    }
    const next = this.#walk.next();
    if (next.done) this.#walk = undefined;
    else this.send(next.value);
    return true;
  }
}
