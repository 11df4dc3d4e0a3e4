/**
 * Secret keys of minisign, and signing with them.
 *
 * `minisign -G -W` makes a key without a password, `minisign -G` one with a password. The password comes from standard
 * input, since arguments and variables can be read by other processes.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createPrivateKey, createPublicKey, type KeyObject, scryptSync, sign } from "node:crypto";
import { base64, base64url, concat, fromBase64, sameBytes, utf8 } from "../../lib/base/bytes.ts";
import { minisignHash } from "../../lib/release/minisign.ts";

/** A secret key, ready to sign. */
export interface SigningKey {
  /** 8 bytes. */
  readonly keyId: Uint8Array;
  readonly key: KeyObject;
}

/** The places of the fields in the 158 bytes of a key file. */
const layout = {
  algorithm: [0, 2],
  derivation: [2, 4],
  checksumAlgorithm: [4, 6],
  salt: [6, 38],
  operations: [38, 46],
  memory: [46, 54],
  /** Key ID (8 bytes), seed (32), public key (32) and checksum (32); encrypted if there is a password. */
  secret: [54, 158],
} as const satisfies Record<string, readonly [number, number]>;

const field = (bytes: Uint8Array, [start, end]: readonly [number, number]) => bytes.subarray(start, end);

/** Whether the key has a password. @throws {Error} if this is no secret key of minisign. */
export function hasPassword(text: string): boolean {
  return sameBytes(field(keyBytes(text), layout.derivation), utf8("Sc"));
}

/**
 * Reads a secret key.
 *
 * @param text the file.
 * @param password its password; `undefined` if it has none.
 * @throws {Error} if this is no secret key of minisign, or the password is wrong.
 */
export function readSigningKey(text: string, password?: string): SigningKey {
  const bytes = keyBytes(text);
  const secret = hasPassword(text) ? decrypted(bytes, password ?? "") : field(bytes, layout.secret);
  const [keyId, seed, publicKey] = [secret.slice(0, 8), secret.slice(8, 40), secret.slice(40, 72)];
  const key = createPrivateKey({
    key: { kty: "OKP", crv: "Ed25519", d: base64url(seed), x: base64url(publicKey) },
    format: "jwk",
  });
  // The key file has a BLAKE2b-256 of itself. The public key tells a wrong password as well.
  const { x } = createPublicKey(pkcs8(seed)).export({ format: "jwk" });
  if (x !== base64url(publicKey)) {
    throw new Error("Cannot use the secret key: the password is wrong, or the file is damaged.");
  }
  return { keyId, key };
}

// RFC 8410, section 7: the DER before the 32 bytes of the seed.
function pkcs8(seed: Uint8Array): KeyObject {
  const prefix = new Uint8Array([0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20]);
  return createPrivateKey({ key: Buffer.from(concat(prefix, seed)), format: "der", type: "pkcs8" });
}

function keyBytes(text: string): Uint8Array {
  const line = text.split("\n").map((row) => row.trim()).findLast((row) => row !== "") ?? "";
  const bytes = fromBase64(line);
  const isKey = bytes?.length === layout.secret[1] && sameBytes(field(bytes, layout.algorithm), utf8("Ed")) &&
    sameBytes(field(bytes, layout.checksumAlgorithm), utf8("B2"));
  if (!isKey) throw new Error("Cannot read the secret key: it is not one that minisign -G has made.");
  return bytes;
}

function decrypted(bytes: Uint8Array, password: string): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [operations, memory] = [layout.operations, layout.memory].map(([at]) => Number(view.getBigUint64(at, true)));
  const { cost, parallelism } = scryptParameters(operations ?? 0, memory ?? 0);
  const options = { N: cost, r: 8, p: parallelism, maxmem: 256 * 8 * cost + (1 << 20) };
  const secret = field(bytes, layout.secret);
  const stream = new Uint8Array(scryptSync(utf8(password), field(bytes, layout.salt), secret.length, options));
  return secret.map((byte, at) => byte ^ (stream[at] ?? 0));
}

/** The most memory that a key may ask for, in bytes: minisign's own keys ask for 1 GiB. */
const maxMemory = 2 ** 31;

/**
 * The parameters of scrypt from libsodium's limits, as `crypto_pwhash_scryptsalsa208sha256` derives them.
 *
 * @param operations `opslimit`.
 * @param memory `memlimit` in bytes.
 */
export function scryptParameters(operations: number, memory: number): { cost: number; parallelism: number } {
  if (memory > maxMemory) throw new Error("Cannot read the secret key: its password takes more than 2 GiB of memory.");
  const limit = Math.max(operations, 32_768);
  const byOperations = limit < memory / 32;
  const highest = byOperations ? limit / 32 : memory / 1_024;
  let power = 1;
  while (power < 63 && 2 ** power <= highest / 2) power++;
  const parallelism = byOperations ? 1 : Math.max(1, Math.floor(Math.min(limit / 4 / 2 ** power, 0x3fffffff) / 8));
  return { cost: 2 ** power, parallelism };
}

/** The text of a signature file. Equal inputs give equal bytes. */
export function signMinisign(content: Uint8Array, { keyId, key }: SigningKey, trustedComment: string): string {
  const signature = new Uint8Array(sign(null, minisignHash(content), key));
  const second = new Uint8Array(sign(null, concat(signature, utf8(trustedComment)), key));
  const first = base64(concat(utf8("ED"), keyId, signature));
  return `untrusted comment: signature by minisign\n${first}\ntrusted comment: ${trustedComment}\n${base64(second)}\n`;
}
