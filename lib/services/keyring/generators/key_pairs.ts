/**
 * Key pairs for signatures and key agreement.
 *
 * @module
 */
import { generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import type { GeneratorSpec } from "../../../api/keyring/generators.ts";
import { opensshKeyPair } from "./openssh.ts";

/** A specification of a key pair. */
export type KeyPairSpec = Extract<GeneratorSpec, { kind: "ed25519" | "x25519" | "rsa" }>;

/** A key pair as text, and its strength. */
export interface GeneratedKeyPair {
  readonly privateKey: string;
  readonly publicKey: string;
  readonly bits: number;
}

/**
 * Security strength in bits: the work of the best known attack. RSA: NIST SP 800-56B, revision 2, appendix D. The curves:
 * RFC 8032, section 5.1, and RFC 7748, section 7.
 */
const strength = { curve: 128, 2048: 112, 3072: 128, 4096: 152 } as const;

const keyPair = promisify(generateKeyPair) as (
  type: string,
  options: { readonly modulusLength?: number; readonly publicExponent?: number },
) => Promise<{ readonly privateKey: KeyObject; readonly publicKey: KeyObject }>;

/** Makes a key pair. An RSA key is searched in a thread of its own, which takes seconds for 4,096 bits. */
export async function generateKeyPairText(spec: KeyPairSpec): Promise<GeneratedKeyPair> {
  const rsa = spec.kind === "rsa";
  const pair = await keyPair(spec.kind, rsa ? { modulusLength: spec.bits, publicExponent: 65537 } : {});
  const bits = rsa ? strength[spec.bits] : strength.curve;
  if (spec.kind !== "x25519" && spec.format === "openssh") {
    return { ...opensshKeyPair(pair.privateKey, spec.comment), bits };
  }
  return {
    privateKey: pair.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    publicKey: pair.publicKey.export({ type: "spki", format: "pem" }).toString(),
    bits,
  };
}
