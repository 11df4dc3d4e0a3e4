/**
 * Connections through a proxy: a CONNECT tunnel (RFC 9110, section 9.3.6), and TLS with the server inside of it. The proxy
 * sees the server's name and ciphertext.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { Agent, type AgentOptions, type RequestOptions } from "node:https";
import { connect as connectPlain, isIP, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { connect as connectTls, type ConnectionOptions } from "node:tls";
import { afterTimeout } from "../../deadline.ts";
import type { Secret } from "../../secret.ts";
import { networkFailures } from "./network_failures.ts";

/** A proxy as connections are made with it. */
export interface Proxy {
  /** Scheme, host and port. */
  readonly origin: string;
  /** The value of `Proxy-Authorization`. */
  readonly authorization: Secret | undefined;
}

/** Why there is no tunnel. */
export class ProxyError extends Error {
  override readonly name = "ProxyError";
}

/** Milliseconds for a proxy to open a tunnel. The caller's own deadline is mostly shorter. */
const patienceMs = 10_000;

/** The longest answer to CONNECT, in bytes. */
const maxHead = 8192;

/** What a request hands on to its connection beside what the agent was made with. */
export type TunnelOptions = RequestOptions & {
  /** Fires when the request is given up: a tunnel that is not open by then is not opened any more. */
  readonly givenUp?: AbortSignal;
};

type OnConnection = (error: Error | null, connection?: Duplex) => void;

/** Makes each connection through a proxy. Trust is given by the agent's options, for the server and the proxy alike. */
export class TunnelAgent extends Agent {
  readonly #proxy: Proxy;

  constructor(proxy: Proxy, options: AgentOptions) {
    super(options);
    this.#proxy = proxy;
  }

  override createConnection(
    options: TunnelOptions,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): Duplex {
    // Node calls back with an error alone; its types want a stream beside it.
    const onConnection = callback as OnConnection;
    const { host, port, givenUp } = options;
    const target = `${isIP(host ?? "") === 6 ? `[${host}]` : host}:${port}`;
    openTunnel(this.#proxy, target, options, givenUp).then(
      (socket) => onConnection(null, connectTls({ ...securityOf(options), socket })),
      (thrown) => onConnection(thrown),
    );
    // Nothing is returned where the connection comes by the callback, which not every version of Node's types says.
    return undefined as unknown as Duplex;
  }
}

/** What TLS with the server needs of a request's options. */
function securityOf({ host, servername, ca, cert, key, rejectUnauthorized }: TunnelOptions): ConnectionOptions {
  return {
    host: host ?? "",
    ...serverNameOf(servername || host || ""),
    ca,
    cert,
    key,
    // Never what the environment says where it is left out.
    rejectUnauthorized: rejectUnauthorized ?? true,
  };
}

/** The name for the handshake and the certificate, which an IP address is not. */
function serverNameOf(name: string): { readonly servername?: string } {
  return isIP(name) === 0 ? { servername: name } : {};
}

/** @throws {ProxyError} if the proxy does not open a tunnel in time. */
function openTunnel(
  proxy: Proxy,
  target: string,
  { ca }: TunnelOptions,
  signal: AbortSignal | undefined,
): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = dial(proxy, ca);
  const fail = (why: string) => {
    done();
    socket.destroy();
    reject(new ProxyError(why));
  };
  const onGivenUp = () => fail("the caller gave up");
  const callOff = afterTimeout(patienceMs, () => fail("it did not answer"));
  const done = () => {
    callOff();
    signal?.removeEventListener("abort", onGivenUp);
    socket.removeAllListeners();
    // A socket that fails after it was given up must not end the process.
    socket.on("error", () => {});
  };
  let head = Buffer.alloc(0);
  socket.on("error", (error: Error & { readonly code?: string }) => {
    const known: Record<string, string | undefined> = networkFailures;
    fail(`it ${known[String(error.code)] ?? "cannot be spoken to"}`);
  });
  socket.on("close", () => fail("it closed the connection"));
  socket.on("data", (chunk: Buffer) => {
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf("\r\n\r\n");
    if (end < 0) return head.length > maxHead ? fail("it answered what is no HTTP") : undefined;
    const complaint = complaintOf(head.toString("latin1", 0, end), head.length - end - 4);
    if (complaint !== undefined) return fail(complaint);
    socket.pause();
    done();
    resolve(socket);
  });
  signal?.addEventListener("abort", onGivenUp, { once: true });
  if (signal?.aborted) onGivenUp();
  else socket.write(request(target, proxy));
  return promise;
}

function dial({ origin }: Proxy, ca: TunnelOptions["ca"]): Socket {
  const url = new URL(origin);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (url.protocol === "http:") return connectPlain({ host, port: Number(url.port || 80) });
  return connectTls({ host, port: Number(url.port || 443), ...serverNameOf(host), ca, rejectUnauthorized: true });
}

function request(target: string, { authorization }: Proxy): string {
  const login = authorization === undefined ? "" : `Proxy-Authorization: ${authorization.reveal()}\r\n`;
  return `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${login}\r\n`;
}

/** @param extra bytes behind the head; in a tunnel the client speaks first. */
function complaintOf(head: string, extra: number): string | undefined {
  const status = Number(/^HTTP\/1\.[01] (\d{3})(?: |\r|$)/.exec(head)?.[1] ?? 0);
  if (status >= 200 && status < 300 && extra === 0) return undefined;
  if (status === 407) return "it answered 407 (it wants a login, or another one)";
  return status >= 300 && status < 600 ? `it answered ${status}` : "it answered what is no HTTP";
}
