/**
 * Checks requests and answers of both KMS APIs against their limits.
 *
 * A request beyond them is refused. An answer beyond them is not sent: kube-apiserver would reject it and regard the
 * plugin as unhealthy.
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
 * Checks the plaintext of an Encrypt.
 *
 * @throws {KmsError} `request_invalid` if it is empty or longer than 900 bytes.
 */
export function checkPlaintext(plaintext: Uint8Array): void {
  if (plaintext.length === 0) throw refused("encrypt", "the plaintext is empty");
  if (plaintext.length > limits.plaintext) {
    throw refused("encrypt", `the plaintext has ${plaintext.length} bytes, more than ${limits.plaintext}`);
  }
}

/**
 * Checks the request of a v2 Decrypt before it is decoded further.
 *
 * @throws {KmsError} `request_invalid` if a field is empty or beyond its limit.
 */
export function checkSealed(request: DecryptRequest): void {
  const complaint = complaintAboutSealed(request);
  if (complaint !== undefined) throw refused("decrypt", complaint);
}

/**
 * Checks the ciphertext of a v1beta1 Decrypt.
 *
 * @throws {KmsError} `request_invalid` if it is empty or larger than a frame.
 */
export function checkFrame(frame: Uint8Array): void {
  if (frame.length === 0) throw refused("decrypt", "the ciphertext is empty");
  if (frame.length > limits.frame) {
    throw refused("decrypt", `the ciphertext has ${frame.length} bytes, more than ${limits.frame}`);
  }
}

/**
 * Makes the check of v2 Encrypt answers. All answers under one data key share one frozen annotations object, which is
 * checked once.
 *
 * @returns a function that returns a valid answer unchanged. It throws a `KmsError` with the code `internal` for an
 *   invalid one, which would be an error of the plugin.
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
 * Checks the key ID of an answer.
 *
 * @throws {KmsError} `internal` if kube-apiserver would refuse it.
 */
export function checkKeyId(keyId: string): string {
  const complaint = complaintAboutKeyId(keyId);
  if (complaint !== undefined) throw broken(complaint);
  return keyId;
}

/**
 * Checks the ciphertext of a v1beta1 Encrypt answer.
 *
 * @throws {KmsError} `internal` if it is empty or larger than a frame.
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
