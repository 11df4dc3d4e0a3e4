/**
 * One call of gRPC on one stream of HTTP/2: a message comes, a message or a status goes.
 *
 * Source: "gRPC over HTTP2" of the gRPC project (`Requests`, `Responses`), with one message each way.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { KmsError } from "../errors.ts";
import { acceptedEncodings, type Fault, faults, framed, FrameReader } from "./frame.ts";
import { type CallTimes, type RpcCall, StreamCall } from "./rpc_call.ts";
import { type RpcStatus, rpcStatus } from "./status.ts";
import { statuses } from "./statuses.ts";

/** A request: under KMS v2 it may have a name for the logs. */
type Request = { readonly uid?: unknown };

/** One method that is served. */
export interface Route {
  /** `/` service `/` method. */
  readonly path: string;
  /** @throws {Error} for bytes that are not the message: the caller's fault, who is told so. */
  readonly decode: (message: Buffer) => Request;
  readonly encode: (answer: unknown) => Uint8Array;
  /** Answers at once or later, or throws. */
  readonly handler: (request: unknown, call: RpcCall) => unknown;
}

/** Told of a request that is not the message it should be; it is refused with `error` without reaching a handler. */
export type Unreadable = (path: string, error: KmsError, call: RpcCall) => void;

/** What all calls share. */
export interface CallContext extends CallTimes {
  readonly unreadable: Unreadable;
}

const contentType = "application/grpc";
const head = { ":status": 200, "content-type": "application/grpc+proto" } as const;
const good = { "grpc-status": String(statuses.OK) } as const;

/** Answers a call for something that is not served. */
export function refuseUnknown(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
  listenForErrors(stream);
  if (!isGrpc(headers)) return refuseHttp(stream);
  // Whoever asks knows what he has asked for: a path may hold anything, and be long.
  refuse(stream, {
    code: statuses.UNIMPLEMENTED,
    details: "Cannot answer: this service or method is not served here.",
  });
}

/** Reads the request of a call, has it answered, and sends the answer. */
export function serveUnary(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  route: Route,
  context: CallContext,
): void {
  listenForErrors(stream);
  if (!isGrpc(headers)) return refuseHttp(stream);
  const timeout = first(headers["grpc-timeout"]);
  const begun = (uid?: unknown) => new StreamCall(stream, { timeout, uid }, context);
  const reader = new FrameReader();
  stream.on("data", (piece: Buffer) => {
    if (reader.add(piece)) return;
    stream.removeAllListeners("data").removeAllListeners("end");
    refuseFault(stream, "too_large", route, context.unreadable, begun());
  });
  stream.on("end", () => {
    const request = decoded(reader.message(first(headers["grpc-encoding"])), route);
    if (typeof request === "string") refuseFault(stream, request, route, context.unreadable, begun());
    else handle(stream, request, route, begun(request.uid));
  });
}

function decoded(message: Buffer | Fault, { decode }: Route): Request | Fault {
  if (typeof message === "string") return message;
  try {
    return decode(message);
  } catch {
    return "malformed";
  }
}

/** No promise is made for an answer that is there at once: Status and Encrypt stay on the fast path. */
function handle(stream: ServerHttp2Stream, request: Request, { encode, handler }: Route, call: StreamCall): void {
  const answer = (value: unknown) => {
    call[Symbol.dispose]();
    try {
      send(stream, encode(value));
    } catch (thrown) {
      fail(thrown);
    }
  };
  const fail = (thrown: unknown) => {
    call[Symbol.dispose]();
    refuse(stream, rpcStatus(thrown, call.uid));
  };
  try {
    const value = handler(request, call);
    if (value instanceof Promise) value.then(answer, fail);
    else answer(value);
  } catch (thrown) {
    fail(thrown);
  }
}

function refuseFault(
  stream: ServerHttp2Stream,
  fault: Fault,
  { path }: Route,
  unreadable: Unreadable,
  begun: StreamCall,
): void {
  using call = begun;
  const { status, why } = faults[fault];
  const error = new KmsError("request_invalid", `Cannot read the request to ${path}: ${why}.`);
  unreadable(path, error, call);
  refuse(stream, { code: status, details: error.message });
}

function send(stream: ServerHttp2Stream, message: Uint8Array): void {
  if (isGone(stream)) return;
  stream.respond(head, { waitForTrailers: true });
  stream.on("wantTrailers", sendGood);
  stream.end(framed(message));
}

function sendGood(this: ServerHttp2Stream): void {
  if (!isGone(this)) this.sendTrailers(good);
}

function refuse(stream: ServerHttp2Stream, { code, details }: RpcStatus): void {
  if (isGone(stream)) return;
  // An answer that was begun cannot be taken back, only broken off.
  if (stream.headersSent) return stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  stream.respond({
    ...head,
    "grpc-status": String(code),
    "grpc-message": encodeURI(details),
    "grpc-accept-encoding": acceptedEncodings,
  }, { endStream: true });
  leave(stream);
}

/** What a client that does not speak gRPC is told, "Unsupported Media Type". */
function refuseHttp(stream: ServerHttp2Stream): void {
  stream.respond({ ":status": 415 }, { endStream: true });
  leave(stream);
}

/** Reads no more of a request that is answered: whoever goes on sending is told to stop (RFC 9113, section 8.1). */
function leave(stream: ServerHttp2Stream): void {
  if (stream.readableEnded) return;
  stream.resume();
  stream.close(constants.NGHTTP2_NO_ERROR);
}

function isGrpc({ ":method": method, "content-type": type = "" }: IncomingHttpHeaders): boolean {
  return method === "POST" && type.startsWith(contentType);
}

function isGone({ closed, destroyed }: ServerHttp2Stream): boolean {
  return closed || destroyed;
}

/** A stream that fails closes as well, and whoever waits is told then; without a listener it would end the process. */
function listenForErrors(stream: ServerHttp2Stream): void {
  stream.on("error", () => {});
}

function first(header: string | readonly string[] | undefined): string | undefined {
  return typeof header === "string" ? header : header?.[0];
}
