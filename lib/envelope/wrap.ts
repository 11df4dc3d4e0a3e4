/**
 * Wraps: one DEK wrapped by several KMS keys, their annotations, and the reference to them.
 *
 * @module
 */
import {
  ByteReader,
  ByteWriter,
  compareTexts,
  concat,
  exactText,
  fieldSize,
  sameBytes,
  sha256,
  sha256Hex,
  uint16,
  utf8,
} from "../base/bytes.ts";
import { KmsError } from "../base/errors.ts";
import { providerLimits, type WrappedDek } from "../provider/provider.ts";

/** A wrapped DEK and the name of the provider that wrapped it. */
export interface Wrap extends WrappedDek {
  readonly name: string;
}

/** Maximum number of wraps of one envelope: eight providers, and their former names. */
export const maxWraps = 16;

/** Suffix of an annotation's key. The API server requires lowercase domain names of two labels or more. */
const annotationSuffix = ".wrap.trousseau.io";

const annotationFormat = 1;
const domain = utf8("trousseau/1 wraps");
const dnsLabel = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** The error for stored bytes that Trousseau did not write, or that were changed. */
export function foreignBytes(what: string): KmsError {
  return new KmsError("integrity", `Cannot decrypt: ${what}; the stored value was changed or is not Trousseau's.`);
}

/**
 * An envelope's reference to its wraps: SHA-256 over their canonical form. It is checked before any remote call, and it is
 * the key of the unwrap cache.
 *
 * @returns 32 bytes, the same for any order of the wraps.
 */
export function referenceTo(wraps: readonly Wrap[]): Uint8Array {
  return sha256(canonical(wraps));
}

/** Whether a reference, in hexadecimal, is that to these wraps. */
export function isReferenceTo(reference: string, wraps: readonly Wrap[]): boolean {
  return sha256Hex(canonical(wraps)) === reference;
}

/** Domain · number of wraps in 4 bytes · for each wrap in the order of names: name, version, wrapped DEK, each behind its length. */
function canonical(wraps: readonly Wrap[]): Uint8Array {
  const sorted = wraps.toSorted((a, b) => compareTexts(a.name, b.name));
  let size = domain.length + 4;
  for (const { name, version, ciphertext } of sorted) {
    size += fieldSize(name) + fieldSize(version) + fieldSize(ciphertext);
  }
  const writer = new ByteWriter(size).bytes(domain).uint32(sorted.length);
  for (const { name, version, ciphertext } of sorted) writer.field(name).field(version).field(ciphertext);
  return writer.written();
}

/** A copy that does not share memory with the request. */
export function ownWraps(wraps: readonly Wrap[]): readonly Wrap[] {
  return wraps.map(({ name, version, ciphertext }) => ({ name, version, ciphertext: ciphertext.slice() }));
}

/**
 * Whether these are the same wraps, in any order: then {@linkcode referenceTo} is the same too. This is much cheaper.
 *
 * @param known wraps whose names all differ.
 */
export function areSameWraps(known: readonly Wrap[], wraps: readonly Wrap[]): boolean {
  return known.length === wraps.length && known.every(({ name, version, ciphertext }) => {
    const other = wraps.find((wrap) => wrap.name === name);
    return other !== undefined && other.version === version && sameBytes(other.ciphertext, ciphertext);
  });
}

/** Wraps as KMS v2 annotations: format in 1 byte · version behind 2 bytes of length · wrapped DEK. */
export function encodeAnnotations(wraps: readonly Wrap[]): Record<string, Uint8Array> {
  return Object.fromEntries(wraps.map(({ name, version, ciphertext }) => {
    const versionBytes = utf8(version);
    return [
      name + annotationSuffix,
      concat(Uint8Array.of(annotationFormat), uint16(versionBytes.length), versionBytes, ciphertext),
    ];
  }));
}

/**
 * Wraps from KMS v2 annotations. An unknown annotation is refused like a missing one, so that every byte from etcd is
 * authenticated.
 *
 * @param decode decodes one annotation; see {@linkcode AnnotationReader}.
 * @throws {KmsError} `integrity`.
 */
export function decodeAnnotations(
  annotations: Readonly<Record<string, Uint8Array>>,
  decode: (key: string, value: Uint8Array) => Wrap = decodeAnnotation,
): Wrap[] {
  const keys = Object.keys(annotations);
  if (keys.length === 0) throw foreignBytes("the annotations are missing");
  if (keys.length > maxWraps) throw foreignBytes("there are too many annotations");
  return keys.map((key) => decode(key, annotations[key] as Uint8Array));
}

/**
 * Decodes annotations, and keeps the last valid one of each key: most Decrypts in a row have the annotations of one data
 * key, and a comparison of bytes costs a tenth of decoding them.
 */
export class AnnotationReader {
  readonly #last = new Map<string, { readonly value: Uint8Array; readonly wrap: Wrap }>();

  /** As {@linkcode decodeAnnotations}. The wraps share no memory with the annotations. */
  readonly decode = (key: string, value: Uint8Array): Wrap => {
    const last = this.#last.get(key);
    if (last !== undefined && sameBytes(last.value, value)) return last.wrap;
    const own = value.slice();
    const wrap = decodeAnnotation(key, own);
    // A request can have any keys: of more than an envelope can have, none is kept.
    if (last === undefined && this.#last.size >= maxWraps) this.#last.clear();
    this.#last.set(key, { value: own, wrap });
    return wrap;
  };
}

/** The size in bytes of a provider's largest annotation, key and value, for a wrap of `maxWrap` bytes. */
export function largestAnnotation(name: string, maxWrap: number): number {
  return name.length + annotationSuffix.length + 1 + 2 + providerLimits.version + maxWrap;
}

function decodeAnnotation(key: string, value: Uint8Array): Wrap {
  const name = key.endsWith(annotationSuffix) ? key.slice(0, -annotationSuffix.length) : "";
  if (!dnsLabel.test(name)) throw foreignBytes("an annotation is not one of ours");
  const reader = new ByteReader(value);
  const format = reader.uint8();
  const versionBytes = reader.field16();
  const ciphertext = reader.rest();
  const version = versionBytes && exactText(versionBytes);
  if (format !== annotationFormat || !version || !ciphertext?.length) throw foreignBytes("an annotation is damaged");
  if (versionBytes.length > providerLimits.version || ciphertext.length > providerLimits.ciphertext) {
    throw foreignBytes("an annotation is too long");
  }
  return { name, version, ciphertext };
}
