/**
 * Addresses of servers as connections are made to them.
 *
 * @module
 */
import { connect, type Socket } from "node:net";

/** Where a server is: a host and a port, or a Unix socket. */
export interface Address {
  /** As it is named in messages: without a slash at its end. */
  readonly shown: string;
  /** Scheme, host and port, or the socket. */
  readonly origin: string;
  /** The beginning of each request's path: `""`, or segments such as `/vault`. */
  readonly prefix: string;
  /** Whether TLS is spoken. */
  readonly secure: boolean;
  /** IPv6 without brackets; `""` for a Unix socket. */
  readonly host: string;
  readonly port: number;
  /** The path of the Unix socket. */
  readonly socketPath: string | undefined;
}

/** Reads `https://host:port/prefix`, `http://…` or `unix:///path`, as the configuration has accepted it. */
export function addressOf(address: string): Address {
  const url = new URL(address);
  if (url.protocol === "unix:") {
    const socketPath = url.pathname;
    return { shown: address, origin: address, prefix: "", secure: false, host: "", port: 0, socketPath };
  }
  const secure = url.protocol === "https:";
  const prefix = url.pathname.replace(/\/+$/, "");
  return {
    shown: `${url.origin}${prefix}`,
    origin: url.origin,
    prefix,
    secure,
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? (secure ? 443 : 80) : Number(url.port),
    socketPath: undefined,
  };
}

/** Connects without TLS. Rejects if it fails or the signal fires. */
export function dialPlain({ host, port }: Pick<Address, "host" | "port">, signal: AbortSignal): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = connect({ host, port });
  const onAbort = () => {
    socket.destroy();
    reject(new Error("the connection was given up"));
  };
  socket.once("connect", () => resolve(socket));
  // It stays: a socket that fails later must not end the process.
  socket.on("error", reject);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  return promise.finally(() => signal.removeEventListener("abort", onAbort));
}
