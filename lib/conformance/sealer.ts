/**
 * What seals and opens, whatever it is: an API of a KMS plugin, or a provider. What is tried on one is tried on all.
 *
 * @module
 */
import { equalBytes } from "../bytes.ts";
import { type KmsError, toKmsError } from "../errors.ts";

/** Seals bytes and opens what it sealed. */
export interface Sealer<Sealed> {
  /** @throws {KmsError} */
  seal(plaintext: Uint8Array): Promise<Sealed>;
  /** @throws {KmsError} */
  open(sealed: Sealed): Promise<Uint8Array>;
}

/** Something sealed, with a few words on what was done to it. */
export interface Variant<Sealed> {
  readonly what: string;
  readonly sealed: Sealed;
}

/** What came of an attempt to open something. */
export interface Opening {
  readonly what: string;
  /** `same` as what was sealed; a wrong plaintext that is answered as good is `other`. */
  readonly result: "same" | "other" | "refused";
  /** Why it was refused. */
  readonly error?: KmsError;
}

/** So many calls are under way at once: a KMS over the network is not to be stormed. */
const lot = 32;

/** Hands in each variant of what was sealed from `plaintext`. */
export async function openAll<Sealed>(
  sealer: Sealer<Sealed>,
  plaintext: Uint8Array,
  variants: readonly Variant<Sealed>[],
): Promise<readonly Opening[]> {
  const openings: Opening[] = [];
  for (let at = 0; at < variants.length; at += lot) {
    const some = variants.slice(at, at + lot).map(({ what, sealed }) => opening(what, sealer.open(sealed), plaintext));
    openings.push(...await Promise.all(some));
  }
  return openings;
}

/**
 * Seals many plaintexts at once and opens them at once, with `bad` in place of every tenth.
 *
 * @returns for each plaintext what came of it: `refused` where it was `bad`, if all is well, and `same` elsewhere.
 */
export async function openAtOnce<Sealed>(
  sealer: Sealer<Sealed>,
  plaintexts: readonly Uint8Array[],
  bad: Sealed,
): Promise<readonly Opening[]> {
  const sealed = await Promise.all(plaintexts.map((plaintext) => sealer.seal(plaintext)));
  return await Promise.all(plaintexts.map((plaintext, index) => {
    const handedIn = isBad(index) ? bad : sealed[index];
    return opening(`call ${index}`, sealer.open(handedIn as Sealed), plaintext);
  }));
}

/** Whether {@linkcode openAtOnce} hands in something bad at this place. */
export function isBad(index: number): boolean {
  return index % 10 === 5;
}

async function opening(what: string, work: Promise<Uint8Array>, plaintext: Uint8Array): Promise<Opening> {
  try {
    return { what, result: equalBytes(await work, plaintext) ? "same" : "other" };
  } catch (thrown) {
    return { what, result: "refused", error: toKmsError(thrown) };
  }
}

/** Random bytes to be sealed; a DEK seed of kube-apiserver has 32. */
export function newPlaintext(length = 32): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length));
}
