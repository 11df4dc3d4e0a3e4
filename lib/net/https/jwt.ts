/**
 * Signed JSON Web Tokens, with which a login proves possession of a private key (RFC 7519, RFC 7515).
 *
 * @module
 */
import { constants, type KeyObject, sign } from "node:crypto";
import { base64url, utf8 } from "../../base/bytes.ts";

/** RSA with SHA-256; names of RFC 7518, section 3.1. */
const algorithms = {
  PS256: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST },
  RS256: { padding: constants.RSA_PKCS1_PADDING },
} as const;

/**
 * A token in the compact serialization.
 *
 * @param header header parameters in addition to `alg` and `typ`.
 */
export function signedJwt(
  alg: keyof typeof algorithms,
  header: Readonly<Record<string, unknown>>,
  claims: Readonly<Record<string, unknown>>,
  key: KeyObject,
): string {
  const signed = `${part({ alg, typ: "JWT", ...header })}.${part(claims)}`;
  return `${signed}.${base64url(sign("sha256", utf8(signed), { key, ...algorithms[alg] }))}`;
}

/** The first private key in a PEM text; `""` if there is none. */
export function privateKeyPem(pem: string): string {
  return /-----BEGIN (RSA )?PRIVATE KEY-----[\s\S]*?-----END (RSA )?PRIVATE KEY-----/.exec(pem)?.[0] ?? "";
}

function part(value: unknown): string {
  return base64url(utf8(JSON.stringify(value)));
}
