/**
 * What kube-apiserver takes of a plugin's answers. What goes out beyond it, or comes in from another plugin beyond it, is
 * an answer that the API server would throw away, and it would call the plugin unhealthy.
 *
 * Source: the checks that k8s.io/apiserver makes on each answer of KMS v2, and the comments of k8s.io/kms
 * `apis/v2/api.proto`.
 *
 * @module
 */
import { utf8 } from "../../base/bytes.ts";
import type { EncryptResponse, StatusResponse } from "./messages.ts";

/** Sizes in bytes, each the largest that is allowed. */
export const answerLimits = {
  keyId: 1024,
  ciphertext: 1024,
  /** Keys and values together. */
  annotations: 32 * 1024,
  /** The API server writes the length of what v1beta1 gave it in two bytes. */
  v1beta1: 65_535,
} as const;

/** What Status may say of itself. */
const versions: readonly string[] = ["v2", "v2beta1"];

// RFC 1123 labels, two or more, all lowercase, as `IsFullyQualifiedDomainName` of k8s.io/apimachinery has it.
const label = "[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?";
const domainName = new RegExp(`^${label}(?:\\.${label})+\\.?$`);
const maxDomainName = 253;

/** What is wrong with an answer to Status: half a sentence, `undefined` if nothing is. How `healthz` is, is no fault. */
export function complaintAboutStatus({ version, key_id: keyId }: StatusResponse): string | undefined {
  if (!versions.includes(version)) return "its version must be v2 or v2beta1";
  return complaintAboutKeyId(keyId);
}

/** The same of what was encrypted. */
export function complaintAboutSealed({ ciphertext, key_id: keyId, annotations }: EncryptResponse): string | undefined {
  return complaintAboutCiphertext(ciphertext) ?? complaintAboutKeyId(keyId) ?? complaintAboutAnnotations(annotations);
}

/** The same of a ciphertext. */
export function complaintAboutCiphertext({ length }: Uint8Array): string | undefined {
  if (length === 0) return "the ciphertext is empty";
  return length > answerLimits.ciphertext
    ? `the ciphertext has ${length} bytes, more than ${answerLimits.ciphertext}`
    : undefined;
}

/** The same of a key ID. */
export function complaintAboutKeyId(keyId: string): string | undefined {
  if (keyId === "") return "the key_id is empty";
  // No character has more than three bytes for each of its UTF-16 units.
  if (keyId.length * 3 <= answerLimits.keyId) return undefined;
  const size = utf8(keyId).length;
  return size > answerLimits.keyId ? `the key_id has ${size} bytes, more than ${answerLimits.keyId}` : undefined;
}

/**
 * The same of annotations. The size is summed before a key is looked at, so that a flood of them costs no more than their
 * number.
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

/** What is wrong with what v1beta1 encrypted. */
export function complaintAboutCipher({ length }: Uint8Array): string | undefined {
  if (length === 0) return "the ciphertext is empty";
  return length > answerLimits.v1beta1
    ? `the ciphertext has ${length} bytes, more than ${answerLimits.v1beta1}`
    : undefined;
}
