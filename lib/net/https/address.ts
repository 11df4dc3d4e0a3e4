/**
 * Addresses of servers, and plain connections to them.
 *
 * @module
 */
import { connect, type Socket } from "node:net";

/** Address of a server: host and port, or a Unix socket. */
export interface Address {
  /** The address in messages, without a slash at its end. */
  readonly shown: string;
  /** Scheme, host and port, or the URL of the Unix socket. */
  readonly origin: string;
  /** Prefix of each request's path: `""`, or segments, for instance `/vault`. */
  readonly prefix: string;
  /** Whether the connection uses TLS. */
  readonly secure: boolean;
  /** Host name or IP address; IPv6 without brackets; `""` for a Unix socket. */
  readonly host: string;
  readonly port: number;
  /** Path of the Unix socket; `undefined` for TCP. */
  readonly socketPath: string | undefined;
}

/** Parses `https://host:port/prefix`, `http://…` or `unix:///path`. The configuration has validated it. */
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

/** Connects without TLS. Rejects if the connection fails or `signal` is aborted. */
export function dialPlain({ host, port }: Pick<Address, "host" | "port">, signal: AbortSignal): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = connect({ host, port });
  const onAbort = () => {
    socket.destroy();
    reject(new Error("the connection was given up"));
  };
  socket.once("connect", () => resolve(socket));
  // The listener stays: a later error of a socket without one would end the process.
  socket.on("error", reject);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  return promise.finally(() => signal.removeEventListener("abort", onAbort));
}
