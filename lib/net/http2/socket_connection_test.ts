import { deepEqual } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Pool } from "./budget.ts";
import { frameFlags, FrameSplitter, FrameWriter, preface } from "./frames.ts";
import { SocketConnection } from "./socket_connection.ts";
import type { ServerStream } from "./stream.ts";
import { Turns } from "./turns.ts";
import { nothing, reply, request, wordsOf } from "../../../tests/support/http2_wire.ts";

/** A connection whose client has sent calls in one read, and the frames of each write to it. */
class Accepted implements AsyncDisposable {
  readonly writes: string[][] = [];
  readonly streams: ServerStream[] = [];
  readonly #closed = Promise.withResolvers<void>();
  readonly #connection: SocketConnection;
  readonly #read = Promise.withResolvers<void>();
  readonly #splitter = new FrameSplitter();
  #bytes: Buffer | undefined;

  constructor(onEnd: (stream: ServerStream) => void) {
    // A server sends no preface.
    this.#splitter.add(Buffer.from(preface));
    this.#connection = new SocketConnection({
      read: (into) => this.#next(into),
      write: (bytes) => {
        this.#splitter.add(Buffer.from(bytes));
        this.writes.push(wordsOf(this.#splitter));
        return Promise.resolve(bytes.length);
      },
      close() {},
      closeWrite: () => Promise.resolve(),
    }, {
      onStream: (stream) => {
        this.streams.push(stream);
        return { data: () => 0, end: () => onEnd(stream) };
      },
      onInternalError: (thrown) => this.#read.reject(thrown),
      // No time passes, so that no turn ends early on a busy machine.
      shared: { turns: new Turns({ soon: setImmediate, now: () => 0 }), pool: new Pool() },
      onClose: () => this.#closed.resolve(),
    });
  }

  /** Lets the client send that many calls, and waits until they are read. */
  async call(count: number): Promise<void> {
    const client = new FrameWriter(() => {});
    client.settings([]);
    for (let id = 1; id < 2 * count; id += 2) {
      client.headers(id, request, false);
      client.frame("DATA", frameFlags.END_STREAM, id, nothing);
    }
    this.#bytes = Buffer.concat([preface, client.take() ?? nothing]);
    await this.#read.promise;
  }

  async #next(into: Uint8Array): Promise<number> {
    // The frames that the server begins with are sent before.
    await immediate();
    const bytes = this.#bytes;
    if (bytes === undefined) return await new Promise(() => {});
    this.#bytes = undefined;
    into.set(bytes);
    queueMicrotask(() => queueMicrotask(() => queueMicrotask(() => this.#read.resolve())));
    return bytes.length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#connection.connection.abort();
    await this.#closed.promise;
  }
}

function immediate(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

const answered = ["HEADERS 1", "DATA 1 pong", "HEADERS 1 end", "HEADERS 3", "DATA 3 pong", "HEADERS 3 end"];

Deno.test("SocketConnection sends the answers of a turn in one write, without another pass of the event loop", async () => {
  await using accepted = new Accepted((stream) => stream.answer(reply));
  await accepted.call(2);
  deepEqual(accepted.writes.slice(1), [["SETTINGS ack", ...answered]]);
});

Deno.test("SocketConnection waits for the answers of calls in progress that come in the same pass", async () => {
  await using accepted = new Accepted((stream) => queueMicrotask(() => stream.answer(reply)));
  await accepted.call(2);
  await immediate();
  deepEqual(accepted.writes.slice(1), [["SETTINGS ack", ...answered]]);
});
