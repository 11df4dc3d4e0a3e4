/**
 * Failures of a connection to the keyring, as errors with one sentence.
 *
 * @module
 */
import { isTimeout } from "../../../base/deadline.ts";
import { KmsError } from "../../../base/errors.ts";
import type { ServerAddress } from "./address.ts";

/** Codes of `node:tls` and OpenSSL for a certificate that does not verify, with the end of a sentence. */
const certificateCodes: Readonly<Record<string, string>> = {
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another host name",
  CERT_HAS_EXPIRED: "its certificate has expired; look at the clocks of both machines",
  CERT_NOT_YET_VALID: "its certificate is not valid yet; look at the clocks of both machines",
  INVALID_PURPOSE: "its certificate is not one for a server",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate is not from the authority that this context pins",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is not from the authority that this context pins",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its certificate is not from the authority that this context pins",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate is not from the authority that this context pins",
};

/** Codes of a system call, with the end of a sentence. */
const connectCodes: Readonly<Record<string, string>> = {
  ENOENT: "there is no such socket; is trousseaud running on this machine, and CLECTL_ADDRESS its socket",
  ECONNREFUSED: "nothing listens there; look whether trousseaud runs",
  ENOTFOUND: "its name cannot be resolved",
  EHOSTUNREACH: "there is no route to it",
  ENETUNREACH: "there is no route to it",
  ETIMEDOUT: "it does not answer; look at the address, routes and firewalls",
};

/** Codes of a connection that ended before the whole answer. */
const brokenCodes = ["ECONNRESET", "EPIPE", "ECONNABORTED", "UND_ERR_SOCKET", "ERR_STREAM_PREMATURE_CLOSE"];

/** The connection ended early: the request may have been carried out or not. */
export class BrokenConnectionError extends KmsError {}

/** The error for a failed request. A timeout or stop of `signal` takes precedence. */
export function connectionFailure(thrown: unknown, address: ServerAddress, signal: AbortSignal): KmsError {
  if (thrown instanceof KmsError) return thrown;
  if (signal.aborted) {
    return isTimeout(signal)
      ? new KmsError("deadline_exceeded", `The keyring at ${address.text} did not answer in time.`)
      : new KmsError("cancelled", `The request to the keyring at ${address.text} was stopped.`);
  }
  const code = codeOf(thrown);
  const { message } = thrown instanceof Error ? thrown : { message: "" };
  const certificate = certificateCodes[code] ?? certificateWhy(message);
  if (certificate !== undefined) {
    return new KmsError("unauthenticated", `The keyring at ${address.text} is not trusted: ${certificate}.`, {
      cause: thrown,
    });
  }
  if (code === "EACCES" || code === "EPERM") {
    const why = "this user may not open the socket; ask for its group, or log in with clectl login";
    return new KmsError("permission_denied", `Cannot connect to the keyring at ${address.text}: ${why}.`, {
      cause: thrown,
    });
  }
  if (/alert/i.test(message) || /ALERT/.test(code)) {
    const why = "it refuses the certificate of this client; log in again with clectl login";
    return new KmsError("unauthenticated", `The keyring at ${address.text} ended the connection: ${why}.`, {
      cause: thrown,
    });
  }
  if (code.startsWith("HPE_") || thrown instanceof TypeError) {
    return new KmsError("provider_protocol", `What answers at ${address.text} does not speak HTTP.`, { cause: thrown });
  }
  const why = connectCodes[code];
  if (why !== undefined) {
    return new KmsError("unreachable", `Cannot reach the keyring at ${address.text}: ${why}.`, { cause: thrown });
  }
  if (brokenCodes.includes(code) || /socket hang up|aborted|closed/i.test(message)) return broken(address, thrown);
  return new KmsError("unreachable", `Cannot reach the keyring at ${address.text}: the connection failed.`, {
    cause: thrown,
  });
}

/** The error for a connection that ended before the whole answer. */
export function broken(address: ServerAddress, cause?: unknown): BrokenConnectionError {
  const message = `The connection to the keyring at ${address.text} ended before the whole answer had come.`;
  return new BrokenConnectionError("unreachable", message, { cause });
}

/** Reasons of Deno's own TLS, which reports some of them in the message alone. */
function certificateWhy(message: string): string | undefined {
  const [, kind] = /invalid peer certificate: (\w+)/.exec(message) ?? [];
  if (kind === undefined) return undefined;
  if (kind === "UnknownIssuer" || kind === "BadSignature") return certificateCodes["SELF_SIGNED_CERT_IN_CHAIN"];
  if (kind.startsWith("NotValidForName")) return certificateCodes["ERR_TLS_CERT_ALTNAME_INVALID"];
  if (kind.startsWith("Expired")) return certificateCodes["CERT_HAS_EXPIRED"];
  return kind.startsWith("InvalidPurpose") ? certificateCodes["INVALID_PURPOSE"] : "its certificate does not verify";
}

function codeOf(thrown: unknown): string {
  const code = thrown instanceof Error && "code" in thrown ? thrown.code : undefined;
  return typeof code === "string" ? code : "";
}
