/**
 * What seals and opens, whatever it is: an API of a KMS plugin, or a provider. What is tried on one is tried on all.
 *
 * @module
 */
import { equalBytes } from "../base/bytes.ts";
import { type KmsError, toKmsError } from "../base/errors.ts";
import { isUnconnected } from "../net/grpc/status.ts";

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
  /** Whether no other is under way beside it: what ends a process takes down all that it is at work on. */
  readonly alone?: boolean;
}

/** What came of an attempt to open something. */
export interface Opening {
  readonly what: string;
  /**
   * `same` as what was sealed; a wrong plaintext that is answered as good is `other`; `lost` where nobody answered, since
   * the connection broke or none could be made.
   */
  readonly result: "same" | "other" | "refused" | "lost";
  /** Why it was refused or lost. */
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
  for (const some of lotsOf(variants)) {
    openings.push(
      ...await Promise.all(some.map(({ what, sealed }) => opening(what, sealer.open(sealed), plaintext))),
    );
  }
  return openings;
}

function lotsOf<Sealed>(variants: readonly Variant<Sealed>[]): readonly (readonly Variant<Sealed>[])[] {
  const lots: Variant<Sealed>[][] = [];
  for (const variant of variants) {
    const last = lots.at(-1);
    const joins = last !== undefined && last.length < lot && !variant.alone && !last[0]?.alone;
    if (joins) last.push(variant);
    else lots.push([variant]);
  }
  return lots;
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
    const error = toKmsError(thrown);
    return { what, result: isUnconnected(error) ? "lost" : "refused", error };
  }
}

/** Random bytes to be sealed; a DEK seed of kube-apiserver has 32. */
export function newPlaintext(length = 32): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length));
}
