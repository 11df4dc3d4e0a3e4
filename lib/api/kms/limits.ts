/**
 * The limits of kube-apiserver for a plugin's answers, and its deadline. It discards an answer beyond a limit and reports
 * the plugin as unhealthy. The limits apply to our own answers and to those of another plugin.
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

// Two or more lowercase RFC 1123 labels, as `IsFullyQualifiedDomainName` of k8s.io/apimachinery requires.
const label = "[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?";
const domainName = new RegExp(`^${label}(?:\\.${label})+\\.?$`);
const maxDomainName = 253;

/**
 * The reason why kube-apiserver would discard an answer to Status, as the end of a sentence without its full stop;
 * `undefined` if it would accept it. `healthz` can be any text.
 */
export function complaintAboutStatus({ version, key_id: keyId }: StatusResponse): string | undefined {
  if (!versions.includes(version)) return "its version must be v2 or v2beta1";
  return complaintAboutKeyId(keyId);
}

/** As {@linkcode complaintAboutStatus}, for an answer to Encrypt. */
export function complaintAboutSealed({ ciphertext, key_id: keyId, annotations }: EncryptResponse): string | undefined {
  return complaintAboutCiphertext(ciphertext) ?? complaintAboutKeyId(keyId) ?? complaintAboutAnnotations(annotations);
}

/** As {@linkcode complaintAboutStatus}, for a ciphertext of v2. */
export function complaintAboutCiphertext(ciphertext: Uint8Array): string | undefined {
  return complaintAboutSize(ciphertext, answerLimits.ciphertext);
}

/** As {@linkcode complaintAboutStatus}, for a key ID. */
export function complaintAboutKeyId(keyId: string): string | undefined {
  if (keyId === "") return "the key_id is empty";
  // In UTF-8, a character has at most three bytes for each of its UTF-16 units.
  if (keyId.length * 3 <= answerLimits.keyId) return undefined;
  const size = utf8(keyId).length;
  return size > answerLimits.keyId ? `the key_id has ${size} bytes, more than ${answerLimits.keyId}` : undefined;
}

/**
 * As {@linkcode complaintAboutStatus}, for annotations. The sizes are summed before keys are checked, so that a flood of
 * annotations costs one addition each.
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

/** Whether a text is valid as the key of an annotation: a lowercase, fully qualified domain name of at least two labels. */
export function isAnnotationKey(key: string): boolean {
  return key.length <= maxDomainName && domainName.test(key);
}

/** As {@linkcode complaintAboutStatus}, for a ciphertext of v1beta1. */
export function complaintAboutCipher(ciphertext: Uint8Array): string | undefined {
  return complaintAboutSize(ciphertext, answerLimits.v1beta1);
}

function complaintAboutSize({ length }: Uint8Array, most: number): string | undefined {
  if (length === 0) return "the ciphertext is empty";
  return length > most ? `the ciphertext has ${length} bytes, more than ${most}` : undefined;
}
