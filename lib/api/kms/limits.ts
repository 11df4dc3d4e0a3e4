/**
 * The limits of kube-apiserver for a plugin's answers, and its deadline. It discards an answer beyond a limit and reports
 * the plugin as unhealthy. The limits hold for our own answers and for those of another plugin.
 *
 * Source: the checks that k8s.io/apiserver makes on each answer of KMS v2, and the comments of k8s.io/kms
 * `apis/v2/api.proto`.
 *
 * @module
 */
import { utf8 } from "../../base/bytes.ts";
import type { EncryptResponse, StatusResponse } from "./messages.ts";

/** Milliseconds: the default of `timeout` in kube-apiserver's EncryptionConfiguration. */
export const apiServerDeadlineMs = 3000;

/** Maximum sizes in bytes. */
export const answerLimits = {
  keyId: 1024,
  ciphertext: 1024,
  /** Keys and values together. */
  annotations: 32 * 1024,
  /** A ciphertext of v1beta1: the API server stores its length in two bytes. */
  v1beta1: 65_535,
} as const;

/** Values of `version` in an answer to Status. */
const versions: readonly string[] = ["v2", "v2beta1"];

// RFC 1123 labels, two or more, all lowercase, as `IsFullyQualifiedDomainName` of k8s.io/apimachinery has it.
const label = "[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?";
const domainName = new RegExp(`^${label}(?:\\.${label})+\\.?$`);
const maxDomainName = 253;

/** Why kube-apiserver would discard an answer to Status: half a sentence, `undefined` if it would not. `healthz` may be any text. */
export function complaintAboutStatus({ version, key_id: keyId }: StatusResponse): string | undefined {
  if (!versions.includes(version)) return "its version must be v2 or v2beta1";
  return complaintAboutKeyId(keyId);
}

/** The same for an answer to Encrypt. */
export function complaintAboutSealed({ ciphertext, key_id: keyId, annotations }: EncryptResponse): string | undefined {
  return complaintAboutCiphertext(ciphertext) ?? complaintAboutKeyId(keyId) ?? complaintAboutAnnotations(annotations);
}

/** The same for a ciphertext of v2. */
export function complaintAboutCiphertext(ciphertext: Uint8Array): string | undefined {
  return complaintAboutSize(ciphertext, answerLimits.ciphertext);
}

/** The same for a key ID. */
export function complaintAboutKeyId(keyId: string): string | undefined {
  if (keyId === "") return "the key_id is empty";
  // No character has more than three bytes for each of its UTF-16 units.
  if (keyId.length * 3 <= answerLimits.keyId) return undefined;
  const size = utf8(keyId).length;
  return size > answerLimits.keyId ? `the key_id has ${size} bytes, more than ${answerLimits.keyId}` : undefined;
}

/**
 * The same for annotations. The sizes are added up before a key is checked: too many of them cost one addition each.
 */
export function complaintAboutAnnotations(annotations: Readonly<Record<string, Uint8Array>>): string | undefined {
  const entries = Object.entries(annotations);
  let size = 0;
  for (const [key, value] of entries) size += key.length + value.length;
  if (size > answerLimits.annotations) return `the annotations have more than ${answerLimits.annotations} bytes`;
  return entries.every(([key]) => isAnnotationKey(key))
    ? undefined
    : "the name of an annotation is not a lowercase domain name of two labels or more";
}

/** Whether a text may be the key of an annotation: a fully qualified domain name, lowercase, of two labels or more. */
export function isAnnotationKey(key: string): boolean {
  return key.length <= maxDomainName && domainName.test(key);
}

/** The same for a ciphertext of v1beta1. */
export function complaintAboutCipher(ciphertext: Uint8Array): string | undefined {
  return complaintAboutSize(ciphertext, answerLimits.v1beta1);
}

function complaintAboutSize({ length }: Uint8Array, most: number): string | undefined {
  if (length === 0) return "the ciphertext is empty";
  return length > most ? `the ciphertext has ${length} bytes, more than ${most}` : undefined;
}
