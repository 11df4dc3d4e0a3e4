/**
 * The four operations on one key: their requests, and the validation of their responses.
 *
 * @module
 */
import { DecryptCommand, DescribeKeyCommand, EncryptCommand, ReEncryptCommand } from "@aws-sdk/client-kms";
import { KmsError } from "../../base/errors.ts";
import type { HttpCall } from "../../net/https/endpoint.ts";
import { unacceptable } from "../../net/https/refusals.ts";
import type { AwsKmsSession } from "./session.ts";
import { materialPattern } from "./version.ts";

/** The encryption context of every ciphertext; empty for none. */
export type EncryptionContext = Readonly<Record<string, string>>;

/** The result of DescribeKey. */
export interface KeyDescription {
  /** The key's own ARN, never that of an alias. */
  readonly arn: string;
  /** Seconds since the epoch; `undefined` if the KMS does not return it. */
  readonly createdAt: number | undefined;
  /** ID of the key material that wraps at present; `undefined` if the KMS does not name it. */
  readonly material: string | undefined;
}

/** ID of the key material that was used; `undefined` if the KMS does not name it. */
export interface UsedMaterial {
  readonly material: string | undefined;
}

/** The required key usage. Some emulators omit it. */
const fitting = "ENCRYPT_DECRYPT";

/** The states in which a key can be used, and the messages for the others ("Key states of AWS KMS keys"). */
const usable = new Set(["Enabled", "Updating"]);

/**
 * Describes a key.
 *
 * @param key its name in any form.
 * @throws {KmsError} `key_unusable` if its type or its state does not permit its use.
 */
export async function describe(session: AwsKmsSession, key: string, call: HttpCall): Promise<KeyDescription> {
  const answer = await session.ask(
    "DescribeKey",
    (client, options) => client.send(new DescribeKeyCommand({ KeyId: key }), options),
    call,
  );
  const { Arn: arn, CreationDate, CurrentKeyMaterialId, KeySpec, KeyState, KeyUsage } = answer.KeyMetadata ?? {};
  if (typeof arn !== "string" || typeof KeySpec !== "string") {
    throw unacceptable(call.action, "the answer of AWS KMS is not about a key");
  }
  const unfit = (why: string) => new KmsError("key_unusable", `Cannot ${call.action}: the key ${why}.`);
  if (KeySpec !== "SYMMETRIC_DEFAULT" || (KeyUsage ?? fitting) !== fitting) {
    throw unfit("is not a symmetric one for encrypting and decrypting");
  }
  if (!usable.has(KeyState ?? "")) throw unfit("is disabled, pending deletion, or in another state of no use");
  const seconds = Math.floor((CreationDate?.getTime() ?? NaN) / 1000);
  return {
    arn,
    createdAt: Number.isSafeInteger(seconds) && seconds >= 0 && seconds < 1e11 ? seconds : undefined,
    material: materialOf(CurrentKeyMaterialId, call),
  };
}

/** Encrypts with the key material that is current; the response does not name it. */
export async function encrypt(
  session: AwsKmsSession,
  arn: string,
  plaintext: Uint8Array,
  context: EncryptionContext,
  call: HttpCall,
): Promise<Uint8Array> {
  const input = { KeyId: arn, Plaintext: plaintext, EncryptionContext: given(context) };
  const answer = await session.ask(
    "Encrypt",
    (client, options) => client.send(new EncryptCommand(input), options),
    call,
  );
  expectKey(answer.KeyId, arn, call);
  return bytesOf(answer.CiphertextBlob, "ciphertext", call);
}

/** Decrypts with this key only, even if the ciphertext names another. */
export async function decrypt(
  session: AwsKmsSession,
  arn: string,
  ciphertext: Uint8Array,
  context: EncryptionContext,
  call: HttpCall,
): Promise<UsedMaterial & { readonly plaintext: Uint8Array }> {
  const input = { KeyId: arn, CiphertextBlob: ciphertext, EncryptionContext: given(context) };
  const answer = await session.ask(
    "Decrypt",
    (client, options) => client.send(new DecryptCommand(input), options),
    call,
  );
  expectKey(answer.KeyId, arn, call);
  return {
    plaintext: bytesOf(answer.Plaintext, "plaintext", call),
    material: materialOf(answer.KeyMaterialId, call),
  };
}

/** Decrypts and encrypts again inside the KMS, both with this key. The response names the material that encrypted. */
export async function reEncrypt(
  session: AwsKmsSession,
  arn: string,
  ciphertext: Uint8Array,
  context: EncryptionContext,
  call: HttpCall,
): Promise<UsedMaterial & { readonly ciphertext: Uint8Array }> {
  const input = {
    CiphertextBlob: ciphertext,
    SourceKeyId: arn,
    DestinationKeyId: arn,
    SourceEncryptionContext: given(context),
    DestinationEncryptionContext: given(context),
  };
  const answer = await session.ask(
    "ReEncrypt",
    (client, options) => client.send(new ReEncryptCommand(input), options),
    call,
  );
  expectKey(answer.KeyId, arn, call);
  expectKey(answer.SourceKeyId, arn, call);
  return {
    ciphertext: bytesOf(answer.CiphertextBlob, "ciphertext", call),
    material: materialOf(answer.DestinationKeyMaterialId, call),
  };
}

function given(context: EncryptionContext): Record<string, string> | undefined {
  return Object.keys(context).length === 0 ? undefined : { ...context };
}

function expectKey(used: unknown, arn: string, { action }: HttpCall): void {
  if (used !== arn) throw unacceptable(action, "AWS KMS used another key than it was asked for");
}

function bytesOf(value: unknown, what: string, { action }: HttpCall): Uint8Array {
  if (value instanceof Uint8Array && value.length > 0) return value;
  throw unacceptable(action, `the answer of AWS KMS holds no ${what}`);
}

function materialOf(value: unknown, { action }: HttpCall): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string" && materialPattern.test(value)) return value;
  throw unacceptable(action, "the answer of AWS KMS names the key material in a way that Trousseau cannot read");
}
