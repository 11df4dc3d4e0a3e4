/**
 * A connection that Deno accepted, as a stream of Node's: what reads, waits and writes need not know the difference.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { Duplex } from "node:stream";

/** What a read asks for, in bytes: little while a connection is quiet, since each idle one keeps that much. */
const readSizes = { least: 2 << 10, most: 64 << 10 } as const;

/** What a connection has that Deno accepted. */
export type AcceptedConnection = Pick<Deno.Conn, "read" | "write" | "close" | "closeWrite">;

type Done = (error?: Error | null) => void;

/**
 * A stream over one connection. It ends its writing side when its peer has ended, as sockets of `node:net` do.
 *
 * A chunk that it hands on is a copy of exactly the bytes that came: whoever keeps a part of it keeps no larger buffer.
 */
export class UnixStream extends Duplex {
  readonly #connection: AcceptedConnection;
  #buffer = new Uint8Array(readSizes.least);

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
    // A peer that has gone already has nothing left to be told.
    this.#connection.closeWrite().then(() => done(), () => done());
  }

  override _destroy(error: Error | null, done: Done): void {
    try {
      this.#connection.close();
    } catch {
      // It was closed by a failure of its own.
    }
    done(error);
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.#connection.write(at === 0 ? bytes : bytes.subarray(at));
  }

  /** A full read asks for more the next time, a small one for less. */
  #resize(length: number): void {
    const size = this.#buffer.length;
    const next = length === size ? Math.min(2 * size, readSizes.most) : length < size / 4 ? size / 2 : size;
    if (next !== size && next >= readSizes.least) this.#buffer = new Uint8Array(next);
  }
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error("the connection failed");
}
