/**
 * The limits of both KMS APIs, held on both sides. What comes in beyond them is refused with a sentence; what would go
 * out beyond them is stopped here, because kube-apiserver would throw the answer away and call the plugin unhealthy.
 *
 * @module
 */
import { KmsError } from "../../base/errors.ts";
import { answerLimits, complaintAboutKeyId, complaintAboutSealed } from "../../api/kms/limits.ts";
import type { DecryptRequest, EncryptResponse } from "../../api/kms/messages.ts";
import { formatSizes } from "../../envelope/format.ts";

/** Maximum sizes in bytes. */
export const limits = {
  ...answerLimits,
  /** A DEK seed has 32 bytes. A plaintext of 900 bytes still fits into a ciphertext of 1,024. */
  plaintext: 900,
  /** A v1beta1 ciphertext is one frame. kube-apiserver's own limit, `v1beta1`, is higher. */
  frame: formatSizes.frame,
} as const;

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
  const complaint = complaintAboutSealed(request);
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
    const complaint = complaintAboutSealed({ ciphertext, key_id: keyId, annotations: known ? {} : annotations });
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

function refused(verb: "encrypt" | "decrypt", why: string): KmsError {
  return new KmsError("request_invalid", `Cannot ${verb}: ${why}.`);
}

function broken(why: string): KmsError {
  return new KmsError("internal", `Cannot answer: ${why}, which kube-apiserver would refuse.`);
}
