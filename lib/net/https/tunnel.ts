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
import { afterTimeout } from "../../base/deadline.ts";
import type { Secret } from "../../base/secret.ts";
import { addressOf, dialPlain } from "./address.ts";
import { FailedConnections } from "./failed_connections.ts";
import { connectionFailures, isTlsRecord, type NetworkCause } from "./network_failures.ts";
import { serverNameOf } from "./server_name.ts";

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

/** A proxy, the authorities for its certificate, and why connections to it fail. */
export class ProxyTrust {
  readonly proxy: Proxy;
  readonly ca: string | undefined;
  readonly failed: FailedConnections;

  /** @param trusted where the authorities come from, for messages. */
  constructor(proxy: Proxy, ca: string | undefined, trusted: string) {
    const { secure, host, port } = addressOf(proxy.origin);
    this.proxy = proxy;
    this.ca = ca;
    const dial = (signal: AbortSignal) => dialPlain({ host, port }, signal);
    this.failed = new FailedConnections({ dial, name: host, secure, ca, trusted, hasCertificate: false });
  }
}

/** Makes each connection through a proxy. Trust is given by the agent's options, for the server and the proxy alike. */
export class TunnelAgent extends Agent {
  readonly #trust: ProxyTrust;

  constructor(trust: ProxyTrust, options: AgentOptions) {
    super(options);
    this.#trust = trust;
  }

  override createConnection(
    options: TunnelOptions,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): Duplex {
    // Node calls back with an error alone; its types want a stream beside it.
    const onConnection = callback as OnConnection;
    const target = { host: options.host ?? "", port: Number(options.port) };
    openTunnel(this.#trust, target, options.givenUp).then(
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

/**
 * Has a proxy connect to a server.
 *
 * @throws {ProxyError} if the proxy does not open a tunnel in time.
 */
export function openTunnel(
  { proxy, ca, failed }: ProxyTrust,
  { host, port }: { readonly host: string; readonly port: number },
  signal: AbortSignal | undefined,
): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const target = `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
  const socket = dial(proxy, ca);
  const giveUp = () => {
    done();
    socket.destroy();
  };
  const fail = (why: string) => {
    giveUp();
    reject(new ProxyError(why));
  };
  const onGivenUp = () => fail("the caller gave up");
  const callOff = afterTimeout(patienceMs, () => fail(`it did not answer within ${patienceMs / 1000} s`));
  const done = () => {
    callOff();
    signal?.removeEventListener("abort", onGivenUp);
    socket.removeAllListeners();
    // A socket that fails after it was given up must not end the process.
    socket.on("error", () => {});
  };
  let head = Buffer.alloc(0);
  socket.on("error", (cause: NetworkCause) => {
    giveUp();
    void failed.explain(cause, signal ?? new AbortController().signal).then((why) =>
      reject(new ProxyError(`it ${why}`))
    );
  });
  socket.on("close", () => fail("it closed the connection"));
  socket.on("data", (chunk: Buffer) => {
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf("\r\n\r\n");
    if (isTlsRecord(head)) return fail(`it ${connectionFailures.speaksTls}`);
    if (end < 0) return head.length > maxHead ? fail(`it ${connectionFailures.noHttp}`) : undefined;
    const complaint = complaintOf(head.toString("latin1", 0, end), head.length - end - 4);
    if (complaint !== undefined) return fail(complaint);
    socket.pause();
    done();
    failed.succeeded();
    resolve(socket);
  });
  signal?.addEventListener("abort", onGivenUp, { once: true });
  if (signal?.aborted) onGivenUp();
  else socket.write(request(target, proxy));
  return promise;
}

function dial({ origin }: Proxy, ca: string | undefined): Socket {
  const { secure, host, port } = addressOf(origin);
  if (!secure) return connectPlain({ host, port });
  return connectTls({
    host,
    port,
    ...serverNameOf(host),
    ...(ca === undefined ? {} : { ca }),
    rejectUnauthorized: true,
  });
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
  return status >= 300 && status < 600 ? `it answered ${status}` : `it ${connectionFailures.noHttp}`;
}
