/**
 * Tells by its bytes how a value in etcd is encrypted. Nothing is opened and no key is needed, so these are labels: an
 * attacker who can write to etcd can write any of them.
 *
 * Prefixes: `k8s:enc:aescbc:v1:KEY:`, `…:aesgcm:v1:KEY:`, `…:secretbox:v1:KEY:`, `…:kms:v1:PROVIDER:`,
 * `…:kms:v2:PROVIDER:`. Source: `k8s.io/apiserver` 0.36.3, `pkg/server/options/encryptionconfig`.
 *
 * @module
 */
import type { KmsApi } from "../../api/kms/messages.ts";
import { beginsWith, ByteReader, exactText, latin1, sameBytes } from "../../base/bytes.ts";
import { KmsError } from "../../base/errors.ts";
import { beginsAsOurs, decodeEnvelope, decodeFrame } from "../../envelope/format.ts";
import {
  type ForeignFormat,
  foreignFormats,
  type ForeignSealed,
  isOfFormat,
  readForeign,
} from "../../envelope/foreign_formats.ts";
import { decodeAnnotations } from "../../envelope/wrap.ts";
import { lastField, mapEntry, wireFields } from "../wire_fields.ts";

/** The ways in which a value can be stored. */
export const storedStates = {
  plain: "plain text, as no provider of the configuration reads it",
  identity: "plain text, which the provider identity of the configuration reads",
  aescbc: "AES-CBC with a key of the configuration",
  aesgcm: "AES-GCM with a key of the configuration",
  secretbox: "XSalsa20-Poly1305 with a key of the configuration",
  "kms-v1": "KMS v1 by another plugin",
  "kms-v2": "KMS v2 by another plugin",
  foreign: "KMS by another plugin whose format Trousseau reads",
  "trousseau-v1beta1": "KMS v1 by Trousseau",
  "trousseau-v2": "KMS v2 by Trousseau",
  unknown: "an encryption that kube-apiserver 1.36 does not have",
} as const satisfies Record<string, string>;

/** A row of {@linkcode storedStates}. */
export type StoredState = keyof typeof storedStates;

/** A wrap of the data key, without its bytes. */
export interface WrapLabel {
  /** Name of the provider in the plugin's configuration; `""` if the format has no names. */
  readonly name: string;
  /** Version of the KEK; `-` if the format has none. */
  readonly version: string;
}

/** Labels of a value. */
export interface StoredLabel {
  readonly state: StoredState;
  /** Name of the KMS provider or of the key in the EncryptionConfiguration. */
  readonly provider: string | null;
  /** KMS v2: as the plugin announced it. KMS v1 by Trousseau: the one in the frame. */
  readonly keyId: string | null;
  /** The other plugin, for `foreign`. */
  readonly format: ForeignFormat | null;
  /** In the order of their names. */
  readonly wraps: readonly WrapLabel[];
}

const noLabels = { provider: null, keyId: null, format: null, wraps: [] } as const;

/** Kind, version, and name of the provider or key. */
const prefix = /^k8s:enc:([a-z0-9]{1,32}):(v[0-9]{1,4}):([^:]{1,256}):/;

/** Maximum length of a prefix in bytes. */
const maxPrefix = 320;

/** The parts of a value that is encrypted. */
export interface EncryptedValue {
  /** As in `kms:v2`. */
  readonly transformer: string;
  /** Name of the KMS provider or of the key. */
  readonly provider: string;
  /** All that follows the prefix. */
  readonly rest: Uint8Array;
}

/** Splits the prefix from a value; `plain` for a value without one, `undefined` for one of another form. */
export function readStoredValue(value: Uint8Array): EncryptedValue | "plain" | undefined {
  if (!startsWith(value, "k8s:enc:")) return "plain";
  const head = latin1(value.subarray(0, maxPrefix));
  const [whole, kind, version, name] = prefix.exec(head) ?? [];
  if (whole === undefined || name === undefined) return undefined;
  const provider = exactText(value.subarray(whole.length - 1 - name.length, whole.length - 1)) ?? name;
  return { transformer: `${kind}:${version}`, provider, rest: value.subarray(whole.length) };
}

/** The labels of a value. Total: any bytes have some. */
export function storedLabels(value: Uint8Array): StoredLabel {
  const read = readStoredValue(value);
  if (read === "plain") return { state: "plain", ...noLabels };
  if (read === undefined) return { state: "unknown", ...noLabels };
  const { transformer, provider, rest } = read;
  switch (transformer) {
    case "aescbc:v1":
      return { state: "aescbc", ...noLabels, provider };
    case "aesgcm:v1":
      return { state: "aesgcm", ...noLabels, provider };
    case "secretbox:v1":
      return { state: "secretbox", ...noLabels, provider };
    case "kms:v1":
      return kmsV1(rest, provider);
    case "kms:v2":
      return kmsV2(rest, provider);
    default:
      return { state: "unknown", ...noLabels, provider };
  }
}

/** KMS v1: length of the plugin's cipher in two bytes · the cipher · the object under the DEK. */
function kmsV1(rest: Uint8Array, provider: string): StoredLabel {
  const ciphertext = new ByteReader(rest).field16() ?? new Uint8Array(0);
  if (beginsAsOurs(ciphertext, "v1beta1")) {
    const frame = unlessForeign(() => decodeFrame(ciphertext, "v1beta1"));
    if (frame !== undefined) {
      return { state: "trousseau-v1beta1", provider, keyId: frame.keyId, format: null, wraps: sorted(frame.wraps) };
    }
  }
  return foreign({ keyId: "", ciphertext, annotations: {} }, "v1beta1", provider) ??
    { state: "kms-v1", provider, keyId: null, format: null, wraps: [] };
}

