/**
 * The formats of other plugins in etcd: recognises and parses them by their bytes.
 *
 * | format                 | API         | ciphertext                                                    | key ID and annotations |
 * | ---------------------- | ----------- | ------------------------------------------------------------- | ---------------------- |
 * | trousseau-v1           | v1beta1     | `vault:vN:…`                                                  | –                      |
 * | trousseau-v2           | v1beta1     | lines of `<provider>:-:<base64 of the provider's ciphertext>` | –                      |
 * | vault-kubernetes-kms   | v2, v1beta1 | `vault:vN:…`                                                  | `N` or more, none      |
 * | aws-encryption-provider | v2, v1beta1 | byte 0x31, then what AWS KMS gave back                        | ARN, ID or alias, none |
 *
 * None of them binds a ciphertext to anything: neither key ID nor API nor annotations are authenticated.
 *
 * @module
 */
import { fromBase64, fromBase64url, latin1, utf8 } from "../base/bytes.ts";
import { KmsError } from "../base/errors.ts";
import type { KmsApi } from "../api/kms/messages.ts";
import { providerLimits } from "../provider/provider.ts";

/** The request of a Decrypt. */
export interface ForeignSealed {
  readonly keyId: string;
  readonly ciphertext: Uint8Array;
  readonly annotations: Readonly<Record<string, Uint8Array>>;
}

/** One vendor's ciphertext. */
export interface ForeignWrap {
  /** The name of its provider in the other plugin; `""` if the format has no names. */
  readonly written: string;
  /** The version of the KEK, if the format has it; otherwise `-`. */
  readonly version: string;
  readonly ciphertext: Uint8Array;
}

/** Options of a format. */
export interface FormatOptions {
  /** aws-encryption-provider: whether blobs without the leading byte are accepted under v1beta1. */
  readonly unprefixed?: boolean;
}

interface FormatRow {
  /** Whether bytes begin as this format does. Any later violation of the format is an `integrity` error. */
  readonly recognises: (ciphertext: Uint8Array, api: KmsApi, options: FormatOptions) => boolean;
  /** Parses the vendors' ciphertexts; `undefined` if the bytes violate the format. */
  readonly read: (sealed: ForeignSealed, api: KmsApi) => readonly ForeignWrap[] | undefined;
}

/** The formats, in the order in which they are tried. The last one matches the most data. */
const formats = {
  "trousseau-v2": {
    recognises: (ciphertext, api) => api === "v1beta1" && /^[\w.-]{1,63}:-:/.test(latin1(ciphertext.subarray(0, 66))),
    read: ({ ciphertext }) => lines(ciphertext),
  },
  "trousseau-v1": {
    recognises: (ciphertext, api) => api === "v1beta1" && beginsAsTransit(ciphertext),
    read: ({ ciphertext }) => transit(ciphertext, ""),
  },
  "vault-kubernetes-kms": {
    recognises: beginsAsTransit,
    read: ({ keyId, ciphertext, annotations }, api) => {
      const wraps = transit(ciphertext, "");
      const fits = api === "v1beta1" || (isEmpty(annotations) && isVersionFrom(wraps?.[0]?.version, keyId));
      return fits ? wraps : undefined;
    },
  },
  "aws-encryption-provider": {
    recognises: (ciphertext, api, { unprefixed }) =>
      ciphertext[0] === storageVersion || (unprefixed === true && api === "v1beta1"),
    read: ({ keyId, ciphertext, annotations }, api) => {
      const blob = ciphertext[0] === storageVersion ? ciphertext.slice(1) : ciphertext;
      const fits = api === "v1beta1" || (isEmpty(annotations) && awsKeyId.test(keyId));
      return fits && blob.length >= smallestBlob ? [{ written: "", version: "-", ciphertext: blob }] : undefined;
    },
  },
} as const satisfies Record<string, FormatRow>;

/** The format of another plugin, as in the configuration. */
export type ForeignFormat = keyof typeof formats;

/** Every format, in the order in which they are tried. */
export const foreignFormats = Object.keys(formats) as readonly ForeignFormat[];

