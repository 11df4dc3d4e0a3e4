/**
 * The API on a Unix socket.
 *
 * @module
 */
import { createServer } from "node:http";
import type { Clock } from "../../../base/clock.ts";
import { holdSocket } from "../../../net/socket/socket.ts";
import type { SocketLock } from "../../../net/socket/socket_lock.ts";
import type { Notify } from "../../../telemetry/events.ts";
import type { AnswerRequest } from "./exchange.ts";
import { nodeListener } from "./node_bridge.ts";
import { type ConnectionLimits, connectionLimits, NodeServers, serverOptions } from "./node_server.ts";

/** A listener. Disposing of it ends the connections at once. */
export interface ApiListener extends AsyncDisposable {
  /** The path of the socket, or host and port. */
  readonly address: string;
  /** The reason why the address does not answer, in one sentence; `""` unless that has lasted for 30 seconds. */
  complaint(): string;
  /** Stops listening, waits at most `ms` milliseconds for the answers in progress, and ends all connections. */
  close(ms: number): Promise<void>;
}

/** A listener on a Unix socket. */
export interface UnixListener extends ApiListener {
  /** Resolves when another process has put its socket in place of this one. */
  readonly takenOver: Promise<void>;
}

/** Options of {@linkcode openUnixListener}. */
export interface UnixListenerOptions {
  readonly path: string;
  /** Mode bits of the socket, for instance 0o600. */
  readonly mode: number;
  /** Numeric group ID of the socket. */
  readonly group?: number | undefined;
  /** Numeric user ID of the socket; that of the process if left out. */
  readonly owner?: number | undefined;
  /** The lock of the path, if it is taken already. */
  readonly lock?: SocketLock | undefined;
  /** The name by which clients of this socket are identified; `admin` for the admin socket. */
  readonly socket: string;
  readonly answer: AnswerRequest;
  readonly clock: Clock;
  readonly notify: Notify;
  readonly limits?: ConnectionLimits;
}

/**
 * Listens on a Unix socket. The socket is bound in a folder of mode 0700 and moved to its path when it has its mode, so
 * that nobody else can connect before. A socket file that no process listens on is replaced; a path on which another
 * process serves is left alone. If the process ran out of descriptors and no longer accepts, the path is bound again.
 *
 * @throws {KmsError} `config` if the path cannot be used; the message gives the reason.
 */
export async function openUnixListener(options: UnixListenerOptions): Promise<UnixListener> {
  const { path, mode, owner, group, lock, socket, clock, notify, limits = connectionLimits } = options;
  const stopping = new AbortController();
  const listener = nodeListener(options.answer, () => ({ socket }), stopping.signal);
  const servers = new NodeServers(
    (onRequest) => createServer(serverOptions(limits), onRequest),
    listener,
    limits,
    clock,
  );
  const held = await holdSocket((path) => servers.listen({ path }), {
    path,
    mode,
    owner,
    group,
    lock,
    folderMode: 0o700,
    notify,
    protocol: "http1",
  });
  let closing: Promise<void> | undefined;
  const close = (ms: number) =>
    closing ??= held.release().then(() => {
      stopping.abort();
      return servers.stop(ms);
    });
  return {
    address: path,
    takenOver: held.takenOver,
    complaint: () => held.complaint(),
    close,
    [Symbol.asyncDispose]: () => close(0),
  };
}
