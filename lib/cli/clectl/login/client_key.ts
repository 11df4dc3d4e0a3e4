/**
 * Key pairs of client certificates.
 *
 * @module
 */
import { generateKeyPairSync } from "node:crypto";
import { base64 } from "../../../base/bytes.ts";

/** A new key pair on P-256. */
export interface ClientKey {
  /** PKCS #8, PEM. */
  readonly key: string;
  /** SubjectPublicKeyInfo in DER, base64. */
  readonly publicKey: string;
}

/** Makes a key pair. */
export function newClientKey(): ClientKey {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return {
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    publicKey: base64(new Uint8Array(publicKey.export({ type: "spki", format: "der" }))),
  };
}