/** Whether bytes begin as a format does. */
export function isOfFormat(
  format: ForeignFormat,
  ciphertext: Uint8Array,
  api: KmsApi,
  options: FormatOptions,
): boolean {
  return formats[format].recognises(ciphertext, api, options);
}

/**
 * Parses the vendors' ciphertexts in data that {@linkcode isOfFormat} has recognised.
 *
 * @returns at least one ciphertext, each of 1 byte to 4 KiB.
 * @throws {KmsError} `integrity` if the other plugin cannot have written these bytes.
 */
export function readForeign(format: ForeignFormat, sealed: ForeignSealed, api: KmsApi): readonly ForeignWrap[] {
  const row: FormatRow = formats[format];
  const wraps = row.read(sealed, api);
  const sound = wraps?.length && wraps.every(({ ciphertext: { length } }) => length <= providerLimits.ciphertext);
  if (wraps && sound) return wraps;
  throw new KmsError(
    "integrity",
    `Cannot decrypt: this begins as data of ${format} does, and is none; the stored value was changed.`,
  );
}

/** ASCII "1": the first byte of data that aws-encryption-provider has written since its storage has versions. */
const storageVersion = 0x31;

/** Minimum size in bytes: 32 bytes under authenticated encryption, with nonce and tag. */
const smallestBlob = 60;

/** The forms of `KeyId` of AWS KMS: the ARN of a key or an alias, or only its last part. */
const awsKeyId =
  /^(arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:(key|alias)\/[\w/-]{1,256}|alias\/[\w/-]{1,256}|(mrk-)?[0-9a-f-]{32,36})$/;

/**
 * Whether a key ID is a version number of Vault that is not less than the version in the ciphertext. vault-kubernetes-kms
 * reads the number after the encryption (`pkg/vault/transit.go`), so that it is higher after a rotation between the two
 * calls. Ten digits also permit a time in seconds, in case a release has used one.
 */
function isVersionFrom(version: string | undefined, keyId: string): boolean {
  return version !== undefined && /^[1-9]\d{0,9}$/.test(keyId) && Number(keyId) >= Number(version);
}

/** Maximum number of lines. The other plugin permitted two providers; a few more are harmless. */
const maxLines = 8;

function beginsAsTransit(ciphertext: Uint8Array): boolean {
  return latin1(ciphertext.subarray(0, 7)) === "vault:v";
}

function transit(ciphertext: Uint8Array, written: string): readonly ForeignWrap[] | undefined {
  const [, version, sealed = ""] = /^vault:v([1-9]\d{0,8}):([A-Za-z0-9+/]+={0,2})$/.exec(latin1(ciphertext)) ?? [];
  if (version === undefined || fromBase64(sealed) === undefined) return undefined;
  return [{ written, version, ciphertext }];
}

/** Parses lines in any order. Each name occurs once, and each line has its line feed. */
function lines(bytes: Uint8Array): readonly ForeignWrap[] | undefined {
  const text = latin1(bytes);
  const found = text.split("\n");
  if (found.pop() !== "" || found.length > maxLines) return undefined;
  const wraps = found.map(line);
  const names = new Set(wraps.map((wrap) => wrap?.written));
  return wraps.every((wrap) => wrap !== undefined) && names.size === wraps.length ? wraps : undefined;
}

function line(text: string): ForeignWrap | undefined {
  const [, written, payload = ""] = /^([\w.-]{1,63}):-:([A-Za-z0-9+/=_:-]+)$/.exec(text) ?? [];
  if (written === undefined) return undefined;
  // The first alpha versions wrote Vault's text without encoding it.
  if (payload.startsWith("vault:v")) return transit(utf8(payload), written)?.[0];
  // The other plugin encoded ciphertexts of Vault and AWS KMS in base64. Key Vault returns base64url, which it stored
  // unchanged.
  const ciphertext = fromBase64(payload) ?? fromBase64url(payload);
  if (ciphertext === undefined) return undefined;
  return transit(ciphertext, written)?.[0] ?? { written, version: "-", ciphertext };
}

function isEmpty(annotations: Readonly<Record<string, Uint8Array>>): boolean {
  return Object.keys(annotations).length === 0;
}
