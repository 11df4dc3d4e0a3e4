/**
 * The two operations of Cloud KMS that are used. All of their checksums are sent, and verified in the response
 * ("Verifying end-to-end data integrity").
 *
 * @module
 */
import { base64, fromBase64 } from "../../base/bytes.ts";
import type { HttpAnswer, HttpCall } from "../../net/https/endpoint.ts";
import { field } from "../../net/https/fields.ts";
import { unacceptable } from "../../net/https/refusals.ts";
import { refusal, unwrapRefusal } from "./errors.ts";
import { crc32c } from "./crc32c.ts";
import { pathOf } from "./names.ts";
import type { GcpKmsSession } from "./session.ts";

/** The result of encrypt. */
export interface GcpEncrypted {
  /** The version's resource name in the response. */
  readonly name: unknown;
  readonly ciphertext: Uint8Array;
}

/**
 * Encrypts with one version of a key, or with the primary version of a key.
 *
 * @param name resource name of the key or of the version.
 * @param bound the additional authenticated data.
 * @throws {KmsError} the error from Cloud KMS; `provider_protocol` if a checksum differs or was not verified.
 */
export async function encrypt(
  session: GcpKmsSession,
  name: string,
  plaintext: Uint8Array,
  bound: Uint8Array,
  call: HttpCall,
): Promise<GcpEncrypted> {
  const body = {
    plaintext: base64(plaintext),
    plaintextCrc32c: checksum(plaintext),
    additionalAuthenticatedData: base64(bound),
    additionalAuthenticatedDataCrc32c: checksum(bound),
  };
  const answer = await session.ask(`/v1/${pathOf(name)}:encrypt`, body, call);
  if (answer.status !== 200) throw refusal(answer, call.action);
  for (const flag of ["verifiedPlaintextCrc32c", "verifiedAdditionalAuthenticatedDataCrc32c"]) {
    if (field(answer.body, flag) === true) continue;
    throw unacceptable(call.action, "Cloud KMS does not confirm the checksum of what it was sent");
  }
  return { name: field(answer.body, "name"), ciphertext: checkedBytes(answer, "ciphertext", call) };
}

/**
 * Decrypts. Cloud KMS takes the version from the ciphertext; it cannot be given.
 *
 * @throws {KmsError} `integrity` if the ciphertext does not belong to this key or to this additional authenticated
 *   data; otherwise as {@linkcode encrypt}.
 */
export async function decrypt(
  session: GcpKmsSession,
  key: string,
  ciphertext: Uint8Array,
  bound: Uint8Array,
  call: HttpCall,
): Promise<Uint8Array> {
  const body = {
    ciphertext: base64(ciphertext),
    ciphertextCrc32c: checksum(ciphertext),
    additionalAuthenticatedData: base64(bound),
    additionalAuthenticatedDataCrc32c: checksum(bound),
  };
  const answer = await session.ask(`/v1/${pathOf(key)}:decrypt`, body, call);
  if (answer.status !== 200) throw unwrapRefusal(answer, call.action);
  return checkedBytes(answer, "plaintext", call);
}

/** A checksum in the JSON form of an int64 ("ProtoJSON format"). */
function checksum(bytes: Uint8Array): string {
  return `${crc32c(bytes)}`;
}

function checkedBytes({ body }: HttpAnswer, name: "plaintext" | "ciphertext", { action }: HttpCall): Uint8Array {
  const text = field(body, name);
  const bytes = typeof text === "string" ? fromBase64(text) : undefined;
  if (bytes === undefined || bytes.length === 0) throw unacceptable(action, `Cloud KMS's answer holds no ${name}`);
  // An int64 in JSON is usually a string of digits, but a number is valid too.
  const expected = field(body, `${name}Crc32c`);
  if ((typeof expected === "string" || typeof expected === "number") && `${expected}` === checksum(bytes)) return bytes;
  throw unacceptable(action, `the checksum of the ${name} in Cloud KMS's answer does not hold`);
}
