/**
 * The API over TLS 1.3. There is no plain HTTP over TCP, also not on loopback.
 *
 * @module
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { createServer } from "node:https";
import type { TLSSocket } from "node:tls";
import type { Clock } from "../../../base/clock.ts";
import { KmsError } from "../../../base/errors.ts";
import type { AnswerRequest, RequestPeer } from "./exchange.ts";
import { ListenerWatch } from "./listener_watch.ts";
import { nodeListener } from "./node_bridge.ts";
import {
  type BoundServer,
  type ConnectionLimits,
  connectionLimits,
  NodeServers,
  serverOptions,
} from "./node_server.ts";
import type { ApiListener } from "./unix_listener.ts";

/** A server's key and certificate. */
export interface ServerKeyPair {
  /** PEM. */
  readonly key: string;
  /** The server's certificate and those of its authorities, PEM. */
  readonly chain: string;
}

/** Options of {@linkcode openTlsListener}. */
export interface TlsListenerOptions extends ServerKeyPair {
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  readonly answer: AnswerRequest;
  readonly clock: Clock;
  /** Called with a sentence when the port no longer answers, and when it does again. */
  readonly onWatch?: (sentence: string) => void;
  readonly limits?: ConnectionLimits;
}

/** A listener whose certificate can be replaced. */
export interface TlsListener extends ApiListener {
  readonly port: number;
  /**
   * New connections get the new certificate; those that are open keep theirs.
   *
   * @throws {KmsError} `config` if key and certificate do not belong together; then the old ones stay.
   */
  renew(pair: ServerKeyPair): void;
}

/**
 * Listens on a TCP port with TLS 1.3. A client certificate is asked for and not needed. The handshake proves that the
 * client holds its key; whether the certificate is one of ours decides the authenticator at each request, since Deno
 * 2.9 reports `authorized` for each resumed session.
 *
 * @throws {KmsError} `config` if the port cannot be used, or if key and certificate do not belong together.
 */
export async function openTlsListener(options: TlsListenerOptions): Promise<TlsListener> {
  const { host, clock, limits = connectionLimits } = options;
  const stopping = new AbortController();
  const listener = nodeListener(options.answer, tlsPeer, stopping.signal);
  checkPair(options);
  let pair: ServerKeyPair = options;
  const servers = new NodeServers(
    (onRequest) => createServer(tlsOptions(pair, limits), onRequest),
    listener,
    limits,
    clock,
  );
  let bound = await bind(servers, host, options.port);
  const port = portOf(bound.server.address());
  const watch = new ListenerWatch({
    host,
    port,
    clock,
    onWatch: options.onWatch ?? (() => {}),
    rebind: async () => {
      bound.close();
      bound = await bind(servers, host, port);
    },
  });
  let closing: Promise<void> | undefined;
  const close = (ms: number) =>
    closing ??= watch.stop().then(() => {
      stopping.abort();
      return servers.stop(ms);
    });
  return {
    address: `${host.includes(":") ? `[${host}]` : host}:${port}`,
    port,
    complaint: () => watch.complaint(),
    renew(next) {
      checkPair(next);
      pair = next;
      for (const server of servers.all) {
        if ("setSecureContext" in server && typeof server.setSecureContext === "function") {
          server.setSecureContext(tlsOptions(next, limits));
        }
      }
    },
    close,
    [Symbol.asyncDispose]: () => close(0),
  };
}

/** Deno 2.9 takes any text for a key, and then fails each handshake. */
function checkPair({ key, chain }: ServerKeyPair): void {
  let fits = false;
  try {
    fits = new X509Certificate(chain).checkPrivateKey(createPrivateKey(key));
  } catch {
    // The error of a parser could repeat a part of the key.
  }
  if (!fits) {
    throw new KmsError("config", "Cannot serve TLS: the key is not that of the server's certificate, or is no PEM.");
  }
}

function tlsOptions({ key, chain }: ServerKeyPair, limits: ConnectionLimits) {
  return {
    ...serverOptions(limits),
    key,
    cert: chain,
    minVersion: "TLSv1.3",
    requestCert: true,
    rejectUnauthorized: false,
    handshakeTimeout: limits.headMs,
  } as const;
}

async function bind(
  servers: NodeServers,
  host: string,
  port: number,
): Promise<BoundServer & { readonly server: Awaited<ReturnType<NodeServers["listen"]>>["server"] }> {
  try {
    return await servers.listen({ host, port });
  } catch (cause) {
    throw new KmsError("config", `Cannot listen on ${host}:${port}: ${whyNotBound(cause)}.`, { cause });
  }
}

function whyNotBound(thrown: unknown): string {
  const code = thrown instanceof Error && "code" in thrown ? thrown.code : undefined;
  if (code === "EADDRINUSE") return "another process listens there; stop it, or choose another port";
  if (code === "EADDRNOTAVAIL") return "this machine does not have the address";
  if (code === "EACCES") return "this user may not use the port; choose one above 1023";
  return "the system refused the address";
}

function portOf(address: ReturnType<Awaited<ReturnType<NodeServers["listen"]>>["server"]["address"]>): number {
  return address !== null && typeof address === "object" ? address.port : 0;
}

/** The client of a TLS connection, from its handshake. */
function tlsPeer({ socket }: IncomingMessage): RequestPeer {
  const { raw } = (socket as TLSSocket).getPeerCertificate() ?? {};
  const address = socket.remoteAddress;
  return {
    ...(address === undefined ? {} : { address }),
    ...(raw === undefined ? {} : { certificate: new Uint8Array(raw) }),
  };
}
