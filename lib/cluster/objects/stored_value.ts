/**
 * Tells by its bytes how a value in etcd is encrypted. Nothing is opened and no key is needed, so these are labels: an
 * attacker who can write to etcd can write any of them.
 *
 * Prefixes: `k8s:enc:aescbc:v1:KEY:`, `…:aesgcm:v1:KEY:`, `…:secretbox:v1:KEY:`, `…:kms:v1:PROVIDER:`,
 * `…:kms:v2:PROVIDER:`. Source: `k8s.io/apiserver` 0.36.3, `pkg/server/options/encryptionconfig`.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { KmsApi } from "../../api/kms/messages.ts";
import { ByteReader, exactText } from "../../base/bytes.ts";
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
import { type WireField, wireFields } from "../wire_fields.ts";

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

/** What stands before the first colon after `k8s:enc:`, and after the second. */
const prefix = /^k8s:enc:([a-z0-9]{1,32}):(v[0-9]{1,4}):([^:]{1,256}):/;

/** Maximum length of a prefix in bytes. */
const maxPrefix = 320;

/** The labels of a value. Total: any bytes have some. */
export function storedLabels(value: Uint8Array): StoredLabel {
  if (!startsWith(value, "k8s:enc:")) return { state: "plain", ...noLabels };
  const head = latin1(value.subarray(0, maxPrefix));
  const [whole, kind, version, name] = prefix.exec(head) ?? [];
  if (whole === undefined || name === undefined) return { state: "unknown", ...noLabels };
  const provider = exactText(value.subarray(whole.length - 1 - name.length, whole.length - 1)) ?? name;
  const rest = value.subarray(whole.length);
  switch (`${kind}:${version}`) {
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

function kmsV2(rest: Uint8Array, provider: string): StoredLabel {
  const fields = wireFields(rest) ?? [];
  const keyIdBytes = last(fields, encryptedObject.keyId);
  const keyId = keyIdBytes === undefined ? null : exactText(keyIdBytes) ?? latin1(keyIdBytes);
  const ciphertext = last(fields, encryptedObject.dekSource) ?? new Uint8Array(0);
  const annotations = Object.fromEntries(fields.filter(({ id }) => id === encryptedObject.annotations).map(mapEntry));
  if (beginsAsOurs(ciphertext, "v2")) {
    const wraps = unlessForeign(() => decodeEnvelope(ciphertext) && decodeAnnotations(annotations));
    if (wraps !== undefined) return { state: "trousseau-v2", provider, keyId, format: null, wraps: sorted(wraps) };
  }
  return foreign({ keyId: keyId ?? "", ciphertext, annotations }, "v2", provider) ??
    { state: "kms-v2", provider, keyId, format: null, wraps: [] };
}

/** The last field of a number counts, as in protobuf. */
function last(fields: readonly WireField[], id: number): Uint8Array | undefined {
  return fields.findLast((field) => field.id === id)?.bytes;
}

/** An entry of a map is a message: 1 key, 2 value. */
function mapEntry({ bytes }: WireField): [string, Uint8Array] {
  const fields = wireFields(bytes ?? new Uint8Array(0)) ?? [];
  const key = last(fields, 1) ?? new Uint8Array(0);
  return [exactText(key) ?? latin1(key), last(fields, 2) ?? new Uint8Array(0)];
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
  return latin1(value.subarray(0, text.length)) === text;
}

function latin1({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString("latin1");
}
