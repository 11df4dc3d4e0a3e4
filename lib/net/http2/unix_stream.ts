/**
 * Adapts a connection that Deno accepted to a `Duplex` of `node:stream`.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { Duplex } from "node:stream";

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

type Done = (error?: Error | null) => void;

/**
 * A stream over one connection. It ends its writable side after its peer has ended, as sockets of `node:net` do.
 *
 * Each chunk is a copy of exactly the bytes that were received, so that a reference to a part of it retains no larger
 * buffer.
 */
export class UnixStream extends Duplex {
  readonly #connection: AcceptedConnection;
  #buffer = new Uint8Array(readSizes.least);
  #smallReads = 0;

  constructor(connection: AcceptedConnection) {
    super({ allowHalfOpen: false });
    this.#connection = connection;
  }

  override _read(): void {
    this.#connection.read(this.#buffer).then((length) => {
      if (this.destroyed) return;
      if (length === null) return void this.push(null);
      const chunk = Buffer.from(this.#buffer.slice(0, length).buffer);
      this.#resize(length);
      this.push(chunk);
    }, (thrown) => this.destroy(asError(thrown)));
  }

  override _write(chunk: Uint8Array, _encoding: string, done: Done): void {
    this.#writeAll(chunk).then(() => done(), (thrown) => done(asError(thrown)));
  }

  override _writev(chunks: { readonly chunk: Uint8Array }[], done: Done): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), "", done);
  }

  override _final(done: Done): void {
    // `closeWrite` fails if the peer has already disconnected; there is nothing left to send.
    this.#connection.closeWrite().then(() => done(), () => done());
  }

  override _destroy(error: Error | null, done: Done): void {
    try {
      this.#connection.close();
    } catch {
      // Closed already after a failed read or write.
    }
    done(error);
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.#connection.write(at === 0 ? bytes : bytes.subarray(at));
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

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error("the connection failed");
}
