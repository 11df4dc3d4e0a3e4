/**
 * One stream of a connection: a request that comes, and the one answer that it gets.
 *
 * @module
 */
import type { Buffer } from "node:buffer";

/** Told what comes on a stream, once its headers have come. */
export interface StreamReceiver {
  /**
   * A piece of the body, a view of what was read: a receiver copies what it keeps, since a view holds the whole read.
   *
   * @returns how many bytes more it holds now, if it holds more.
   */
  data(piece: Buffer): number | void;
  /** The body is there as a whole. */
  end(): void;
}

/** An answer: blocks of headers as `headerBlock` makes them, and the body between them. */
export interface Answer {
  readonly head: Uint8Array;
  readonly body: Uint8Array;
  readonly trailers: Uint8Array;
}

/** What a stream asks of its connection. */
export interface StreamHost {
  answer(stream: ServerStream, answer: Answer): void;
  finish(stream: ServerStream, head: Uint8Array): void;
}

/** An answer that is on its way, and how much of its body has been sent. */
interface Sending {
  readonly answer: Answer;
  at: number;
}

/** A stream that a client has opened. */
export class ServerStream {
  readonly id: number;
  /** Called if the client goes, or takes its call back, before all of the answer was sent. */
  onGone: (() => void) | undefined;
  /**
   * Bytes by which its window is further open than the client's initial window, below zero once something was sent. So a
   * new initial window changes the windows of all streams at once (RFC 9113, section 6.9.2).
   */
  openedBy = 0;
  /** Whether the client has sent all that it will. */
  ended = false;
  /** Bytes of the body that have come. */
  received = 0;
  /** The same, its padding included. */
  came = 0;
  /** Bytes that the connection's budget counts for it. */
  held = 0;
  /** What the client says how long the body is. */
  expected: number | undefined;
  receiver: StreamReceiver | undefined;
  sending: Sending | undefined;
  readonly #host: StreamHost;
  #gone = false;

  constructor(host: StreamHost, id: number) {
    this.#host = host;
    this.id = id;
  }

  /** Whether it is over: answered in full, reset, or left by its client. */
  get gone(): boolean {
    return this.#gone;
  }

  /** Answers; a stream that is gone takes no notice. The body goes out as fast as the client takes it. */
  answer(answer: Answer): void {
    if (!this.#gone && this.sending === undefined) this.#host.answer(this, answer);
  }

  /** Answers by headers alone. A client that is still sending is told to stop (RFC 9113, section 8.1). */
  finish(head: Uint8Array): void {
    if (!this.#gone && this.sending === undefined) this.#host.finish(this, head);
  }

  /** For its connection: it is over now. What hangs on it is let go, for the runtime may keep the stream for a while. */
  leave(): void {
    this.#gone = true;
    this.onGone = undefined;
    this.receiver = undefined;
    this.sending = undefined;
  }
}