/** Field numbers of `EncryptedObject` of `k8s.io/kms` 0.36. */
const encryptedObject = { keyId: 2, dekSource: 3, annotations: 4 } as const;

/**
 * Reads labels of many values. Values that one kube-apiserver wrote under KMS v2 with one seed differ in their data alone,
 * so that the rest is parsed once.
 */
export class LabelReader {
  /** By a number that few of them share. */
  readonly #known = new Map<number, KnownLabel>();

  /** The labels of a value, as {@linkcode storedLabels}. The value is not kept. */
  read(value: Uint8Array): StoredLabel {
    const end = value.length > maxPrefix ? endOfData(value) : undefined;
    if (end === undefined || value.length - end.data > maxRest) return storedLabels(value);
    const rest = value.subarray(end.data);
    const sample = sampleOf(rest, end.prefix);
    const known = this.#known.get(sample);
    if (known !== undefined && sameBytes(known.rest, rest) && beginsWith(value, known.prefix)) return known.labels;
    const labels = storedLabels(value);
    if (this.#known.size >= maxKnown) this.#known.clear();
    this.#known.set(sample, { prefix: value.slice(0, end.prefix), rest: rest.slice(), labels });
    return labels;
  }
}

/** The parts of a value beside its data and its labels. */
interface KnownLabel {
  readonly prefix: Uint8Array;
  readonly rest: Uint8Array;
  readonly labels: StoredLabel;
}

/** Maximum number of labels that are kept, and of bytes beside the data in a value whose labels are kept. */
const [maxKnown, maxRest] = [256, 4_096] as const;

/** Number of bytes of a sample: enough that two random seeds differ in them. */
const sampled = 32;

/** A number that differs for most values whose seeds do. */
function sampleOf(rest: Uint8Array, prefix: number): number {
  let sample = prefix;
  const step = Math.max(1, Math.floor(rest.length / sampled));
  for (let at = 0; at < rest.length; at += step) sample = (Math.imul(sample, 31) + (rest[at] ?? 0)) | 0;
  return sample;
}

const kmsV2Prefix = "k8s:enc:kms:v2:";

/** Tag of the field `data`, which kube-apiserver writes first. */
const dataTag = 0x0a;

/** Where prefix and data of a KMS v2 value end; `undefined` for any other value. */
function endOfData(value: Uint8Array): { readonly prefix: number; readonly data: number } | undefined {
  if (!startsWith(value, kmsV2Prefix)) return undefined;
  const prefix = value.indexOf(0x3a, kmsV2Prefix.length) + 1;
  if (prefix === 0 || value[prefix] !== dataTag) return undefined;
  let [length, at] = [0, prefix + 1];
  for (let scale = 1; scale <= 1 << 21; scale *= 128) {
    const byte = value[at++] ?? 0;
    length += (byte & 0x7f) * scale;
    if (byte < 0x80) break;
  }
  return at + length <= value.length ? { prefix, data: at + length } : undefined;
}

function kmsV2(rest: Uint8Array, provider: string): StoredLabel {
  const fields = wireFields(rest) ?? [];
  const keyIdBytes = lastField(fields, encryptedObject.keyId)?.bytes;
  const keyId = keyIdBytes === undefined ? null : exactText(keyIdBytes) ?? latin1(keyIdBytes);
  const ciphertext = lastField(fields, encryptedObject.dekSource)?.bytes ?? new Uint8Array(0);
  const annotations = Object.fromEntries(fields.filter(({ id }) => id === encryptedObject.annotations).map(mapEntry));
  if (beginsAsOurs(ciphertext, "v2")) {
    const wraps = unlessForeign(() => decodeEnvelope(ciphertext) && decodeAnnotations(annotations));
    if (wraps !== undefined) return { state: "trousseau-v2", provider, keyId, format: null, wraps: sorted(wraps) };
  }
  return foreign({ keyId: keyId ?? "", ciphertext, annotations }, "v2", provider) ??
    { state: "kms-v2", provider, keyId, format: null, wraps: [] };
}

function foreign(sealed: ForeignSealed, api: KmsApi, provider: string): StoredLabel | undefined {
  for (const format of foreignFormats) {
    if (!isOfFormat(format, sealed.ciphertext, api, {})) continue;
    const wraps = unlessForeign(() => readForeign(format, sealed, api));
    if (wraps === undefined) continue;
    const labels = wraps.map(({ written, version }) => ({ name: written, version }));
    return { state: "foreign", provider, keyId: api === "v2" ? sealed.keyId : null, format, wraps: sorted(labels) };
  }
  return undefined;
}

/** The result of a parser, or `undefined` if it refuses the bytes. */
function unlessForeign<Value>(parse: () => Value): Value | undefined {
  try {
    return parse();
  } catch (thrown) {
    if (thrown instanceof KmsError && thrown.code === "integrity") return undefined;
    throw thrown;
  }
}

function sorted(wraps: readonly WrapLabel[]): readonly WrapLabel[] {
  return wraps.map(({ name, version }) => ({ name, version })).sort((a, b) => a.name < b.name ? -1 : 1);
}

function startsWith(value: Uint8Array, text: string): boolean {
  for (let at = 0; at < text.length; at++) if (value[at] !== text.charCodeAt(at)) return false;
  return true;
}
