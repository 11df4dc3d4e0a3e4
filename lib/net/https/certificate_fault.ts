/**
 * The reason why a server's certificate was refused, as text for an operator.
 *
 * @module
 */
import type { DetailedPeerCertificate } from "node:tls";

/** CA certificates and time of a verification. */
export interface Trust {
  /** Source of the CA certificates, for instance `/etc/trousseau/ca.pem`. */
  readonly source: string;
  /** The machine's clock in milliseconds since the epoch. */
  readonly wall: number;
}

/** Maximum number of issuers that are examined. */
const maxChain = 8;

/** The reason as the part of a sentence after the server's name, without the full stop. */
export function certificateFault(shown: DetailedPeerCertificate | undefined, { source, wall }: Trust): string {
  const unknown = `has a certificate that cannot be verified with the authorities in ${source}`;
  if (shown === undefined) return unknown;
  const [own, ...above] = chainOf(shown);
  if (own === undefined) return unknown;
  const clock = `this machine's clock says ${utc(wall)}`;
  const { from, to } = validity(own);
  if (wall > to) {
    return `has a certificate that expired at ${utc(to)}; ${clock}: renew the certificate, or set the clock`;
  }
  if (wall < from) return `has a certificate that is not valid before ${utc(from)}; ${clock}: look at the clock`;
  for (const issuer of above) {
    const { from, to } = validity(issuer);
    if (wall > to) {
      return `has a certificate whose issuer's certificate expired at ${
        utc(to)
      }; ${clock}: renew the issuer's certificate, or set the clock`;
    }
    if (wall < from) {
      return `has a certificate whose issuer's certificate is not valid before ${
        utc(from)
      }; ${clock}: look at the clock`;
    }
  }
  if (isSelfSigned(own)) {
    return `has a certificate that it signed itself and that is not in ${source}: add it there (tls.caFile)`;
  }
  return `has a certificate that the authorities in ${source} did not issue${issuerOf(own)}: add its authority ` +
    "(tls.caFile), or have the server send the certificates between the two";
}

/** The same for a valid certificate that does not contain the expected name. */
export function nameFault(name: string, certificate: unknown): string {
  const names = namesIn(certificate);
  const found = names.length === 0 ? "" : ` (it is for ${names.join(", ")})`;
  return `has a certificate for another name than ${name}${found}; use an address whose name is in the certificate, ` +
    "or in kind vault-transit set tls.serverName";
}

/** Up to three names in the certificate. A trusted CA has issued it, so that its names may be shown. */
function namesIn(certificate: unknown): readonly string[] {
  const text = typeof certificate === "object" && certificate !== null && "subjectaltname" in certificate
    ? certificate.subjectaltname
    : undefined;
  if (typeof text !== "string") return [];
  const found = text.matchAll(/(?:^|, )(?:DNS|IP Address):([A-Za-z0-9*.:_-]{1,253})(?=,|$)/g);
  return [...found].flatMap(([, name]) => name === undefined ? [] : [name]).slice(0, 3);
}

function chainOf(leaf: DetailedPeerCertificate): readonly DetailedPeerCertificate[] {
  const chain: DetailedPeerCertificate[] = [];
  for (let next: DetailedPeerCertificate | undefined = leaf; next !== undefined && !chain.includes(next);) {
    if (chain.length > maxChain) break;
    chain.push(next);
    next = next.issuerCertificate;
  }
  return chain;
}

/** In milliseconds since the epoch. A malformed date becomes infinite, so that it is never the reason. */
function validity(certificate: DetailedPeerCertificate): { readonly from: number; readonly to: number } {
  const [from, to] = [Date.parse(certificate.valid_from), Date.parse(certificate.valid_to)];
  return { from: Number.isNaN(from) ? -Infinity : from, to: Number.isNaN(to) ? Infinity : to };
}

function isSelfSigned({ subject, issuer }: DetailedPeerCertificate): boolean {
  return JSON.stringify(subject) === JSON.stringify(issuer);
}

/** The issuer's name if it is plain text only: the certificate that contains it is not trusted. */
function issuerOf({ issuer }: DetailedPeerCertificate): string {
  const name: unknown = issuer?.CN;
  return typeof name === "string" && /^[A-Za-z0-9 ._-]{1,64}$/.test(name) ? ` (its issuer calls itself "${name}")` : "";
}

function utc(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}
