/**
 * The limits of both KMS APIs. What comes in beyond them is refused with a sentence; what would go out beyond them is
 * stopped here, because kube-apiserver would throw the answer away and call the plugin unhealthy.
 *
 * Source: k8s.io/kms `apis/v2/api.proto`, and the checks that kube-apiserver makes on each v2 answer.
 *
 * @module
 */
import { utf8 } from "../bytes.ts";
import { KmsError } from "../errors.ts";
import type { DecryptRequest, EncryptResponse } from "../grpc/messages.ts";

/** Sizes in bytes, each the largest that is allowed. */
export const limits = {
  /** A DEK seed is 32 bytes; the rest is room for what a future API server may send. */
  plaintext: 900,
  keyId: 1024,
  ciphertext: 1024,
  /** Keys and values together. */
  annotations: 32 * 1024,
  /** Under v1beta1 everything travels in one frame; the API server itself stops at 65,535. */
  frame: 60 * 1024,
} as const;

// RFC 1123 labels, two or more, all lowercase: what the API server calls a fully qualified domain name.
const label = "[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?";
const domainName = new RegExp(`^${label}(?:\\.${label})+$`);
const maxDomainName = 253;

/**
 * Checks what is to be sealed.
 *
 * @throws {KmsError} `request_invalid`
 */
export function checkPlaintext(plaintext: Uint8Array): void {
  if (plaintext.length === 0) throw refused("encrypt", "the plaintext is empty");
  if (plaintext.length > limits.plaintext) {
    throw refused("encrypt", `the plaintext has ${plaintext.length} bytes, more than ${limits.plaintext}`);
  }
}

/**
 * Checks what is to be opened under v2, before anything in it is read.
 *
 * @throws {KmsError} `request_invalid`
 */
export function checkSealed(request: DecryptRequest): void {
  const complaint = complaintAbout(request);
  if (complaint !== undefined) throw refused("decrypt", complaint);
}

/**
 * Checks what is to be opened under v1beta1.
 *
 * @throws {KmsError} `request_invalid`
 */
export function checkFrame(frame: Uint8Array): void {
  if (frame.length === 0) throw refused("decrypt", "the ciphertext is empty");
  if (frame.length > limits.frame) {
    throw refused("decrypt", `the ciphertext has ${frame.length} bytes, more than ${limits.frame}`);
  }
}

/**
 * Makes the check of v2 answers on their way out. Annotations that are frozen and were found good are the same for every
 * seed under a data key, and are not looked at again.
 *
 * @returns a function that throws `internal`: the fault would be ours.
 */
export function answerChecker(): (answer: EncryptResponse) => EncryptResponse {
  const good = new WeakSet<EncryptResponse["annotations"]>();
  return (answer) => {
    const { ciphertext, key_id: keyId, annotations } = answer;
    const known = good.has(annotations);
    const complaint = complaintAbout({ ciphertext, key_id: keyId, annotations: known ? {} : annotations });
    if (complaint !== undefined) throw broken(complaint);
    if (!known && Object.isFrozen(annotations)) good.add(annotations);
    return answer;
  };
}

/**
 * Checks a key ID on its way out.
 *
 * @throws {KmsError} `internal`
 */
export function checkKeyId(keyId: string): string {
  const complaint = complaintAboutKeyId(keyId);
  if (complaint !== undefined) throw broken(complaint);
  return keyId;
}

/**
 * Checks a v1beta1 answer on its way out.
 *
 * @throws {KmsError} `internal`
 */
export function checkFrameAnswer(frame: Uint8Array): Uint8Array {
  if (frame.length === 0 || frame.length > limits.frame) throw broken(`the frame has ${frame.length} bytes`);
  return frame;
}

function complaintAbout({ ciphertext, key_id: keyId, annotations }: EncryptResponse): string | undefined {
  if (ciphertext.length === 0) return "the ciphertext is empty";
  if (ciphertext.length > limits.ciphertext) {
    return `the ciphertext has ${ciphertext.length} bytes, more than ${limits.ciphertext}`;
  }
  return complaintAboutKeyId(keyId) ?? complaintAboutAnnotations(annotations);
}

function complaintAboutKeyId(keyId: string): string | undefined {
  if (keyId === "") return "the key_id is empty";
  // No character has more than three bytes for each of its UTF-16 units.
  if (keyId.length * 3 <= limits.keyId) return undefined;
  const size = utf8(keyId).length;
  return size > limits.keyId ? `the key_id has ${size} bytes, more than ${limits.keyId}` : undefined;
}

// The size is summed before a key is looked at, so that a flood of annotations costs no more than their number.
function complaintAboutAnnotations(annotations: Readonly<Record<string, Uint8Array>>): string | undefined {
  const entries = Object.entries(annotations);
  let size = 0;
  for (const [key, value] of entries) size += key.length + value.length;
  if (size > limits.annotations) return `the annotations have more than ${limits.annotations} bytes`;
  const good = entries.every(([key]) => key.length <= maxDomainName && domainName.test(key));
  return good ? undefined : "the name of an annotation is not a lowercase domain name of two labels or more";
}

function refused(verb: "encrypt" | "decrypt", why: string): KmsError {
  return new KmsError("request_invalid", `Cannot ${verb}: ${why}.`);
}

function broken(why: string): KmsError {
  return new KmsError("internal", `Cannot answer: ${why}, which kube-apiserver would refuse.`);
}
