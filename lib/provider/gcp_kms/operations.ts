/**
 * The two calls of Cloud KMS that are made here, with every checksum of theirs sent and held against the answer
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

/** What encrypt gave. */
export interface GcpEncrypted {
  /** The version's resource name, as it was answered. */
  readonly name: unknown;
  readonly ciphertext: Uint8Array;
}

/**
 * Encrypts with one version of a key, or with the primary one of a key.
 *
 * @param name of the key or of the version.
 * @param bound what the ciphertext is bound to: its additional authenticated data.
 * @throws {KmsError} what Cloud KMS said; `provider_protocol` where a checksum does not hold or was not looked at.
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
 * Decrypts with the version of the key that the ciphertext itself tells; no other may be named.
 *
 * @throws {KmsError} `integrity` where these bytes are not of this key or bound to something else; else as
 *   {@linkcode encrypt}.
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

/** As an int64 travels in JSON ("ProtoJSON format"). */
function checksum(bytes: Uint8Array): string {
  return `${crc32c(bytes)}`;
}

function checkedBytes({ body }: HttpAnswer, name: "plaintext" | "ciphertext", { action }: HttpCall): Uint8Array {
  const text = field(body, name);
  const bytes = typeof text === "string" ? fromBase64(text) : undefined;
  if (bytes === undefined || bytes.length === 0) throw unacceptable(action, `Cloud KMS's answer holds no ${name}`);
  // A number where a text of digits is usual is good JSON of an int64 too.
  const told = field(body, `${name}Crc32c`);
  if ((typeof told === "string" || typeof told === "number") && `${told}` === checksum(bytes)) return bytes;
  throw unacceptable(action, `the checksum of the ${name} in Cloud KMS's answer does not hold`);
}
