/**
 * A gRPC client that keeps as many concurrent calls open as the server permits, and measures each. It sends only
 * well-formed requests.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { frameFlags, FrameWriter, preface, settingIds } from "../../lib/net/http2/frames.ts";

/** Options of calls. */
export interface CallOptions {
  /** `/` service `/` method. */
  readonly path: string;
  /** The message, without gRPC's prefix. */
  readonly message: Uint8Array;
  /** Number of concurrent calls. */
  readonly inFlight: number;
  /** No new calls are made after it fires; calls in progress are awaited. */
  readonly signal: AbortSignal;
  /** Bytes of body in one DATA frame; all if left out. */
  readonly frameBytes?: number;
  /** Milliseconds between two calls of each caller; 0 if left out. */
  readonly restMs?: number;
  /** Total number of calls; unlimited until the signal fires if left out. */
  readonly calls?: number;
}

/** The results of calls. Latencies are in milliseconds. */
export interface CallFigures {
  readonly calls: number;
  readonly failed: number;
  readonly failure: string | undefined;
  readonly seconds: number;
  readonly p50: number;
  readonly p99: number;
  readonly slowest: number;
}

/** Figures of the latencies of calls. */
export function figuresOf(latencies: readonly number[], failures: readonly string[], seconds: number): CallFigures {
  const sorted = latencies.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
  return {
    calls: sorted.length,
    failed: failures.length,
    failure: failures[0],
    seconds,
    p50: at(0.5),
    p99: at(0.99),
    slowest: sorted.at(-1) ?? NaN,
  };
}

interface Open {
  readonly settle: (failure: string | undefined) => void;
  failure: string | undefined;
}

const { END_STREAM, END_HEADERS, ACK } = frameFlags;
const largestWindow = 2 ** 31 - 1;
const frameHead = 9;
/** The field `grpc-status` with its value, without Huffman coding, as our server writes it. */
const statusField = /grpc-status.(\d\d?)/s;
/** The first index of HPACK's dynamic table. */
const firstLearnt = 62;

/** One connection. Disposing of it closes it. */
export class PipelinedClient implements AsyncDisposable {
  readonly #socket: Deno.Conn;
  readonly #writer = new FrameWriter(() => void Promise.resolve().then(() => this.#flush()));
  readonly #open = new Map<number, Open>();
  readonly #paths = new Map<string, Buffer>();
  readonly #reading: Promise<void>;
  #next = 1;
  #writing: Promise<void> = Promise.resolve();
  #isWriting = false;
  #rest: Buffer = Buffer.alloc(0);
  #ended: string | undefined;

  private constructor(socket: Deno.Conn) {
    this.#socket = socket;
    this.#reading = this.#read();
  }

  /** Connects to a Unix socket, with the largest receive window of HTTP/2. */
  static async dial(path: string): Promise<PipelinedClient> {
    const client = new PipelinedClient(await Deno.connect({ transport: "unix", path }));
    client.#writer.settings([[settingIds.INITIAL_WINDOW_SIZE, largestWindow]]);
    client.#writer.windowUpdate(0, largestWindow - 65_535);
    await client.#send(Buffer.from(preface));
    return client;
  }

  /** The reason for the end of the connection; `undefined` while it is open. */
  get ended(): string | undefined {
    return this.#ended;
  }

  /** Makes calls until their number is reached or the signal fires. */
  async run(options: CallOptions): Promise<CallFigures> {
    const latencies: number[] = [];
    const failures: string[] = [];
    const began = performance.now();
    let left = options.calls ?? Infinity;
    const caller = async () => {
      while (left-- > 0 && !options.signal.aborted && this.#ended === undefined) {
        const at = performance.now();
        const failure = await this.call(options);
        latencies.push(performance.now() - at);
        if (failure !== undefined) failures.push(failure);
        if (options.restMs) await new Promise((resolve) => setTimeout(resolve, options.restMs));
      }
    };
    await Promise.all(Array.from({ length: options.inFlight }, caller));
    return figuresOf(latencies, failures, (performance.now() - began) / 1000);
  }

