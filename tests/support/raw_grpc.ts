/**
 * gRPC requests with arbitrary bytes and headers, which a client library would not send.
 *
 * @module
 */
import { connect } from "node:http2";
import { createConnection } from "node:net";
import { ByteWriter, concat } from "../../lib/base/bytes.ts";
import { pause } from "./processes.ts";

/** An answer: the status from headers or trailers, and all bytes of the body. */
export interface RawAnswer {
  readonly status: string;
  readonly message: string;
  readonly body: Uint8Array;
}

/** A request. `frame` is sent unchanged; {@linkcode grpcFrame} makes a valid one. */
export interface RawRequest {
  readonly path: string;
  readonly authority: string;
  readonly frame: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A message in gRPC's framing: a flag, four bytes of length, the bytes. */
export function grpcFrame(message: Uint8Array): Uint8Array {
  return new ByteWriter(5 + message.length).uint8(0).field(message).written().slice();
}

/** Sends one request over a new connection. */
export function rawCall(socket: string, request: RawRequest): Promise<RawAnswer> {
  const session = connect(`http://localhost`, { createConnection: () => createConnection(socket) });
  const answer = new Promise<RawAnswer>((resolve, reject) => {
    session.on("error", reject);
    const stream = session.request({
      ":method": "POST",
      ":path": request.path,
      ":authority": request.authority,
      "content-type": "application/grpc",
      te: "trailers",
      ...request.headers,
    });
    const seen: Record<string, unknown> = {};
    const chunks: Uint8Array[] = [];
    stream.on("response", (headers) => Object.assign(seen, headers));
    stream.on("trailers", (headers) => Object.assign(seen, headers));
    stream.on("data", (chunk: Uint8Array) => chunks.push(chunk));
    stream.on("error", reject);
    stream.on("close", () =>
      resolve({
        status: String(seen["grpc-status"]),
        message: decodeURIComponent(String(seen["grpc-message"] ?? "")),
        body: concat(...chunks),
      }));
    stream.end(request.frame);
  });
  return answer.finally(() => session.destroy());
}

/**
 * Waits for the end of grpc-js's reconnect timers. A channel that could not connect leaves one, for at most the backoff in
 * `lib/net/grpc/client.ts`.
 */
export function backedOff(): Promise<void> {
  return pause(700);
}
