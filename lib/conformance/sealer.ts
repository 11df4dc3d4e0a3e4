/**
 * A common interface of the APIs of a KMS plugin and of providers, so that all pass the same tests.
 *
 * @module
 */
import { equalBytes } from "../base/bytes.ts";
import { type KmsError, toKmsError } from "../base/errors.ts";
import { isUnconnected } from "../net/grpc/status.ts";

/** Encrypts bytes and decrypts its own output. */
export interface Sealer<Sealed> {
  /** @throws {KmsError} */
  seal(plaintext: Uint8Array): Promise<Sealed>;
  /** @throws {KmsError} */
  open(sealed: Sealed): Promise<Uint8Array>;
}

/** A sealed value that was changed; `what` describes the change in a few words. */
export interface Variant<Sealed> {
  readonly what: string;
  readonly sealed: Sealed;
  /**
   * Whether it must be sent while no other call is in progress. A request that ends the process fails all calls in
   * progress.
   */
  readonly alone?: boolean;
}

/** The result of an attempt to decrypt. */
export interface Opening {
  /** The change, as in {@linkcode Variant}. */
  readonly what: string;
  /**
   * `same`: the original plaintext. `other`: a wrong plaintext in a successful response. `lost`: no response, since the
   * connection broke or could not be made.
   */
  readonly result: "same" | "other" | "refused" | "lost";
  /** The error of a refused or lost call. */
  readonly error?: KmsError;
}

/** Maximum number of concurrent calls, to limit the load on a remote KMS. */
const batchSize = 32;

/** Decrypts each variant of a value that was sealed from `plaintext`. */
export async function openAll<Sealed>(
  sealer: Sealer<Sealed>,
  plaintext: Uint8Array,
  variants: readonly Variant<Sealed>[],
): Promise<readonly Opening[]> {
  const openings: Opening[] = [];
  for (const some of batchesOf(variants)) {
    openings.push(
      ...await Promise.all(some.map(({ what, sealed }) => opening(what, sealer.open(sealed), plaintext))),
    );
  }
  return openings;
}

function batchesOf<Sealed>(variants: readonly Variant<Sealed>[]): readonly (readonly Variant<Sealed>[])[] {
  const batches: Variant<Sealed>[][] = [];
  for (const variant of variants) {
    const last = batches.at(-1);
    const joins = last !== undefined && last.length < batchSize && !variant.alone && !last[0]?.alone;
    if (joins) last.push(variant);
    else batches.push([variant]);
  }
  return batches;
}

/**
 * Seals many plaintexts concurrently and opens them concurrently, with `bad` instead of every tenth.
 *
 * @returns the result for each plaintext. Expected are `refused` for `bad` and `same` for all others.
 */
export async function openAtOnce<Sealed>(
  sealer: Sealer<Sealed>,
  plaintexts: readonly Uint8Array[],
  bad: Sealed,
): Promise<readonly Opening[]> {
  const sealed = await Promise.all(plaintexts.map((plaintext) => sealer.seal(plaintext)));
  return await Promise.all(plaintexts.map((plaintext, index) => {
    const sent = isBad(index) ? bad : sealed[index];
    return opening(`call ${index}`, sealer.open(sent as Sealed), plaintext);
  }));
}

/** Whether {@linkcode openAtOnce} sends `bad` at this index. */
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

/** Random bytes. The default length is that of a DEK seed of kube-apiserver, 32 bytes. */
export function newPlaintext(length = 32): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length));
}
