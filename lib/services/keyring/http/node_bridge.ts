/**
 * Carries requests of `node:http` and `node:https` to the application, and its answers back.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { IncomingMessage, ServerResponse } from "node:http";
import { KeyringError } from "../../../api/keyring/problems.ts";
import type { AnswerRequest, IncomingRequest, RequestPeer } from "./exchange.ts";

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
  return async (request, response) => {
    const gone = new AbortController();
    const abort = () => gone.abort();
    response.once("close", abort);
    stopping.addEventListener("abort", abort, { once: true });
    if (stopping.aborted) abort();
    try {
      await send(await answer(incomingOf(request, peerOf(request), gone.signal)), request, response);
    } catch {
      // The client has gone, or a stream failed after its head was sent: only the end of the connection can say so.
      response.destroy();
    } finally {
      response.removeListener("close", abort);
      stopping.removeEventListener("abort", abort);
    }
  };
}

function incomingOf(request: IncomingMessage, peer: RequestPeer, signal: AbortSignal): IncomingRequest {
  return {
    method: request.method ?? "",
    target: request.url ?? "",
    peer,
    signal,
    header(name) {
      const value = request.headers[name];
      return typeof value === "string" ? value : value?.[0];
    },
    body: (maxBytes) => bodyOf(request, maxBytes),
  };
}

async function bodyOf(request: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) throw tooLarge(maxBytes);
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

async function send(answer: Response, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (response.destroyed) return await answer.body?.cancel();
  const headers: Record<string, string> = Object.fromEntries(answer.headers);
  // The rest of a body that was not read must not be taken for the next request.
  if (!request.complete) headers.connection = "close";
  const { body } = answer;
  if (body === null || headers["content-length"] !== undefined) {
    const bytes = body === null ? undefined : Buffer.from(await answer.arrayBuffer());
    response.writeHead(answer.status, headers);
    if (request.complete) return void response.end(bytes);
    await sendEarly(bytes, request, response);
    response.end();
    return;
  }
  response.writeHead(answer.status, headers);
  response.flushHeaders();
  for await (const part of body) {
    if (!response.write(part)) await drained(response);
    if (response.destroyed) return;
  }
  response.end();
}

/** The rest of a body that is not wanted: bytes that are read of it, and milliseconds to wait for the next ones. */
const rest = { bytes: 64 << 20, idleMs: 2_000 } as const;

/**
 * Sends the answer to a request whose body is still on its way, and reads the rest of it: if the connection ended with
 * unread bytes, the kernel would drop the answer. The server's limit for the time of a request ends this as well.
 */
async function sendEarly(bytes: Buffer | undefined, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (bytes === undefined) response.flushHeaders();
  else response.write(bytes);
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
