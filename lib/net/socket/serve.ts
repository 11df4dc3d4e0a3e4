/**
 * A gRPC server on its socket.
 *
 * @module
 */
import type { RpcServer } from "../grpc/server.ts";
import { holdSocket, type SocketOptions } from "./socket.ts";

/**
 * A server on its socket. Disposing of it cancels the calls in progress; {@linkcode SocketServer.shutdown} waits for them.
 */
export interface SocketServer extends AsyncDisposable {
  /** The path of the socket. */
  readonly path: string;
  /** Resolves when a successor has taken the path over. The process should then call `shutdown` and exit with status 0. */
  readonly takenOver: Promise<void>;
  /** The reason why the socket does not answer, in one sentence; `""` unless that has lasted for 30 seconds. */
  complaint(): string;
  /**
   * Removes the socket if it is still ours, releases the lock, sends GOAWAY, and waits for the calls in progress. Further
   * calls return the promise of the first one.
   *
   * @param deadlineMs milliseconds until calls in progress are cancelled.
   */
  shutdown(deadlineMs: number): Promise<void>;
}

/**
 * Serves on a Unix socket.
 *
 * @param server a server that does not listen yet. The result shuts it down.
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
