/**
 * A look at a server's certificate after it was refused, to find the cause: Deno gives one code for several causes, and
 * does not give access to a certificate that it did not verify.
 *
 * @module
 */
import type { Socket } from "node:net";
import { connect as connectTls, type DetailedPeerCertificate } from "node:tls";
import type { NetworkCause } from "./network_failures.ts";
import { serverNameOf } from "./server_name.ts";

/** The result of a handshake. */
export interface CertificateLook {
  /** `undefined` where the handshake did not come as far. */
  readonly certificate: DetailedPeerCertificate | undefined;
  /** Whether the certificate was verified this time. */
  readonly verified: boolean;
  /** How many bytes the server sent. */
  readonly received: number;
}

/** How to reach the server. */
export interface LookOptions {
  /** Opens a connection to it, without TLS. */
  readonly dial: (signal: AbortSignal) => Promise<Socket>;
  /** The name or the IP address that its certificate is held to. */
  readonly name: string;
  readonly ca: string | undefined;
  /** Ends the look. */
  readonly signal: AbortSignal;
}

/**
 * Shakes hands, reads the certificate and hangs up.
 *
 * The certificate is not verified, and so nothing may be sent: no request, no token and no client certificate goes over
 * this connection, and nothing is read from it.
 *
 * @throws {Error} if the server cannot be reached, or the signal fires.
 */
export async function lookAtCertificate({ dial, name, ca, signal }: LookOptions): Promise<CertificateLook> {
  const socket = await dial(signal);
  const { promise, resolve, reject } = Promise.withResolvers<CertificateLook>();
  const onAbort = () => reject(new Error("the look was given up"));
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  const trusted = ca === undefined ? {} : { ca };
  const tls = connectTls({ socket, host: name, ...serverNameOf(name), ...trusted, rejectUnauthorized: false }, () => {
    const shown = tls.getPeerCertificate(true);
    const certificate = Object.keys(shown ?? {}).length === 0 ? undefined : shown;
    resolve({ certificate, verified: tls.authorized, received: socket.bytesRead });
  });
  // Both stay after the outcome: a socket that fails later must not end the process.
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
