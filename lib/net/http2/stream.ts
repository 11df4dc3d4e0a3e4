/**
 * One stream of a connection: one request and its one response.
 *
 * @module
 */
import type { Buffer } from "node:buffer";

/** Receives the body of a request. It is called only after the headers of the request were received. */
export interface StreamReceiver {
  /**
   * Takes a piece of the body.
   *
   * @param piece a view of the bytes that were read. A receiver copies the part that it keeps, since a view retains the
   *   whole read in memory.
   * @returns by how many bytes the memory that the receiver holds has grown; nothing if it has not grown.
   */
  data(piece: Buffer): number | void;
  /** The body is complete. */
  end(): void;
}

/** A response: two header blocks as `headerBlock` encodes them, and the body between them. */
export interface Answer {
  readonly head: Uint8Array;
  readonly body: Uint8Array;
  readonly trailers: Uint8Array;
}

/** The methods of a connection that its streams call. */
export interface StreamHost {
  /** Sends headers, body and trailers. */
  answer(stream: ServerStream, answer: Answer): void;
  /** Sends headers only and ends the stream. */
  finish(stream: ServerStream, head: Uint8Array): void;
}

/** A response in transmission, and the number of body bytes that were sent. */
interface Sending {
  readonly answer: Answer;
  at: number;
}

/** A stream that a client has opened. */
export class ServerStream {
  /** Stream identifier. */
  readonly id: number;
  /** Called if the client disconnects or resets the stream before the whole response was sent. */
  onClosed: (() => void) | undefined;
  /**
   * The stream's send window minus the client's initial window size, in bytes; sent bytes decrease it, also below zero.
   * Thus a new initial window size changes the windows of all streams at once (RFC 9113, section 6.9.2).
   */
  openedBy = 0;
  /** Whether the client has sent END_STREAM. */
  ended = false;
  /** Body bytes that were received, without padding. */
  received = 0;
  /** Body bytes that were received, with padding. */
  receivedWithPadding = 0;
  /** Bytes that the connection's budget counts for the stream. */
  held = 0;
  /** The value of the request's `content-length` header, in bytes. */
  contentLength: number | undefined;
  /** Receives the body of the request; `undefined` if none is needed. */
  receiver: StreamReceiver | undefined;
  /** The response in transmission; `undefined` before it and after the stream has closed. */
  sending: Sending | undefined;
  readonly #host: StreamHost;
  #gone = false;

  constructor(host: StreamHost, id: number) {
    this.#host = host;
    this.id = id;
  }

  /** Whether the stream is closed: answered completely, reset, or lost with its connection. */
  get closed(): boolean {
    return this.#gone;
  }

  /** Sends the response, as fast as the client reads the body. Does nothing on a closed stream. */
  answer(answer: Answer): void {
    if (!this.#gone && this.sending === undefined) this.#host.answer(this, answer);
  }

  /**
   * Sends a response of headers only. If the request is incomplete, RST_STREAM with NO_ERROR follows (RFC 9113, section
   * 8.1).
   */
  finish(head: Uint8Array): void {
    if (!this.#gone && this.sending === undefined) this.#host.finish(this, head);
  }

  /**
   * Called by the connection when the stream closes. Drops all references, since the runtime can keep the stream in
   * memory.
   */
  close(): void {
    this.#gone = true;
    this.onClosed = undefined;
    this.receiver = undefined;
    this.sending = undefined;
  }
}
