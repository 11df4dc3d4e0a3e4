/**
 * What goes out on one connection: frames gathered into few writes, and bodies as fast as the client takes them.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import { ConnectionFault, StreamFault } from "./faults.ts";
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
}

/** The sending side of one connection. */
export class Sender {
  /** Whatever is written here goes out soon. */
  readonly frames: FrameWriter = new FrameWriter(() => this.#options.soon(() => this.flush()));
  readonly #options: SenderOptions;
  /** Streams whose answer waits for the client to open a window. */
  readonly #blocked = new Set<ServerStream>();
  /** What the client lets us send on all streams together, and on a new one; bytes. */
  #window: number = windows.initial;
  #streamWindow: number = windows.initial;
  /** The largest payload that the client takes. */
  maxPayload: number = maxPayload;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /** What a new stream may send. */
  get streamWindow(): number {
    return this.#streamWindow;
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
      const size = Math.min(body.length - sending.at, this.maxPayload, this.#window, stream.window);
      if (size <= 0) return void this.#blocked.add(stream);
      this.frames.frame("DATA", 0, id, body, sending.at, sending.at + size);
      sending.at += size;
      this.#window -= size;
      stream.window -= size;
    }
    this.#blocked.delete(stream);
    this.frames.headers(id, trailers, true);
    this.#options.onSent(stream);
  }

  /** Sends no more of a stream. */
  forget(stream: ServerStream): void {
    this.#blocked.delete(stream);
  }

  /** @throws {ConnectionFault} if the window would be larger than a window can be. */
  open(increment: number): void {
    const window = opened(this.#window, increment);
    if (window === undefined) throw new ConnectionFault("FLOW_CONTROL_ERROR", "The connection's window is too large.");
    this.#window = window;
    this.goOn();
  }

  /** @throws {StreamFault} if the window would be larger than a window can be. */
  openStream(stream: ServerStream, increment: number): void {
    const window = opened(stream.window, increment);
    if (window === undefined) throw new StreamFault("FLOW_CONTROL_ERROR", stream.id, "A stream's window is too large.");
    stream.window = window;
    if (this.#blocked.has(stream)) this.send(stream);
  }

  /**
   * A new initial window, which changes those of the open streams as well, below zero if need be (RFC 9113, section
   * 6.9.2). Nothing is sent yet: see {@linkcode Sender.goOn}.
   *
   * @throws {ConnectionFault} if one would be larger than a window can be.
   */
  resize(streamWindow: number, streams: Iterable<ServerStream>): void {
    const change = streamWindow - this.#streamWindow;
    this.#streamWindow = streamWindow;
    for (const stream of streams) {
      const window = opened(stream.window, change);
      if (window === undefined) throw new ConnectionFault("FLOW_CONTROL_ERROR", "A stream's window is too large.");
      stream.window = window;
    }
  }

  /** Sends what may be sent now. */
  goOn(): void {
    for (const stream of [...this.#blocked]) {
      if (this.#window <= 0) return;
      this.send(stream);
    }
  }
}
