/**
 * Signatures in the format of minisign: Ed25519 over the BLAKE2b-512 of a file (the prehashed form, `ED`), and a second
 * signature over the first one and the trusted comment.
 *
 * @module
 */
import { createHash, createPublicKey, type KeyObject, verify } from "node:crypto";
import { base64url, concat, fromBase64, hex, sameBytes, utf8 } from "../base/bytes.ts";
import { ReleaseError } from "./release_error.ts";

/** Sizes in bytes. */
const sizes = { algorithm: 2, keyId: 8, publicKey: 32, signature: 64 } as const;

/** A public key. */
export interface MinisignKey {
  /** 8 bytes, which only help to find the right key. */
  readonly keyId: Uint8Array;
  readonly key: KeyObject;
}

/** A signature with its second one. */
interface MinisignSignature {
  readonly keyId: Uint8Array;
  /** 64 bytes over the hash of the file. */
  readonly signature: Uint8Array;
  readonly trustedComment: string;
  /** 64 bytes over `signature` and the trusted comment. */
  readonly globalSignature: Uint8Array;
}

/**
 * Reads a public key: the file that `minisign -G` wrote, or its second line alone.
 *
 * @throws {ReleaseError}
 */
export function parseMinisignKey(text: string): MinisignKey {
  const line = text.split("\n").map((row) => row.trim()).findLast((row) => row !== "") ?? "";
  const bytes = fromBase64(line);
  const { algorithm, keyId, publicKey } = sizes;
  if (bytes?.length !== algorithm + keyId + publicKey || !begins(bytes, "Ed")) {
    throw new ReleaseError("Cannot read the public key: it is not one of minisign.");
  }
  return { keyId: bytes.subarray(2, 10), key: ed25519PublicKey(bytes.subarray(10)) };
}

/** A public key of Ed25519. @param bytes 32 bytes. */
export function ed25519PublicKey(bytes: Uint8Array): KeyObject {
  return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: base64url(bytes) }, format: "jwk" });
}

/** The bytes that a prehashed signature signs. */
export function minisignHash(content: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("blake2b512").update(content).digest());
}

/**
 * Verifies a signature.
 *
 * @param text the file that ends in `.minisig`.
 * @returns the trusted comment.
 * @throws {ReleaseError} if one of the two signatures does not hold, or is of another key.
 */
export function verifyMinisign(content: Uint8Array, text: string, { keyId, key }: MinisignKey): string {
  const parsed = parseSignature(text);
  if (!sameBytes(parsed.keyId, keyId)) {
    const [made, given] = [parsed.keyId, keyId].map((id) => hex(id.toReversed()).toUpperCase());
    throw new ReleaseError(`The signature is of the key ${made}, and the public key is ${given}.`);
  }
  const { signature, trustedComment, globalSignature } = parsed;
  if (!verify(null, minisignHash(content), key, signature)) {
    throw new ReleaseError("The signature does not hold: the file was changed, or the key is another one.");
  }
  if (!verify(null, concat(signature, utf8(trustedComment)), key, globalSignature)) {
    throw new ReleaseError("The signature of the trusted comment does not hold.");
  }
  return trustedComment;
}

function parseSignature(text: string): MinisignSignature {
  const [untrusted = "", first = "", comment = "", second = "", ...rest] = text.split("\n");
  const [bytes, globalSignature] = [fromBase64(first), fromBase64(second)];
  const [, trustedComment] = /^trusted comment: (.*)$/.exec(comment) ?? [];
  const { algorithm, keyId, signature } = sizes;
  const isWhole = untrusted.startsWith("untrusted comment: ") && rest.join("") === "" &&
    bytes?.length === algorithm + keyId + signature && globalSignature?.length === signature;
  if (!isWhole || trustedComment === undefined) {
    throw new ReleaseError("Cannot read the signature: it is not one of minisign.");
  }
  if (!begins(bytes, "ED")) throw new ReleaseError("Cannot use the signature: it is not of the prehashed form.");
  return { keyId: bytes.subarray(2, 10), signature: bytes.subarray(10), trustedComment, globalSignature };
}

function begins(bytes: Uint8Array, algorithm: string): boolean {
  return sameBytes(bytes.subarray(0, 2), utf8(algorithm));
}
