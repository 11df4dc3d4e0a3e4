/**
 * The streams of one connection: the open ones, the rules for new ones, and the ones that were reset.
 *
 * @module
 */
import { ConnectionError, StreamError } from "./errors.ts";
import type { ServerStream } from "./stream.ts";

/** Maximum number of open streams of one client. */
export const maxStreams = 1024;

/** The highest stream identifier (RFC 9113, section 5.1.1). */
export const lastPossible: number = 2 ** 31 - 1;

/** Streams by identifier. A client's identifiers are odd and ascending. */
export class StreamTable {
  readonly #open = new Map<number, ServerStream>();
  /** Streams that the server has reset. Frames that the client had already sent for them are no error. */
  readonly #reset = new Set<number>();
  #last = 0;
  #lastServed = Infinity;

  /**
   * The highest stream identifier that was or will be processed; GOAWAY carries it. It no longer grows after
   * {@linkcode refuseNew}.
   */
  get lastServed(): number {
    return Math.min(this.#last, this.#lastServed);
  }

  /** Whether new streams are accepted. */
  get acceptsNew(): boolean {
    return this.#lastServed === Infinity;
  }

  /** Number of open streams. */
  get size(): number {
    return this.#open.size;
  }

  /** A copy of the list of open streams. */
  all(): ServerStream[] {
    return [...this.#open.values()];
  }

  /** The open streams, without a copy: none may be added or removed during the iteration. */
  values(): Iterable<ServerStream> {
    return this.#open.values();
  }

  /** The open stream with that identifier; `undefined` if there is none. */
  get(id: number): ServerStream | undefined {
    return this.#open.get(id);
  }

  /**
   * Checks the identifier of a new stream.
   *
   * @returns `false` for a stream that the server has reset, if its headers arrive late.
   * @throws {ConnectionError} if no new stream may have that identifier.
   * @throws {StreamError} `REFUSED_STREAM` if the limit is reached or the server shuts down: the client may retry
   *   elsewhere (RFC 9113, section 8.7).
   */
  admit(id: number): boolean {
    if (id % 2 === 0) throw new ConnectionError("PROTOCOL_ERROR", "A client's streams have odd numbers.");
    if (id <= this.#last) {
      if (this.#reset.has(id)) return false;
      throw new ConnectionError("STREAM_CLOSED", "A stream is closed already.");
    }
    this.#last = id;
    if (id <= this.#lastServed && this.#open.size < maxStreams) return true;
    throw new StreamError("REFUSED_STREAM", id, "There are too many streams, or the server stops.");
  }

  /** Adds a stream that {@linkcode admit} has accepted. */
  add(stream: ServerStream): void {
    this.#open.set(stream.id, stream);
  }

  /** Removes a closed stream. */
  delete({ id }: ServerStream): void {
    this.#open.delete(id);
  }

  /** Remembers a stream that the server has reset: at most twice as many as can be open, then the oldest is dropped. */
  rememberReset(id: number): void {
    this.#reset.add(id);
    const [oldest] = this.#reset;
    if (this.#reset.size > 2 * maxStreams && oldest !== undefined) this.#reset.delete(oldest);
  }

  /** Accepts no new streams from now on. */
  refuseNew(): void {
    this.#lastServed = this.#last;
  }

  /** @throws {ConnectionError} `PROTOCOL_ERROR` if the client has not opened that stream. */
  requireBegun(id: number): void {
    if (id > this.#last || id % 2 === 0) throw new ConnectionError("PROTOCOL_ERROR", "A stream has not begun.");
  }

  /**
   * Handles a frame of a request on a stream that is closed or was never accepted.
   *
   * @throws {StreamError} `STREAM_CLOSED`, except for frames that were in transit when the server reset or refused the
   *   stream.
   */
  ignoreOrReject(id: number): void {
    this.requireBegun(id);
    if (this.#reset.has(id) || id > this.#lastServed) return;
    throw new StreamError("STREAM_CLOSED", id, "The stream is closed already.");
  }
}
