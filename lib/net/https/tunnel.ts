/**
 * Connections through a proxy: a CONNECT tunnel (RFC 9110, section 9.3.6) with TLS to the server inside it. The proxy
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

/** A proxy with its credentials. */
export interface Proxy {
  /** Scheme, host and port. */
  readonly origin: string;
  /** Value of the header `Proxy-Authorization`. */
  readonly authorization: Secret | undefined;
}

/** The error for a tunnel that could not be opened. */
export class ProxyError extends Error {
  override readonly name = "ProxyError";
}

/** Milliseconds for the proxy to open a tunnel. The deadline of the caller is usually shorter. */
const patienceMs = 10_000;

/** Maximum length of the response to CONNECT, in bytes. */
const maxHead = 8192;

/** Options of a request, passed on to its connection. */
export type TunnelOptions = RequestOptions & {
  /** Aborted when the request is given up. A tunnel that is still being opened is then cancelled. */
  readonly givenUp?: AbortSignal;
};

type OnConnection = (error: Error | null, connection?: Duplex) => void;

/** A proxy, the CA certificates for it, and the reasons for failed connections to it. */
export class ProxyTrust {
  readonly proxy: Proxy;
  /** CA certificates as PEM. */
  readonly ca: string | undefined;
  /** Explains failed connections to the proxy. */
  readonly failed: FailedConnections;

  /** @param trusted source of the CA certificates, for messages. */
  constructor(proxy: Proxy, ca: string | undefined, trusted: string) {
    const { secure, host, port } = addressOf(proxy.origin);
    this.proxy = proxy;
    this.ca = ca;
    const dial = (signal: AbortSignal) => dialPlain({ host, port }, signal);
    this.failed = new FailedConnections({ dial, name: host, secure, ca, trusted, hasCertificate: false });
  }
}

/**
 * Opens each connection through a proxy. The agent's TLS options apply to the server; CA certificates also to the
 * proxy.
 */
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
    // Node calls back with an error only; its types require a stream as well.
    const onConnection = callback as OnConnection;
    const target = { host: options.host ?? "", port: Number(options.port) };
    openTunnel(this.#trust, target, options.givenUp).then(
      (socket) => onConnection(null, connectTls({ ...securityOf(options), socket })),
      (thrown) => onConnection(thrown),
    );
    // Node permits `undefined` if the connection is passed to the callback; some versions of its types do not.
    return undefined as unknown as Duplex;
  }
}

/** The TLS options for the server, taken from a request's options. */
function securityOf({ host, servername, ca, cert, key, rejectUnauthorized }: TunnelOptions): ConnectionOptions {
  return {
    host: host ?? "",
    ...serverNameOf(servername || host || ""),
    ca,
    cert,
    key,
    // Set explicitly, so that the environment (NODE_TLS_REJECT_UNAUTHORIZED) has no effect.
    rejectUnauthorized: rejectUnauthorized ?? true,
  };
}

/**
 * Opens a tunnel to a server.
 *
 * @throws {ProxyError} if the proxy does not open it in time.
 */
export function openTunnel(
  { proxy, ca, failed }: ProxyTrust,
  { host, port }: { readonly host: string; readonly port: number },
  signal: AbortSignal | undefined,
): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const target = `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
  const socket = dial(proxy, ca);
  const closeSocket = () => {
    done();
    socket.destroy();
  };
  const fail = (why: string) => {
    closeSocket();
    reject(new ProxyError(why));
  };
  const onGivenUp = () => fail("the caller gave up");
  const cancel = afterTimeout(patienceMs, () => fail(`it did not answer within ${patienceMs / 1000} s`));
  const done = () => {
    cancel();
    signal?.removeEventListener("abort", onGivenUp);
    socket.removeAllListeners();
    // A later error of the socket must not end the process.
    socket.on("error", () => {});
  };
  let head = Buffer.alloc(0);
  socket.on("error", (cause: NetworkCause) => {
    closeSocket();
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
    const refusal = refusalIn(head.toString("latin1", 0, end), head.length - end - 4);
    if (refusal !== undefined) return fail(refusal);
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

/**
 * The reason to reject a response to CONNECT; `undefined` for success.
 *
 * @param extra number of bytes after the header. In a tunnel the client sends first, so that any are an error.
 */
function refusalIn(head: string, extra: number): string | undefined {
  const status = Number(/^HTTP\/1\.[01] (\d{3})(?: |\r|$)/.exec(head)?.[1] ?? 0);
  if (status >= 200 && status < 300 && extra === 0) return undefined;
  if (status === 407) return "it answered 407 (it wants a login, or another one)";
  return status >= 300 && status < 600 ? `it answered ${status}` : `it ${connectionFailures.noHttp}`;
}
