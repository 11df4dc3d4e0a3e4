/**
 * Keeps an HTTP/2 session alive until the runtime has finished reading from it.
 *
 * @module
 */
import http2, { type Http2Server, type Http2Session } from "node:http2";
import type { Server } from "@grpc/grpc-js";
import { KmsError } from "../errors.ts";

/**
 * Defers the end of every session of a server until the code that runs now has returned.
 *
 * Deno 2.9 calls back while nghttp2 is in the middle of what it received: a client's GOAWAY closes the session, and the
 * last stream of a session that closes destroys it. Either frees memory that nghttp2 goes on to use; under load the
 * process then dies by SIGSEGV, or by an assertion in `find_stream_on_goaway_func`. A client that leaves politely while
 * another one works is enough.
 *
 * @returns takes in the listeners that the server has gained since the last call; call it after each `bindAsync`.
 * @throws {KmsError} `internal` if this version of grpc-js keeps its HTTP/2 servers elsewhere.
 */
export function lateCloser(server: Server): () => void {
  const known = new WeakSet<Http2Server>();
  return () => {
    for (const http2Server of http2Servers(server)) {
      if (known.has(http2Server)) continue;
      known.add(http2Server);
      http2Server.on("session", endLate);
    }
  };
}

/**
 * As {@linkcode lateCloser}, for every client session of this process: a plugin that stops says goodbye to its clients.
 * It may be called again and again.
 */
export function closeClientsLate(): void {
  const { connect } = http2;
  if (late in connect) return;
  // grpc-js calls `connect` by way of the module, and hands out no session.
  const connectLate = (...args: Parameters<typeof connect>) => {
    const session = connect(...args);
    endLate(session);
    return session;
  };
  Reflect.set(http2, "connect", Object.assign(connectLate, { [late]: true }));
}

const late = Symbol("ends its sessions late");

/** Lets `close` and `destroy` of one session return before they do anything. */
export function endLate(session: Pick<Http2Session, "close" | "closed" | "destroy">): void {
  const { close, destroy } = session;
  session.close = (callback) =>
    queueMicrotask(() => {
      // Whoever asks a second time would never be answered; without the delay grpc-js would see `closed` and not ask.
      if (session.closed) callback?.();
      else close.call(session, callback);
    });
  session.destroy = (...args) => queueMicrotask(() => destroy.apply(session, args));
}

// grpc-js hands out neither its servers nor their sessions.
function http2Servers(server: Server): Iterable<Http2Server> {
  const servers: unknown = Reflect.get(server, "http2Servers");
  if (servers instanceof Map) return servers.keys();
  throw new KmsError("internal", "Cannot serve: this version of grpc-js keeps its HTTP/2 servers where nobody looks.");
}
