/**
 * The authority of a server that is not known yet, by the fingerprint of its public key.
 *
 * @module
 */
import { X509Certificate } from "node:crypto";
import { connect, type PeerCertificate } from "node:tls";
import { base64, sha256Hex } from "../../../base/bytes.ts";
import { KmsError } from "../../../base/errors.ts";
import { UsageError } from "../../command.ts";
import type { ServerAddress } from "../connection/address.ts";
import { connectionFailure } from "../connection/failures.ts";

/** Most certificates of a chain that are examined. */
const maxChain = 10;

/** The fingerprint in lowercase hexadecimal. @throws {UsageError} */
export function fingerprintOf(text: string): string {
  const digits = text.replace(/^sha256:/i, "").replaceAll(":", "").toLowerCase();
  if (/^[0-9a-f]{64}$/.test(digits)) return digits;
  throw new UsageError("--fingerprint takes the 64 hexadecimal digits that the server printed at its start.", "login");
}

/**
 * Connects without a check and sends nothing: no request, no client certificate. Of the certificates that the server
 * shows, it takes the one whose public key has the fingerprint, and closes. A connection that carries anything is made
 * with this certificate as the only authority.
 *
 * @param fingerprint SHA-256 of the SubjectPublicKeyInfo in DER, lowercase hexadecimal.
 * @returns the certificate, PEM.
 * @throws {KmsError} `unauthenticated` if no certificate has the fingerprint; `unreachable`.
 */
export async function authorityAt(
  address: ServerAddress & { readonly kind: "tls" },
  fingerprint: string,
  signal: AbortSignal,
): Promise<string> {
  const shown = await shownCertificates(address, signal);
  const found = new Map(shown.filter((one) => publicKeyHash(one) === fingerprint).map((one) => [sha256Hex(one), one]));
  const [only] = found.values();
  if (only === undefined || found.size > 1) {
    const why = found.size > 1 ? "several certificates have" : "none of its certificates has";
    throw new KmsError(
      "unauthenticated",
      `The keyring at ${address.text} is not trusted: ${why} the fingerprint; compare it with the line that the server prints at its start.`,
    );
  }
  const lines = base64(only).match(/.{1,64}/g) ?? [];
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
}

/** The certificates of the handshake, DER. */
function shownCertificates(
  address: ServerAddress & { readonly kind: "tls" },
  signal: AbortSignal,
): Promise<readonly Uint8Array[]> {
  const { host, port } = address;
  return new Promise((resolve, reject) => {
    const named = /^[\d.]+$|:/.test(host) ? {} : { servername: host };
    const socket = connect({ host, port, ...named, rejectUnauthorized: false, minVersion: "TLSv1.3" });
    const stop = () => {
      socket.destroy();
      reject(connectionFailure(new Error("aborted"), address, signal));
    };
    const end = () => {
      signal.removeEventListener("abort", stop);
      socket.destroy();
    };
    socket.once("secureConnect", () => {
      const certificates = chainOf(socket.getPeerCertificate(true));
      end();
      resolve(certificates);
    });
    socket.once("error", (thrown) => {
      end();
      reject(connectionFailure(thrown, address, signal));
    });
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
}

function chainOf(leaf: PeerCertificate & { readonly issuerCertificate?: PeerCertificate }): readonly Uint8Array[] {
  const found: Uint8Array[] = [];
  let at: typeof leaf | undefined = leaf;
  while (at?.raw !== undefined && found.length < maxChain) {
    found.push(new Uint8Array(at.raw));
    const issuer: typeof leaf | undefined = at.issuerCertificate;
    at = issuer === at ? undefined : issuer;
  }
  return found;
}

function publicKeyHash(der: Uint8Array): string | undefined {
  try {
    const spki = new X509Certificate(der).publicKey.export({ type: "spki", format: "der" });
    return sha256Hex(new Uint8Array(spki));
  } catch {
    return undefined;
  }
}
