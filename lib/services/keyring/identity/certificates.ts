/**
 * Makes X.509 certificates (RFC 5280). The package is loaded at the first call, since most requests need none.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes } from "node:crypto";
import { isIP } from "node:net";
import { hex } from "../../../base/bytes.ts";

/** ECDSA on P-256: every TLS library can verify it. */
const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/** A private key and its certificate. */
export interface SigningCertificate {
  /** PEM. */
  readonly certificate: string;
  /** PKCS #8, PEM. */
  readonly key: string;
}

/** Times of validity in milliseconds since the epoch; certificates have whole seconds. */
export interface Validity {
  readonly from: number;
  readonly until: number;
}

/** A certificate authority that signs itself, and signs certificates of servers and people alone. */
export async function makeAuthority(commonName: string, validity: Validity): Promise<SigningCertificate> {
  const x509 = await loadX509();
  const pair = newKeyPair();
  const keys = {
    privateKey: await signingKey(pair.key),
    publicKey: new x509.PublicKey(Uint8Array.from(pair.publicKey)),
  };
  const name = nameOf(commonName);
  const certificate = await x509.X509CertificateGenerator.create({
    ...common(validity),
    subject: name,
    issuer: name,
    publicKey: keys.publicKey,
    signingKey: keys.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: pemOf(certificate), key: pair.key };
}

/** A certificate for a server alone, and its new key. @param names DNS names and IP addresses, at least one. */
export async function makeServerCertificate(
  authority: SigningCertificate,
  names: readonly string[],
  validity: Validity,
): Promise<SigningCertificate> {
  const x509 = await loadX509();
  const pair = newKeyPair();
  const alternatives = names.map((name) => ({ type: isIP(name) === 0 ? "dns" : "ip", value: name } as const));
  const certificate = await leafCertificate(authority, "trousseaud", pair.publicKey, validity, [
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth], false),
    new x509.SubjectAlternativeNameExtension(alternatives),
  ]);
  return { certificate, key: pair.key };
}

/**
 * A certificate for a client alone, without a DNS name.
 *
 * @param publicKey SPKI of {@linkcode clientPublicKey}.
 * @param uri the one name of the certificate.
 * @returns PEM.
 */
export async function makeClientCertificate(
  authority: SigningCertificate,
  subject: { readonly commonName: string; readonly uri: string; readonly publicKey: Uint8Array },
  validity: Validity,
): Promise<string> {
  const x509 = await loadX509();
  return await leafCertificate(authority, subject.commonName, subject.publicKey, validity, [
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth], false),
    new x509.SubjectAlternativeNameExtension([{ type: "url", value: subject.uri }]),
  ]);
}

/**
 * The public key of a request: P-256 or Ed25519, encoded anew.
 *
 * @param der SubjectPublicKeyInfo, DER.
 * @returns DER; `undefined` if it is no such key.
 */
export function clientPublicKey(der: Uint8Array): Uint8Array | undefined {
  if (der.length > 256) return undefined;
  try {
    const key = createPublicKey({ key: Buffer.from(der), format: "der", type: "spki" });
    const isKnown = key.asymmetricKeyType === "ed25519" ||
      (key.asymmetricKeyType === "ec" && key.asymmetricKeyDetails?.namedCurve === "prime256v1");
    return isKnown ? new Uint8Array(key.export({ format: "der", type: "spki" })) : undefined;
  } catch {
    return undefined;
  }
}

async function leafCertificate(
  authority: SigningCertificate,
  commonName: string,
  publicKey: Uint8Array,
  validity: Validity,
  extensions: readonly X509Extension[],
): Promise<string> {
  const x509 = await loadX509();
  const issuer = new x509.X509Certificate(authority.certificate);
  const certificate = await x509.X509CertificateGenerator.create({
    ...common(validity),
    subject: nameOf(commonName),
    issuer: issuer.subjectName.toJSON(),
    publicKey: new x509.PublicKey(Uint8Array.from(publicKey)),
    signingKey: await signingKey(authority.key),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
      ...extensions,
    ],
  });
  return pemOf(certificate);
}

type X509Module = typeof import("@peculiar/x509");
type X509Extension = import("@peculiar/x509").Extension;

async function loadX509(): Promise<X509Module> {
  // The package fails to load without it.
  await import("reflect-metadata");
  return await import("@peculiar/x509");
}

function common({ from, until }: Validity) {
  return {
    // 16 bytes, positive and without a leading zero byte (RFC 5280, section 4.1.2.2).
    serialNumber: `4${hex(randomBytes(16)).slice(1)}`,
    notBefore: new Date(Math.floor(from / 1000) * 1000),
    notAfter: new Date(Math.floor(until / 1000) * 1000),
    signingAlgorithm: algorithm,
  };
}

/** A subject as the package takes it, without its text form and the escapes of that. */
function nameOf(commonName: string): { readonly CN: string[] }[] {
  return [{ CN: [commonName] }];
}

function newKeyPair(): { readonly key: string; readonly publicKey: Uint8Array } {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return {
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    publicKey: new Uint8Array(publicKey.export({ type: "spki", format: "der" })),
  };
}

async function signingKey(pem: string): Promise<CryptoKey> {
  const der = createPrivateKey(pem).export({ type: "pkcs8", format: "der" });
  return await crypto.subtle.importKey("pkcs8", new Uint8Array(der), algorithm, false, ["sign"]);
}

function pemOf(certificate: { toString(format: "pem"): string }): string {
  return `${certificate.toString("pem").trimEnd()}\n`;
}