  /** Makes one call. @returns the reason of its failure; `undefined` if it was answered with OK. */
  call(
    { path, message, frameBytes }: Pick<CallOptions, "path" | "message" | "frameBytes">,
  ): Promise<string | undefined> {
    if (this.#ended !== undefined) return Promise.resolve(this.#ended);
    const stream = this.#next;
    this.#next += 2;
    this.#writer.frame("HEADERS", END_HEADERS, stream, this.#block(path));
    const body = Buffer.alloc(5 + message.length);
    body.writeUInt32BE(message.length, 1);
    body.set(message, 5);
    const step = frameBytes ?? body.length;
    for (let from = 0; from < body.length; from += step) {
      const to = Math.min(body.length, from + step);
      this.#writer.frame("DATA", to === body.length ? END_STREAM : 0, stream, body, from, to);
    }
    return new Promise((settle) => this.#open.set(stream, { settle, failure: undefined }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended === undefined) this.#end("closed by the test");
    await this.#reading;
    await this.#writing.catch(() => {});
  }

  /** The header block: the first call on a path adds the fields to the dynamic table, later calls use their indexes. */
  #block(path: string): Buffer {
    const known = this.#paths.get(path);
    if (known !== undefined) return known;
    if (this.#paths.size > 0) throw new Error("A connection of this client calls one method.");
    const fields = [
      [":path", path],
      [":authority", "localhost"],
      ["content-type", "application/grpc"],
      [
        "user-agent",
        "test",
      ],
      ["te", "trailers"],
      ["grpc-timeout", "30S"],
    ] as const;
    const literal = (text: string) => Buffer.from([text.length, ...Buffer.from(text)]);
    const first = fields.flatMap(([name, value]) => [Buffer.of(0x40), literal(name), literal(value)]);
    // :method POST and :scheme http are in the static table.
    const later = fields.map((_, at) => 0x80 | (firstLearnt + fields.length - 1 - at));
    this.#paths.set(path, Buffer.of(0x83, 0x86, ...later));
    return Buffer.concat([Buffer.of(0x83, 0x86), ...first]);
  }

  #flush(): void {
    if (this.#isWriting || this.#ended !== undefined) return;
    const bytes = this.#writer.take();
    if (bytes === undefined) return;
    this.#isWriting = true;
    this.#writing = this.#send(bytes).catch((error) => this.#end(`${error}`)).finally(() => {
      this.#isWriting = false;
      this.#flush();
    });
  }

  async #send(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.#socket.write(bytes.subarray(at));
  }

  async #read(): Promise<void> {
    const piece = Buffer.alloc(1 << 18);
    try {
      for (let size = await this.#socket.read(piece); size !== null; size = await this.#socket.read(piece)) {
        this.#take(piece.subarray(0, size));
      }
      this.#end("the server closed the connection");
    } catch (error) {
      this.#end(`${error}`);
    }
  }

  #take(read: Buffer): void {
    const bytes = Buffer.concat([this.#rest, read]);
    let at = 0;
    for (let to = 0; bytes.length - at >= frameHead; at = to) {
      to = at + frameHead + bytes.readUIntBE(at, 3);
      if (to > bytes.length) break;
      this.#frame(
        bytes[at + 3] ?? 0,
        bytes[at + 4] ?? 0,
        bytes.readUInt32BE(at + 5),
        bytes.subarray(at + frameHead, to),
      );
    }
    this.#rest = bytes.subarray(at);
  }

  #frame(type: number, flags: number, stream: number, payload: Buffer): void {
    const open = this.#open.get(stream);
    const status = type === 1 ? statusField.exec(payload.toString("latin1")) : null;
    if (open !== undefined && status !== null) {
      const [, code] = status;
      if (code !== "0") open.failure = `status ${code}`;
    }
    if (type === 3) this.#settle(stream, `RST_STREAM ${payload.readUInt32BE(0)}`);
    else if (type <= 1 && (flags & END_STREAM) !== 0) this.#settle(stream, open?.failure);
    else if (type === 4 && (flags & ACK) === 0) this.#writer.frame("SETTINGS", ACK, 0, Buffer.alloc(0));
    else if (type === 6 && (flags & ACK) === 0) this.#writer.frame("PING", ACK, 0, Buffer.from(payload));
    else if (type === 7 && payload.readUInt32BE(4) !== 0) this.#end(`GOAWAY ${payload.readUInt32BE(4)}`);
  }

  #settle(stream: number, failure: string | undefined): void {
    const open = this.#open.get(stream);
    this.#open.delete(stream);
    open?.settle(failure);
  }

  #end(why: string): void {
    if (this.#ended !== undefined) return;
    this.#ended = why;
    try {
      this.#socket.close();
    } catch {
      // The socket is closed already.
    }
    for (const stream of [...this.#open.keys()]) this.#settle(stream, why);
  }
}
