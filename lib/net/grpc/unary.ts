/**
 * One unary gRPC call on one HTTP/2 stream: receives one message, sends one message or a status.
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
import { acceptedEncodings, type Fault, faults, GrpcMessageReader, prefixSize, withPrefix } from "./message_reader.ts";
import { type CallTimes, type RpcCall, StreamCall } from "./rpc_call.ts";
import { type RpcStatus, rpcStatus } from "./status.ts";
import { statuses } from "./codes.ts";

/** A decoded request. Requests of KMS v2 have a uid, which names the call in logs. */
type Request = { readonly uid?: unknown };

/** One served method. */
export interface Route {
  /** `/` service `/` method: the `:path` of a call. */
  readonly path: string;
  /** @throws {Error} for bytes that are not the message. The call is refused with INVALID_ARGUMENT. */
  readonly decode: (message: Buffer) => Request;
  /** @param headroom number of bytes to leave free in front of the message. */
  readonly encode: (answer: unknown, headroom: number) => Buffer;
  /** Returns the answer or a promise of it, or throws. */
  readonly handler: (request: unknown, call: RpcCall) => unknown;
}

/** Called for a request that cannot be decoded. It is refused with `error` and reaches no handler. */
export type Unreadable = (path: string, error: KmsError, call: RpcCall) => void;

/** The context of all calls of a server. */
export interface CallContext extends CallTimes {
  /** Whether calls are traced: then the header `traceparent` is read. */
  readonly traced: boolean;
  readonly unreadable: Unreadable;
}

/** The content types of gRPC. `application/grpc-web` and others that only begin alike are excluded. */
const contentType = /^application\/grpc($|[+;])/;
/** Maximum size of `grpc-message` in bytes: half of the limit of some clients for all headers. */
const maxMessage = 4096;
const headFields = [[":status", "200"], ["content-type", "application/grpc+proto"]] as const;
const head = headerBlock(headFields);
const good = headerBlock([["grpc-status", String(statuses.OK)]]);
/** The answer to a client that does not use gRPC: "Unsupported Media Type". */
const unsupported = headerBlock([[":status", "415"]]);

/** Answers a call of a path that is not served with UNIMPLEMENTED. */
export function refuseUnknown(stream: ServerStream, headers: RequestHeaders): undefined {
  if (!isGrpc(headers)) return void stream.finish(unsupported);
  // The path is not repeated in the message: it can be long and hold any bytes.
  const details = "Cannot answer: this service or method is not served here.";
  refuse(stream, { code: statuses.UNIMPLEMENTED, details });
}

/** Answers a call once its request is complete. @returns the receiver of the request's body. */
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
  readonly #traceparent: string | undefined;
  readonly #route: Route;
  readonly #context: CallContext;
  readonly #reader: GrpcMessageReader;

  constructor(stream: ServerStream, headers: RequestHeaders, route: Route, context: CallContext) {
    this.#stream = stream;
    // The headers are not kept, because an incomplete request can stay open for long.
    this.#timeout = headers.get("grpc-timeout");
    this.#traceparent = context.traced ? headers.get("traceparent") : undefined;
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
    const sent = { timeout: this.#timeout, uid, traceparent: this.#traceparent };
    return new StreamCall(this.#stream, sent, this.#context);
  }

  /** A synchronous answer is sent without a promise, which keeps Status and Encrypt fast. */
  #handle(request: Request, call: StreamCall): void {
    try {
      const value = this.#route.handler(request, call);
      if (value instanceof Promise) {
        value.then((answer) => this.#answer(answer, call), (thrown) => this.#fail(thrown, call));
      } else this.#answer(value, call);
    } catch (thrown) {
      this.#fail(thrown, call);
    }
  }

  #answer(value: unknown, call: StreamCall): void {
    call[Symbol.dispose]();
    try {
      this.#stream.answer({ head, body: withPrefix(this.#route.encode(value, prefixSize)), trailers: good });
    } catch (thrown) {
      this.#fail(thrown, call);
    }
  }

  #fail(thrown: unknown, call: StreamCall): void {
    call[Symbol.dispose]();
    refuse(this.#stream, rpcStatus(thrown, call.uid));
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

/** Percent-encodes a message for `grpc-message`. A UTF-16 unit takes at most nine bytes. */
function encoded(details: string): string {
  const text = encodeURI(details);
  if (text.length <= maxMessage) return text;
  return encodeURI(details.slice(0, Math.floor(maxMessage / 9)).toWellFormed());
}

function isGrpc(headers: RequestHeaders): boolean {
  if (headers.method !== "POST") return false;
  const sent = headers.get("content-type") ?? "";
  // The usual value needs no pattern.
  return sent === "application/grpc" || contentType.test(sent);
}
