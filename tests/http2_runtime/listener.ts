/**
 * `Http2Listener` on the runtime's HTTP/2, `node:http2`: the same streams for the same gRPC server. The suite of the
 * product's own HTTP/2 is run on it, to see whether the runtime's could take its place.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import {
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import { KmsError } from "../../lib/base/errors.ts";
import type { OnStream } from "../../lib/net/http2/connection.ts";
import type { RequestHeaders } from "../../lib/net/http2/fields.ts";
import { HpackReader } from "../../lib/net/http2/hpack.ts";
import { ServerStream } from "../../lib/net/http2/stream.ts";

export { maxConnections } from "../../lib/net/http2/listener.ts";

/** RFC 9113, section 7. */
const noError = 0;

/** The interface of `lib/net/http2/listener.ts`. */
export class Http2Listener {
  readonly #onStream: OnStream;
  readonly #onBug: (thrown: unknown) => void;
  readonly #server: Http2Server;
  readonly #sessions = new Set<ServerHttp2Session>();
  #closed: Promise<void> | undefined;

  constructor(onStream: OnStream, onBug: (thrown: unknown) => void) {
    this.#onStream = onStream;
    this.#onBug = onBug;
    this.#server = createServer();
    this.#server.on("session", (session) => {
      this.#sessions.add(session);
      session.on("error", () => {}).on("close", () => this.#sessions.delete(session));
    });
    this.#server.on("stream", (stream, headers) => this.#serve(stream as ServerHttp2Stream, headers));
  }

  listen(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const refused = (cause: unknown) =>
        reject(new KmsError("config", `Cannot listen on "${path}": the system refused the socket.`, { cause }));
      this.#server.once("error", refused).listen(path, () => {
        this.#server.off("error", refused).on("error", () => {});
        resolve();
      });
    });
  }

  async close(ms: number): Promise<void> {
    this.#closed ??= new Promise((resolve) => this.#server.close(() => resolve()));
    for (const session of this.#sessions) session.close();
    const timer = setTimeout(() => {
      for (const session of this.#sessions) session.destroy();
    }, ms);
    await this.#closed;
    clearTimeout(timer);
  }

  #serve(http2Stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const stream = new ServerStream({
      answer: (stream, answer) => {
        const { head, body, trailers } = answer;
        stream.sending = { answer, at: 0 };
        http2Stream.respond(fieldsOf(head), { waitForTrailers: true });
        http2Stream.on("wantTrailers", () => http2Stream.sendTrailers(fieldsOf(trailers)));
        http2Stream.end(body);
      },
      finish: (stream, head) => {
        stream.close();
        http2Stream.respond(fieldsOf(head), { endStream: true });
        if (!http2Stream.readableEnded) http2Stream.close(noError);
      },
    }, http2Stream.id ?? 0);
    const guarded = (work: () => void) => {
      try {
        work();
      } catch (thrown) {
        this.#onBug(thrown);
        http2Stream.session?.destroy(new Error("A handler has thrown."));
      }
    };
    http2Stream.on("error", () => {}).on("close", () => {
      const { onClosed } = stream;
      stream.close();
      guarded(() => onClosed?.());
    });
    guarded(() => {
      const receiver = this.#onStream(stream, requestHeaders(headers));
      if (!stream.closed) stream.receiver = receiver;
      http2Stream.on("data", (piece: Buffer) => guarded(() => void stream.receiver?.data(piece)));
      http2Stream.on("end", () => guarded(() => stream.receiver?.end()));
    });
  }
}

function requestHeaders(headers: IncomingHttpHeaders): RequestHeaders {
  const text = (name: string) => {
    const value = headers[name];
    return Array.isArray(value) ? value[0] : value;
  };
  return { method: text(":method") ?? "", path: text(":path") ?? "", get: text };
}

/** A block of `headerBlock` as `node:http2` takes it: it encodes it anew. */
function fieldsOf(block: Uint8Array): Record<string, string> {
  return Object.fromEntries(new HpackReader().read(Buffer.from(block)).map(({ name, value }) => [name, value]));
}
