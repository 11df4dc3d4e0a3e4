/**
 * Criteria for valid requests: the plaintext is restored, and responses are within kube-apiserver's limits.
 *
 * @module
 */
import { equalBytes, utf8 } from "../base/bytes.ts";
import { complaintAboutCipher, complaintAboutSealed } from "../api/kms/limits.ts";
import { newPlaintext, type Sealer } from "./sealer.ts";
import type { Subject, SubjectSealed } from "./subject.ts";
import { meets, Unmet } from "./verdict.ts";

/** Plaintext lengths in bytes: that of a Trousseau whose provider is the plugin (47), and those of other callers. */
const lengths = [47, 64, 128] as const;

/** Encrypt uses the key ID that Status announced before or after it. */
export async function announcesWhatItUses(subject: Subject): Promise<string> {
  const before = (await subject.status()).key_id;
  const { key_id: used } = await subject.v2().seal(newPlaintext());
  const after = (await subject.status()).key_id;
  if (used !== before && used !== after) throw new Unmet(`Encrypt said ${used}, and Status ${after}`);
  return "";
}

/** A response of Encrypt is within kube-apiserver's limits. */
export async function keepsToLimits(subject: Subject): Promise<string> {
  const sealed = await subject.v2().seal(newPlaintext());
  meets(complaintAboutSealed(sealed));
  const pairs = Object.entries(sealed.annotations);
  const size = pairs.reduce((sum, [key, value]) => sum + utf8(key).length + value.length, 0);
  return `${sealed.ciphertext.length} bytes, and ${size} in ${pairs.length} annotations`;
}

/** A v1beta1 ciphertext is within kube-apiserver's limits. */
export async function keepsToV1Limits(subject: Subject): Promise<string> {
  const cipher = await subject.v1beta1().seal(newPlaintext());
  meets(complaintAboutCipher(cipher));
  return `${cipher.length} bytes`;
}

/** A DEK seed of kube-apiserver, 32 bytes, is restored. */
export const opensSeed = (subject: Subject): Promise<string> => comesBack(subject.v2(), [32]);
/** Plaintexts of other lengths are restored. */
export const opensOthers = (subject: Subject): Promise<string> => comesBack(subject.v2(), lengths);
/** The API server's health check encrypts the four bytes `ping`. */
export const opensV1Seed = (subject: Subject): Promise<string> => comesBack(subject.v1beta1(), [4, 32]);

/** Two ciphertexts of one plaintext differ. */
export const sealsDiffer = async (subject: Subject): Promise<string> =>
  await differ(subject.v2(), ({ ciphertext }: SubjectSealed) => ciphertext);
/** The same for v1beta1. */
export const v1SealsDiffer = async (subject: Subject): Promise<string> =>
  await differ(subject.v1beta1(), (cipher) => cipher);

/** @throws {Unmet} if a plaintext is not restored. */
export async function comesBack<S>(sealer: Sealer<S>, sizes: readonly number[]): Promise<string> {
  for (const size of sizes) {
    const plaintext = newPlaintext(size);
    const opened = await sealer.open(await sealer.seal(plaintext));
    if (!equalBytes(opened, plaintext)) throw new Unmet(`${size} bytes came back as others`);
  }
  return `${sizes.join(", ")} bytes`;
}

async function differ<S>(sealer: Sealer<S>, bytesOf: (sealed: S) => Uint8Array): Promise<string> {
  const plaintext = newPlaintext();
  const [one, other] = [await sealer.seal(plaintext), await sealer.seal(plaintext)];
  if (equalBytes(bytesOf(one), bytesOf(other))) throw new Unmet("whoever sees two knows that they hold the same");
  return "";
}
