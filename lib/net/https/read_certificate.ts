/**
 * Reads a server's certificate after it was refused, to find the cause. Deno has one error code for several causes, and
 * does not expose a certificate that it did not verify.
 *
 * @module
 */
import type { Socket } from "node:net";
import { connect as connectTls, type DetailedPeerCertificate } from "node:tls";
import type { NetworkCause } from "./network_failures.ts";
import { serverNameOf } from "./server_name.ts";

/** Result of a handshake without verification. */
export interface HandshakeResult {
  /** `undefined` if the handshake failed before the certificate. */
  readonly certificate: DetailedPeerCertificate | undefined;
  /** Whether the certificate was valid this time. */
  readonly verified: boolean;
  /** Number of bytes that the server sent. */
  readonly received: number;
}

/** How the server is reached. */
export interface HandshakeOptions {
  /** Opens a connection without TLS. */
  readonly dial: (signal: AbortSignal) => Promise<Socket>;
  /** The DNS name or IP address that the certificate must contain. */
  readonly name: string;
  /** CA certificates as PEM; `undefined` for the built-in ones of the runtime. */
  readonly ca: string | undefined;
  /** Cancels the handshake. */
  readonly signal: AbortSignal;
}

/**
 * Performs a handshake, reads the certificate and closes the connection.
 *
 * The certificate is not verified; therefore nothing may be sent. No request, token or client certificate goes over
 * this connection, and no response is read from it.
 *
 * @throws {Error} if the server cannot be reached, or `signal` is aborted.
 */
export async function readCertificate({ dial, name, ca, signal }: HandshakeOptions): Promise<HandshakeResult> {
  const socket = await dial(signal);
  const { promise, resolve, reject } = Promise.withResolvers<HandshakeResult>();
  const onAbort = () => reject(new Error("the look was given up"));
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  const trusted = ca === undefined ? {} : { ca };
  const tls = connectTls({ socket, host: name, ...serverNameOf(name), ...trusted, rejectUnauthorized: false }, () => {
    const shown = tls.getPeerCertificate(true);
    const certificate = Object.keys(shown ?? {}).length === 0 ? undefined : shown;
    resolve({ certificate, verified: tls.authorized, received: socket.bytesRead });
  });
  // Both listeners stay after the outcome: a later error of a socket without a listener would end the process.
  tls.on("error", (cause: NetworkCause) => {
    if (typeof cause.code === "string" && cause.code.startsWith("ERR_SSL_")) {
      resolve({ certificate: undefined, verified: false, received: socket.bytesRead });
    } else reject(cause);
  });
  socket.on("error", reject);
  try {
    return await promise;
  } finally {
    signal.removeEventListener("abort", onAbort);
    tls.destroy();
    socket.destroy();
  }
}
