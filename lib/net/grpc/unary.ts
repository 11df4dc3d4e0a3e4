/**
 * One call of gRPC on one stream of HTTP/2: a message comes, a message or a status goes.
 *
 * Source: "gRPC over HTTP2" of the gRPC project (`Requests`, `Responses`), with one message each way.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import { KmsError } from "../../base/errors.ts";
import type { RequestHeaders } from "../http2/fields.ts";
import { headerBlock } from "../http2/hpack.ts";
import type { ServerStream, StreamReceiver } from "../http2/stream.ts";
import { acceptedEncodings, type Fault, faults, framed, GrpcMessageReader } from "./message_reader.ts";
import { type CallTimes, type RpcCall, StreamCall } from "./rpc_call.ts";
import { type RpcStatus, rpcStatus } from "./status.ts";
import { statuses } from "./codes.ts";

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

/** gRPC itself, and not gRPC-Web or whatever else begins like it. */
const contentType = /^application\/grpc($|[+;])/;
/** Bytes: half of what some clients take of headers in all. */
const maxMessage = 4096;
const headFields = [[":status", "200"], ["content-type", "application/grpc+proto"]] as const;
const head = headerBlock(headFields);
const good = headerBlock([["grpc-status", String(statuses.OK)]]);
/** What a client that does not speak gRPC is told, "Unsupported Media Type". */
const unsupported = headerBlock([[":status", "415"]]);

/** Answers a call for something that is not served. */
export function refuseUnknown(stream: ServerStream, headers: RequestHeaders): undefined {
  if (!isGrpc(headers)) return void stream.finish(unsupported);
  // Whoever asks knows what he has asked for: a path may hold anything, and be long.
  const details = "Cannot answer: this service or method is not served here.";
  refuse(stream, { code: statuses.UNIMPLEMENTED, details });
}

/** Has a call answered, once its request has come. */
export function serveUnary(
  stream: ServerStream,
  headers: RequestHeaders,
  route: Route,
  context: CallContext,
): StreamReceiver | undefined {
  if (isGrpc(headers)) return new UnaryCall(stream, headers, route, context);
  stream.finish(unsupported);
}

class UnaryCall implements StreamReceiver {
  readonly #stream: ServerStream;
  readonly #timeout: string | undefined;
  readonly #route: Route;
  readonly #context: CallContext;
  readonly #reader: GrpcMessageReader;

  constructor(stream: ServerStream, headers: RequestHeaders, route: Route, context: CallContext) {
    this.#stream = stream;
    // The headers themselves are not kept: a request may never end.
    this.#timeout = headers.get("grpc-timeout");
    this.#route = route;
    this.#context = context;
    this.#reader = new GrpcMessageReader(headers.get("grpc-encoding"));
  }

  data(piece: Buffer): number {
    const { held } = this.#reader;
    const fault = this.#reader.add(piece);
    if (fault !== undefined) this.#refuseFault(fault);
    return this.#reader.held - held;
  }

  end(): void {
    const request = this.#decoded(this.#reader.message());
    if (typeof request === "string") this.#refuseFault(request);
    else this.#handle(request, this.#begun(request.uid));
  }

  #decoded(message: Buffer | Fault): Request | Fault {
    if (typeof message === "string") return message;
    try {
      return this.#route.decode(message);
    } catch {
      return "malformed";
    }
  }

  #begun(uid?: unknown): StreamCall {
    return new StreamCall(this.#stream, { timeout: this.#timeout, uid }, this.#context);
  }

  /** No promise is made for an answer that is there at once: Status and Encrypt stay on the fast path. */
  #handle(request: Request, call: StreamCall): void {
    const fail = (thrown: unknown) => {
      call[Symbol.dispose]();
      refuse(this.#stream, rpcStatus(thrown, call.uid));
    };
    const answer = (value: unknown) => {
      call[Symbol.dispose]();
      try {
        this.#stream.answer({ head, body: framed(this.#route.encode(value)), trailers: good });
      } catch (thrown) {
        fail(thrown);
      }
    };
    try {
      const value = this.#route.handler(request, call);
      if (value instanceof Promise) value.then(answer, fail);
      else answer(value);
    } catch (thrown) {
      fail(thrown);
    }
  }

  #refuseFault(fault: Fault): void {
    using call = this.#begun();
    const { status, why } = faults[fault];
    const error = new KmsError("request_invalid", `Cannot read the request to ${this.#route.path}: ${why}.`);
    this.#context.unreadable(this.#route.path, error, call);
    refuse(this.#stream, { code: status, details: error.message });
  }
}

function refuse(stream: ServerStream, { code, details }: RpcStatus): void {
  stream.finish(headerBlock([
    ...headFields,
    ["grpc-status", String(code)],
    ["grpc-message", encoded(details)],
    ["grpc-accept-encoding", acceptedEncodings],
  ]));
}

/** As gRPC wants it, percent-encoded: a character takes nine bytes at the most. */
function encoded(details: string): string {
  const text = encodeURI(details);
  if (text.length <= maxMessage) return text;
  return encodeURI(details.slice(0, Math.floor(maxMessage / 9)).toWellFormed());
}

function isGrpc(headers: RequestHeaders): boolean {
  return headers.method === "POST" && contentType.test(headers.get("content-type") ?? "");
}
