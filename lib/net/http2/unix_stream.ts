/**
 * The reads and writes of one connection that Deno accepted.
 *
 * It is not a `Duplex` of `node:stream`: its events and states would cost each call more than the copies of its bytes.
 *
 * @module
 */
import { Buffer } from "node:buffer";

/** Size of the read buffer in bytes. It is small while a connection is quiet, since each idle connection keeps one. */
const readSizes = { least: 2 << 10, most: 64 << 10 } as const;

/**
 * The buffer grows by this factor after a full read: calls that came together are to be read together, since they share
 * turns, writes and requests to a KMS.
 */
const growth = 8;

/** Consecutive reads of less than a quarter of the buffer after which it is halved. */
const smallReads = 64;

/** The members of an accepted connection that are used. */
export type AcceptedConnection = Pick<Deno.Conn, "read" | "write" | "close" | "closeWrite">;

/** Callbacks of a stream. */
export interface StreamEvents {
  /**
   * Called with the bytes of one read, at least one: a copy of exactly the received bytes, so that a reference to a part
   * of it retains no larger buffer.
   */
  readonly data: (chunk: Buffer) => void;
  /** Called when all written bytes were sent. */
  readonly drained: () => void;
  /** Called once after the connection was closed, for whatever reason; never during a call of a method. */
  readonly closed: () => void;
}

/** A stream over one connection. It reads from the start. After its peer has ended it sends what was written and closes. */
export class UnixStream {
  readonly #connection: AcceptedConnection;
  readonly #events: StreamEvents;
  #buffer = new Uint8Array(readSizes.least);
  #smallReads = 0;
  #reading = true;
  /** Whether a read is in progress. */
  #pending = false;
  /** Bytes that were read and not delivered, because reads are paused. */
  #held: Buffer | undefined;
  /** The bytes being sent, and those that follow. */
  #sending: Uint8Array | undefined;
  #queue: Uint8Array[] = [];
  #unsent = 0;
  #state: "open" | "ending" | "closed" = "open";

  constructor(connection: AcceptedConnection, events: StreamEvents) {
    this.#connection = connection;
    this.#events = events;
    this.#read();
  }

  /** Number of written bytes that were not sent yet. */
  get unsent(): number {
    return this.#unsent;
  }

  /** Whether reads are paused. */
  get isPaused(): boolean {
    return !this.#reading;
  }

  /** Stops reading; the kernel then buffers further input. */
  pause(): void {
    this.#reading = false;
  }

  /** Reads again. Nothing is delivered before the call returns. */
  resume(): void {
    if (this.#reading) return;
    this.#reading = true;
    if (this.#held === undefined) this.#read();
    else queueMicrotask(() => this.#deliverHeld());
  }

  /** Sends bytes after those written before. They must not be changed. Does nothing after {@linkcode UnixStream.end}. */
  write(bytes: Uint8Array): void {
    if (this.#state !== "open") return;
    this.#unsent += bytes.length;
    if (this.#sending === undefined) this.#send(bytes);
    else this.#queue.push(bytes);
  }

  /** Sends what was written, then closes the connection. */
  end(): void {
    if (this.#state !== "open") return;
    this.#state = "ending";
    if (this.#sending === undefined) this.#finish();
  }

  /** Closes the connection at once. */
  destroy(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    try {
      this.#connection.close();
    } catch {
      // Closed already after a failed read or write.
    }
    queueMicrotask(this.#events.closed);
  }

  #read(): void {
    if (this.#pending || !this.#reading || this.#held !== undefined || this.#state === "closed") return;
    this.#pending = true;
    this.#connection.read(this.#buffer).then(this.#onRead, this.#onFailure);
  }

  readonly #onRead = (length: number | null): void => {
    this.#pending = false;
    if (this.#state === "closed") return;
    if (length === null) return this.end();
    const chunk = Buffer.from(this.#buffer.slice(0, length).buffer);
    this.#resize(length);
    this.#held = chunk;
    this.#deliverHeld();
  };

  #deliverHeld(): void {
    const chunk = this.#held;
    if (chunk === undefined || !this.#reading || this.#state === "closed") return;
    this.#held = undefined;
    this.#events.data(chunk);
    this.#read();
  }

  readonly #onFailure = (): void => this.destroy();

  #send(bytes: Uint8Array): void {
    this.#sending = bytes;
    this.#connection.write(bytes).then(this.#onSent, this.#onFailure);
  }

  readonly #onSent = (length: number): void => {
    const bytes = this.#sending;
    if (this.#state === "closed" || bytes === undefined) return;
    this.#unsent -= length;
    if (length < bytes.length) return this.#send(bytes.subarray(length));
    this.#sending = undefined;
    const [next] = this.#queue;
    if (next !== undefined) {
      const all = this.#queue.length === 1 ? next : Buffer.concat(this.#queue);
      this.#queue = [];
      return this.#send(all);
    }
    if (this.#state === "ending") this.#finish();
    else this.#events.drained();
  };

  #finish(): void {
    // `closeWrite` fails if the peer has already disconnected; there is nothing left to send.
    this.#connection.closeWrite().catch(() => {}).then(() => this.destroy());
  }

  /** Enlarges the buffer after a full read, up to the maximum; halves it after many small ones. */
  #resize(length: number): void {
    const size = this.#buffer.length;
    this.#smallReads = length < size / 4 ? this.#smallReads + 1 : 0;
    if (length < size && this.#smallReads < smallReads) return;
    this.#smallReads = 0;
    const next = length === size ? Math.min(growth * size, readSizes.most) : Math.max(size / 2, readSizes.least);
    if (next !== size) this.#buffer = new Uint8Array(next);
  }
}
