/**
 * The streams of one connection: which are open, which may begin, and which were there.
 *
 * @module
 */
import { ConnectionError, StreamError } from "./errors.ts";
import type { ServerStream } from "./stream.ts";

/** Streams that one client may have open at once. */
export const maxStreams = 1024;

/** No stream has a higher number (RFC 9113, section 5.1.1). */
export const lastPossible: number = 2 ** 31 - 1;

/** Streams by their numbers, which a client counts up by twos. */
export class StreamTable {
  readonly #open = new Map<number, ServerStream>();
  /** Those that were broken off from here: what is still under way for them is no fault. */
  readonly #forgiven = new Set<number>();
  #last = 0;
  #lastServed = Infinity;

  /** The highest number that may have been answered, or may be yet: what a GOAWAY says. It never grows again. */
  get lastServed(): number {
    return Math.min(this.#last, this.#lastServed);
  }

  /** Whether streams are taken that have not begun yet. */
  get takesMore(): boolean {
    return this.#lastServed === Infinity;
  }

  /** How many are open. */
  get size(): number {
    return this.#open.size;
  }

  /** All that are open, as they are now. */
  all(): ServerStream[] {
    return [...this.#open.values()];
  }

  /** The same one by one, without a copy: none may begin or end meanwhile. */
  values(): Iterable<ServerStream> {
    return this.#open.values();
  }

  /** The stream of that number, if it is open. */
  get(id: number): ServerStream | undefined {
    return this.#open.get(id);
  }

  /**
   * Lets a stream begin, by its number.
   *
   * @returns `false` for one that was broken off, whose headers come late.
   * @throws {ConnectionError} for a number that no new stream may have.
   * @throws {StreamError} `REFUSED_STREAM` for one too many: its client may try again elsewhere (RFC 9113, section 8.7).
   */
  admit(id: number): boolean {
    if (id % 2 === 0) throw new ConnectionError("PROTOCOL_ERROR", "A client's streams have odd numbers.");
    if (id <= this.#last) {
      if (this.#forgiven.has(id)) return false;
      throw new ConnectionError("STREAM_CLOSED", "A stream is closed already.");
    }
    this.#last = id;
    if (id <= this.#lastServed && this.#open.size < maxStreams) return true;
    throw new StreamError("REFUSED_STREAM", id, "There are too many streams, or the server stops.");
  }

  /** Takes in a stream that was admitted. */
  add(stream: ServerStream): void {
    this.#open.set(stream.id, stream);
  }

  /** Takes out one that is over. */
  delete({ id }: ServerStream): void {
    this.#open.delete(id);
  }

  /** Remembers one that was broken off; so many of them as could have been open, and as many again. */
  rememberReset(id: number): void {
    this.#forgiven.add(id);
    const [oldest] = this.#forgiven;
    if (this.#forgiven.size > 2 * maxStreams && oldest !== undefined) this.#forgiven.delete(oldest);
  }

  /** Takes no stream any more that has not begun. */
  takeNoMore(): void {
    this.#lastServed = this.#last;
  }

  /** @throws {ConnectionError} for a number that has not come yet. */
  requireBegun(id: number): void {
    if (id > this.#last || id % 2 === 0) throw new ConnectionError("PROTOCOL_ERROR", "A stream has not begun.");
  }

  /**
   * Judges a part of a request for a stream that takes none.
   *
   * @throws {StreamError} `STREAM_CLOSED`, but not for what was under way when it was broken off.
   */
  ignoreOrReject(id: number): void {
    this.requireBegun(id);
    if (this.#forgiven.has(id) || id > this.#lastServed) return;
    throw new StreamError("STREAM_CLOSED", id, "The stream is closed already.");
  }
}
