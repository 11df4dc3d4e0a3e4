/**
 * Reasons for failed connections as text for an operator: the part of a sentence after the server's name, without its
 * full stop.
 *
 * @module
 */

/** By the error code of Node. Deno's TLS library (rustls) gets the codes of OpenSSL. */
const networkFailures = {
  ECONNREFUSED: "refused the connection",
  ECONNRESET: "closed the connection",
  EPIPE: "closed the connection",
  ETIMEDOUT: "did not answer",
  EHOSTUNREACH: "cannot be reached: there is no route to its address",
  ENETUNREACH: "cannot be reached: this machine has no route to its network",
  ENETDOWN: "cannot be reached: this machine's network is down",
  EADDRNOTAVAIL: "cannot be reached: this machine has no address or no port left for the connection",
  EMFILE: "cannot be reached: this process has too many open files (LimitNOFILE)",
  ENFILE: "cannot be reached: the machine has too many open files",
  ENOTFOUND: "has a name that does not resolve",
  EAI_AGAIN: "has a name that cannot be resolved now: the name server does not answer",
  ERR_SSL_WRONG_VERSION_NUMBER:
    "speaks no TLS on this port; write http:// if it is on this machine, else give it a certificate",
} as const satisfies Record<string, string>;

/** Failures without an error code, or with a cause more specific than it. */
export const connectionFailures = {
  speaksTls: "speaks TLS on this port; write https://",
  closedPlain: "closed the connection without an answer; if it speaks TLS on this port, write https://",
  closedHandshake: "closed the connection before TLS was agreed; look at its log, and whether this port is the one",
  cutShort: "closed the connection in the middle of an answer",
  noHttp: "answered what is no HTTP",
  otherwise: "cannot be spoken to",
} as const satisfies Record<string, string>;

/** By the errno of a connection to a Unix socket, or by the type of the file at its path. */
export const socketFailures = {
  ENOENT: "is not there; start the agent, or mount the folder of its socket",
  ECONNREFUSED: "is a socket that nothing listens on; start the agent",
  EACCES:
    "may not be used by this user; look at socket_mode, socket_user and socket_group of the agent's listener, and at the folder",
  notASocket: "is a file and not a socket",
  ENOTDIR: "is not there: a part of its path is a file",
  ENAMETOOLONG: "has a path that is too long for a socket (107 bytes)",
} as const satisfies Record<string, string>;

const clientCertificateWanted =
  "wants a client certificate (in kind vault-transit: tls.certificateFile and tls.keyFile)";

/** The meanings of an alert about a client certificate: `without` if none was sent, else `with`. */
function ofCertificate(refused: string) {
  return {
    without: clientCertificateWanted,
    with: `refuses the client certificate of tls.certificateFile: ${refused}`,
  };
}

/** By the name of a fatal alert (RFC 8446, section 6.2), in the spelling of rustls. */
const tlsAlerts = {
  ProtocolVersion: "has no TLS version in common with Trousseau, which speaks TLS 1.2 and 1.3; allow one of them there",
  InsufficientSecurity: "refuses the TLS ciphers of Trousseau as too weak; allow AES-GCM or ChaCha20-Poly1305 there",
  UnrecognisedName: "serves no such name (TLS alert unrecognized_name); look at the address and at tls.serverName",
  InternalError: "failed in the TLS handshake (alert internal_error); look at its log",
  NoApplicationProtocol: "refuses HTTP/1.1 on this port (TLS alert no_application_protocol)",
  CertificateRequired: ofCertificate("it takes it for none"),
  BadCertificate: ofCertificate("it finds it malformed or expired, or cannot verify it"),
  UnsupportedCertificate: ofCertificate("its type or its use is not supported there"),
  CertificateRevoked: ofCertificate("it was revoked"),
  CertificateExpired: ofCertificate("it has expired or is not valid yet by the server's clock"),
  CertificateUnknown: ofCertificate("it does not accept it, without a reason"),
  UnknownCA: ofCertificate("the server does not trust its issuer"),
  DecryptError: ofCertificate("its signature could not be verified"),
  AccessDenied: ofCertificate("it is valid, and has no access"),
} as const satisfies Record<string, string | { readonly without: string; readonly with: string }>;

/** Meanings of the alert `handshake_failure`, by the messages that the server sent before it. */
export const handshakeFailures = {
  /** None before it: the alert answered ClientHello, which lists versions and ciphers. */
  early: "has no TLS cipher in common with Trousseau, which speaks AES-GCM and ChaCha20-Poly1305 with ECDHE; " +
    "allow one of them there",
  /** Its certificate came before it, in TLS 1.2: the server requires a client certificate. */
  late: clientCertificateWanted,
  unknown: "refused the TLS handshake: no cipher is in common, or it wants a client certificate " +
    "(in kind vault-transit: tls.certificateFile and tls.keyFile)",
} as const satisfies Record<string, string>;

/** An error of Node's sockets, TLS or HTTP parser. */
export type NetworkCause = Error & {
  readonly code?: unknown;
  /** Input of the HTTP parser. */
  readonly rawPacket?: unknown;
};

/** Deno's error codes for a certificate that was not verified. Each has several possible causes. */
const unverifiedCodes: readonly unknown[] = [
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
];

/** Whether the error means that the server's certificate was not verified. */
export function isUnverified({ code }: NetworkCause): boolean {
  return unverifiedCodes.includes(code);
}

/** Whether the handshake ended with the alert `handshake_failure`. */
export function isHandshakeFailure(cause: NetworkCause): boolean {
  return alertOf(cause) === "HandshakeFailure";
}

/**
 * The reason for a failure whose cause follows from the error alone.
 *
 * @param secure whether TLS was used.
 * @param shown whether a client certificate was configured.
 */
export function networkFailure(cause: NetworkCause, secure: boolean, shown = false): string {
  const code = String(cause.code);
  const alert = alertOf(cause);
  if (alert !== undefined && Object.hasOwn(tlsAlerts, alert)) {
    const row = tlsAlerts[alert as keyof typeof tlsAlerts];
    return typeof row === "string" ? row : shown ? row.with : row.without;
  }
  if (alert !== undefined) return `ended the TLS handshake (alert ${alert}); look at its log`;
  if (code.startsWith("HPE_")) {
    return isTlsRecord(cause.rawPacket) ? connectionFailures.speaksTls : connectionFailures.noHttp;
  }
  if (code === "ECONNRESET" || code === "EPIPE") return closedBy(cause, secure);
  if (Object.hasOwn(networkFailures, code)) return networkFailures[code as keyof typeof networkFailures];
  const { otherwise } = connectionFailures;
  return /^[A-Z][A-Z0-9_]{1,60}$/.test(code) ? `${otherwise} (${code})` : otherwise;
}

function closedBy({ message }: NetworkCause, secure: boolean): string {
  if (!secure) return connectionFailures.closedPlain;
  // Only the message differs; the code is the same after the handshake.
  return message.includes("before secure TLS connection")
    ? connectionFailures.closedHandshake
    : networkFailures.ECONNRESET;
}

/** The alert's name is only in the message: Deno has one code for several alerts. */
function alertOf({ message }: NetworkCause): string | undefined {
  return /^received fatal alert: ([A-Za-z0-9]{1,40})$/.exec(message)?.[1];
}

/** Whether bytes begin with a TLS alert record (RFC 8446, section 5.1): content type 21, version 3.x. */
export function isTlsRecord(bytes: unknown): boolean {
  return bytes instanceof Uint8Array && bytes[0] === 21 && bytes[1] === 3;
}
