/**
 * A JWT with which an application proves possession of its certificate's key.
 *
 * @module
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { base64url, sha256 } from "../../base/bytes.ts";
import { readCredentialText } from "../../base/credential_file.ts";
import { whyUnreadable } from "../../base/durable_file.ts";
import { KmsError } from "../../base/errors.ts";
import { privateKeyPem, signedJwt } from "../../net/https/jwt.ts";

/** Issuer, audience and files of an assertion. */
export interface AssertionSettings {
  /** The issuer: the client ID of the application. */
  readonly clientId: string;
  /** The token endpoint. */
  readonly audience: string;
  readonly certificateFile: string;
  readonly keyFile?: string;
  readonly sendChain: boolean;
}

/** Maximum size in bytes; a certificate with its chain and key has about ten thousand. */
const largestFile = 256 * 1024;

/** Seconds. An assertion is used once, immediately. */
const lifetime = 300;

/** The JWT, and the expiry of its certificate in milliseconds since the epoch. */
export interface Assertion {
  readonly jwt: string;
  /** Expiry of the certificate in milliseconds since the epoch. */
  readonly expiresAt: number;
}

/**
 * Reads the files and signs. The algorithm is PS256 with the certificate's SHA-256 thumbprint in the header, as
 * "Application authentication certificate credentials" of the Microsoft identity platform requires.
 *
 * @param wall time of issue in milliseconds since the epoch.
 * @throws {KmsError} `unauthenticated` if the files cannot be read or do not contain a certificate with its RSA key.
 */
export async function assertion(settings: AssertionSettings, wall: number, action: string): Promise<Assertion> {
  const unusable = (why: string, cause?: unknown) =>
    new KmsError("unauthenticated", `Cannot ${action}: ${why}.`, { cause });
  const read = async (path: string) => {
    return await readCredentialText(path, largestFile).catch((cause) => {
      throw unusable(`${path} cannot be read: ${whyUnreadable(cause, path)}`, cause);
    });
  };
  const pem = await read(settings.certificateFile);
  const keyPem = settings.keyFile === undefined ? pem : await read(settings.keyFile);
  try {
    const chain = certificates(pem).map((one) => new X509Certificate(one));
    const [certificate] = chain;
    const key = createPrivateKey(privateKeyPem(keyPem));
    if (certificate === undefined || key.asymmetricKeyType !== "rsa" || !certificate.checkPrivateKey(key)) {
      throw unusable(`${settings.certificateFile} holds no certificate that an RSA key belongs to`);
    }
    const jwt = signedJwt("PS256", header(certificate, settings.sendChain ? chain : []), claims(settings, wall), key);
    return { jwt, expiresAt: Date.parse(certificate.validTo) };
  } catch (thrown) {
    if (thrown instanceof KmsError) throw thrown;
    throw unusable(`${settings.certificateFile} holds no certificate and key that can be used`, thrown);
  }
}

function header(certificate: X509Certificate, chain: readonly X509Certificate[]): Record<string, unknown> {
  return {
    "x5t#S256": base64url(sha256(certificate.raw)),
    ...(chain.length === 0 ? {} : { x5c: chain.map(({ raw }) => raw.toString("base64")) }),
  };
}

function claims({ clientId, audience }: AssertionSettings, wall: number): Record<string, unknown> {
  const now = Math.floor(wall / 1000);
  const jti = crypto.randomUUID();
  return { aud: audience, iss: clientId, sub: clientId, jti, iat: now, nbf: now, exp: now + lifetime };
}

function certificates(pem: string): readonly string[] {
  return pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
}
