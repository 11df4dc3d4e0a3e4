/**
 * What is asked of good requests: what goes in comes out, within kube-apiserver's limits.
 *
 * @module
 */
import { equalBytes, utf8 } from "../base/bytes.ts";
import { complaintAboutCipher, complaintAboutSealed } from "../api/kms/limits.ts";
import { newPlaintext, type Sealer } from "./sealer.ts";
import type { Subject, SubjectSealed } from "./subject.ts";
import { meets, Unmet } from "./verdict.ts";

/** Bytes: the length that a Trousseau in front of the plugin wraps (47), and lengths of other callers. */
const lengths = [47, 64, 128] as const;

export async function announcesWhatItUses(subject: Subject): Promise<string> {
  const before = (await subject.status()).key_id;
  const { key_id: used } = await subject.v2().seal(newPlaintext());
  const after = (await subject.status()).key_id;
  if (used !== before && used !== after) throw new Unmet(`Encrypt said ${used}, and Status ${after}`);
  return "";
}

export async function keepsToLimits(subject: Subject): Promise<string> {
  const sealed = await subject.v2().seal(newPlaintext());
  meets(complaintAboutSealed(sealed));
  const pairs = Object.entries(sealed.annotations);
  const size = pairs.reduce((sum, [key, value]) => sum + utf8(key).length + value.length, 0);
  return `${sealed.ciphertext.length} bytes, and ${size} in ${pairs.length} annotations`;
}

export async function keepsToV1Limits(subject: Subject): Promise<string> {
  const cipher = await subject.v1beta1().seal(newPlaintext());
  meets(complaintAboutCipher(cipher));
  return `${cipher.length} bytes`;
}

export const opensSeed = (subject: Subject): Promise<string> => comesBack(subject.v2(), [32]);
export const opensOthers = (subject: Subject): Promise<string> => comesBack(subject.v2(), lengths);
/** The API server's health check encrypts the four bytes `ping`. */
export const opensV1Seed = (subject: Subject): Promise<string> => comesBack(subject.v1beta1(), [4, 32]);

export const sealsDiffer = async (subject: Subject): Promise<string> =>
  await differ(subject.v2(), ({ ciphertext }: SubjectSealed) => ciphertext);
export const v1SealsDiffer = async (subject: Subject): Promise<string> =>
  await differ(subject.v1beta1(), (cipher) => cipher);

/** @throws {Unmet} if something comes back as something else. */
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
