/**
 * Carries requests of `node:http` and `node:https` to the application, and its answers back.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { IncomingMessage, ServerResponse } from "node:http";
import { KeyringError } from "../../../api/keyring/problems.ts";
import type { AnswerRequest, ApiAnswer, IncomingRequest, RequestPeer } from "./exchange.ts";

/** A listener of `request` events; its promise is fulfilled when the answer was sent or its client has gone. */
export type NodeRequestListener = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/**
 * @param peerOf the client of a connection. It is asked at each request, and never keeps a right between two of them.
 * @param stopping aborted when streams must end, since the server stops.
 */
export function nodeListener(
  answer: AnswerRequest,
  peerOf: (request: IncomingMessage) => RequestPeer,
  stopping: AbortSignal,
): NodeRequestListener {
  const open = new Set<NodeRequest>();
  // One listener for all requests: each costs as much as a part of an answer.
  stopping.addEventListener("abort", () => open.forEach((one) => one.abort()), { once: true });
  return async (request, response) => {
    const incoming = new NodeRequest(request, response, peerOf(request));
    open.add(incoming);
    if (stopping.aborted) incoming.abort();
    try {
      await send(await answer(incoming), request, response);
    } catch {
      // The client has gone, or a stream failed after its head was sent: only the end of the connection can say so.
      response.destroy();
    } finally {
      open.delete(incoming);
      incoming.release();
    }
  };
}

/** A request. Its signal is made when it is asked for. */
class NodeRequest implements IncomingRequest {
  readonly method: string;
  readonly target: string;
  readonly peer: RequestPeer;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #onClose = () => this.abort();
  #gone: AbortController | undefined;
  #isGone = false;

  constructor(request: IncomingMessage, response: ServerResponse, peer: RequestPeer) {
    this.method = request.method ?? "";
    this.target = request.url ?? "";
    this.peer = peer;
    this.#request = request;
    this.#response = response;
  }

  get signal(): AbortSignal {
    if (this.#gone === undefined) {
      this.#gone = new AbortController();
      this.#response.once("close", this.#onClose);
      if (this.#isGone || this.#response.closed) this.#gone.abort();
    }
    return this.#gone.signal;
  }

  header(name: string): string | undefined {
    const value = this.#request.headers[name];
    return typeof value === "string" ? value : value?.[0];
  }

  body(maxBytes: number): Promise<Uint8Array> {
    return bodyOf(this.#request, maxBytes);
  }

  /** The client has gone, or the server stops. */
  abort(): void {
    this.#isGone = true;
    this.#gone?.abort();
  }

  /** Call it after the answer. */
  release(): void {
    this.#response.removeListener("close", this.#onClose);
  }
}

async function bodyOf(request: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) throw tooLarge(maxBytes);
  // A request without a body is complete with its head.
  if (request.complete && request.readableLength === 0) return new Uint8Array(0);
  const parts: Buffer[] = [];
  let length = 0;
  try {
    // To destroy the request would end the connection before the answer.
    for await (const part of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      length += part.length;
      if (length > maxBytes) throw tooLarge(maxBytes);
      parts.push(part);
    }
  } catch (thrown) {
    if (thrown instanceof KeyringError) throw thrown;
    throw new KeyringError("request_invalid", "The body is refused: the client ended it early.", { cause: thrown });
  }
  return Buffer.concat(parts, length);
}

function tooLarge(maxBytes: number): KeyringError {
  return maxBytes <= 2
    ? new KeyringError("request_invalid", "The body is refused: this route takes none.")
    : new KeyringError("too_large", `The body is refused: it is longer than ${maxBytes} bytes; send less.`);
}

async function send(answer: ApiAnswer, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { status, headers, body = "" } = answer;
  const isWhole = typeof body === "string" || body instanceof Uint8Array;
  if (response.destroyed) return isWhole ? undefined : await abandon(body);
  // The rest of a body that was not read must not be taken for the next request.
  const all = request.complete ? { ...headers } : { ...headers, connection: "close" };
  if (!isWhole) {
    response.writeHead(status, all);
    return await sendStream(body, response);
  }
  const length = status === 204 ? {} : { "content-length": String(Buffer.byteLength(body)) };
  response.writeHead(status, { ...all, ...length });
  // A text is written together with the head, bytes are not.
  if (request.complete) return void (status === 204 ? response.end() : response.end(body));
  await sendEarly(status === 204 ? "" : body, request, response);
  response.end();
}

async function sendStream(body: AsyncIterable<Uint8Array>, response: ServerResponse): Promise<void> {
  response.flushHeaders();
  for await (const part of body) {
    if (!response.write(part)) await drained(response);
    if (response.destroyed) return;
  }
  response.end();
}

/** Ends a stream that nobody reads. */
async function abandon(body: AsyncIterable<Uint8Array>): Promise<void> {
  await body[Symbol.asyncIterator]().return?.();
}

/** The rest of a body that is not wanted: bytes that are read of it, and milliseconds to wait for the next ones. */
const rest = { bytes: 64 << 20, idleMs: 2_000 } as const;

/**
 * Sends the answer to a request whose body is still on its way, and reads the rest of it: if the connection ended with
 * unread bytes, the kernel would drop the answer. The server's limit for the time of a request ends this as well.
 */
async function sendEarly(
  body: string | Uint8Array,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (body.length === 0) response.flushHeaders();
  else response.write(body);
  let length = 0;
  await new Promise<void>((resolve) => {
    request.on("data", (part: Buffer) => {
      length += part.length;
      if (length > rest.bytes) resolve();
    });
    for (const end of ["end", "close", "error"]) request.once(end, () => resolve());
    response.once("close", () => resolve());
    request.socket.setTimeout(rest.idleMs, resolve);
    request.resume();
  });
}

/** Waits until a response takes more, or its client has gone. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.removeListener("drain", done);
      response.removeListener("close", done);
      resolve();
    };
    if (response.destroyed) return resolve();
    response.once("drain", done);
    response.once("close", done);
  });
}
