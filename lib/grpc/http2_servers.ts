/**
 * The HTTP/2 servers and connections under a server of grpc-js, which hands out neither.
 *
 * @module
 */
import type { Http2Server, Http2Session, IncomingHttpHeaders } from "node:http2";
import type { Socket } from "node:net";
import type { Server } from "@grpc/grpc-js";
import { KmsError } from "../errors.ts";

/** What is to be done with each connection and each call. */
export interface ServerHooks {
  /** Told of the socket before a session reads from it. */
  readonly connection: (socket: Socket) => void;
  readonly session: (session: Http2Session) => void;
  /** Handed the headers of a call before grpc-js is. */
  readonly headers: (headers: IncomingHttpHeaders) => void;
}

/**
 * Has every connection of a server and every call met by `hooks`.
 *
 * @returns takes in the listeners that the server has gained since the last call; call it after each `bindAsync`.
 * @throws {KmsError} `internal` if this version of grpc-js keeps its HTTP/2 servers elsewhere.
 */
export function serverMeeter(server: Server, { connection, session, headers }: ServerHooks): () => void {
  const known = new WeakSet<Http2Server>();
  return () => {
    for (const http2Server of http2Servers(server)) {
      if (known.has(http2Server)) continue;
      known.add(http2Server);
      http2Server.prependListener("connection", connection);
      http2Server.on("session", session);
      http2Server.prependListener("stream", (_stream, received) => headers(received));
    }
  };
}

function http2Servers(server: Server): Iterable<Http2Server> {
  const servers: unknown = Reflect.get(server, "http2Servers");
  if (servers instanceof Map) return servers.keys();
  throw new KmsError("internal", "Cannot serve: this version of grpc-js keeps its HTTP/2 servers where nobody looks.");
}
