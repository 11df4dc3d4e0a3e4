/**
 * A gRPC server on its socket.
 *
 * @module
 */
import type { RpcServer } from "../grpc/server.ts";
import { holdSocket, type SocketOptions } from "./socket.ts";

/** A server that serves. Disposing of it cuts off the calls in flight; {@linkcode SocketServer.shutdown} lets them end. */
export interface SocketServer extends AsyncDisposable {
  readonly path: string;
  /** Resolves when a successor has taken the path over: call `shutdown` and leave with status 0. */
  readonly takenOver: Promise<void>;
  /** Why nothing is answered on the socket, in one sentence; `""` unless that has been so for 30 seconds. */
  complaint(): string;
  /**
   * Removes the socket if it is still ours, sends GOAWAY, waits for the calls in flight, and gives up the lock. It may
   * be called twice; the first call counts.
   *
   * @param deadlineMs milliseconds until what is still in flight is cut off.
   */
  shutdown(deadlineMs: number): Promise<void>;
}

/**
 * Serves on a Unix socket.
 *
 * @param server does not listen yet; the result shuts it down.
 * @throws {KmsError} `config` if the path cannot be used; the message gives the reason.
 */
export async function serveOnSocket(server: RpcServer, options: SocketOptions): Promise<SocketServer> {
  const onRefused = (code: string) => {
    const message = `The system refused to accept a connection (${code}); it is tried again.`;
    options.notify({ type: "socket", action: "accept_refused", path: options.path, message });
  };
  const socket = await holdSocket((path) => server.listen(path, onRefused), options);
  let down: Promise<void> | undefined;
  const shutdown = (deadlineMs: number) => down ??= socket.release().then(() => server.shutdown(deadlineMs));
  return {
    path: options.path,
    takenOver: socket.takenOver,
    complaint: () => socket.complaint(),
    shutdown,
    [Symbol.asyncDispose]: () => shutdown(0),
  };
}
