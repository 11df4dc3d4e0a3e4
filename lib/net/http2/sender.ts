/**
 * What goes out on one connection: frames gathered into few writes, and bodies as fast as the client takes them.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import { ConnectionError, StreamError } from "./errors.ts";
import { FrameWriter, maxPayload } from "./frames.ts";
import type { ServerStream } from "./stream.ts";
import { opened, windows } from "./windows.ts";

/** What a sender needs of the world. */
export interface SenderOptions {
  /** Sends bytes. */
  readonly write: (bytes: Buffer) => void;
  /** Does something when the events of now are dealt with: what is written until then leaves in one piece. */
  readonly soon: (work: () => void) => void;
  /** Called when the last of an answer has been written. */
  readonly onSent: (stream: ServerStream) => void;
  /** All streams that are open. */
  readonly streams: () => Iterable<ServerStream>;
  /** Whether so much waits to be read by the client that no body may be added to it. */
  readonly congested: () => boolean;
}

/** The sending side of one connection. */
export class Sender {
  /** Whatever is written here goes out soon. */
  readonly frames: FrameWriter = new FrameWriter(() => this.#options.soon(() => this.flush()));
  readonly #options: SenderOptions;
  /** Streams whose answer waits for the client to open a window, or to read. */
  readonly #blocked = new Set<ServerStream>();
  /** The walk over them that sends what may be sent by now, and whether another one has to follow. */
  #walk: Iterator<ServerStream> | undefined;
  #walkAgain = false;
  /** What the client lets us send on all streams together, and on a new one; bytes. */
  #window: number = windows.initial;
  #streamWindow: number = windows.initial;
  /** No open stream has a larger `openedBy`; some may have been larger, and have closed since. */
  #openedBy = 0;
  /** The largest payload that the client takes. */
  maxPayload: number = maxPayload;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /** What a stream may send; below zero if the client has made its windows smaller since. */
  windowOf({ openedBy }: ServerStream): number {
    return this.#streamWindow + openedBy;
  }

  /** Whether an answer of the stream waits for the client. */
  waits(stream: ServerStream): boolean {
    return this.#blocked.has(stream);
  }

  /** Sends what has been gathered, now. */
  flush(): void {
    const bytes = this.frames.take();
    if (bytes !== undefined) this.#options.write(bytes);
  }

  /** Sends as much of a stream's answer as may be sent. */
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

  /** Sends no more of a stream. */
  forget(stream: ServerStream): void {
    this.#blocked.delete(stream);
  }

  /**
   * Opens the window of the connection. Nothing is sent yet: see {@linkcode Sender.goOn}.
   *
   * @throws {ConnectionError} if the window would be larger than a window can be.
   */
  open(increment: number): void {
    const window = opened(this.#window, increment);
    if (window === undefined) throw new ConnectionError("FLOW_CONTROL_ERROR", "The connection's window is too large.");
    this.#window = window;
    this.mayGoOn();
  }

  /**
   * Opens the window of a stream, and sends what it lets through.
   *
   * @throws {StreamError} if the window would be larger than a window can be.
   */
  openStream(stream: ServerStream, increment: number): void {
    if (opened(this.windowOf(stream), increment) === undefined) {
      throw new StreamError("FLOW_CONTROL_ERROR", stream.id, "A stream's window is too large.");
    }
    stream.openedBy += increment;
    this.#openedBy = Math.max(this.#openedBy, stream.openedBy);
    if (this.#blocked.has(stream)) this.send(stream);
  }

  /**
   * A new initial window, which changes those of the open streams as well, below zero if need be (RFC 9113, section
   * 6.9.2). It costs the same however many there are. Nothing is sent yet: see {@linkcode Sender.goOn}.
   *
   * @throws {ConnectionError} if one would be larger than a window can be.
   */
  resize(streamWindow: number): void {
    if (opened(streamWindow, this.#openedBy) === undefined) {
      // Streams are looked at only if one that was opened so far may have closed since.
      this.#openedBy = 0;
      for (const { openedBy } of this.#options.streams()) this.#openedBy = Math.max(this.#openedBy, openedBy);
      if (opened(streamWindow, this.#openedBy) === undefined) {
        throw new ConnectionError("FLOW_CONTROL_ERROR", "A stream's window is too large.");
      }
    }
    this.#streamWindow = streamWindow;
    this.mayGoOn();
  }

  /** Notes that streams that wait may be able to send. */
  mayGoOn(): void {
    this.#walkAgain = this.#blocked.size > 0;
  }

  /**
   * Sends of one of the streams that wait what may be sent now. However often a client opens its windows, each is looked
   * at once a walk, and each look is a piece of work of its own.
   *
   * @returns `false` where there is nothing to do.
   */
  goOn(): boolean {
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
