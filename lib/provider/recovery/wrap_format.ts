/**
 * The bytes of a wrap to recovery keys: version 0x01 · number of recipients · for each: 8 bytes of its public key's
 * SHA-256 · encapsulated key 1,120 · sealed data key n + 16. All sealed data keys have the same length.
 *
 * @module
 */
import { ByteReader, concat, equalBytes, sha256 } from "../../base/bytes.ts";
import { providerLimits } from "../provider.ts";
import { type HpkeSealed, hpkeSizes } from "./hpke.ts";

const formatVersion = 1;

/** Maximum number of recipients: three wraps of 64 bytes are 3,626 bytes, of the 4,096 that a wrap may have. */
export const maxRecipients = 3;

const idSize = 8;

/** Maximum size of a wrap in bytes. */
export const maxRecoveryWrap = 2 +
  maxRecipients * (idSize + hpkeSizes.encapsulated + providerLimits.dek + hpkeSizes.tag);

/** A data key that is sealed to one recipient. */
export interface RecipientWrap extends HpkeSealed {
  /** 8 bytes: see {@linkcode recipientId}. */
  readonly id: Uint8Array;
}

/** The first 8 bytes of the SHA-256 of a public key. */
export function recipientId(publicKey: Uint8Array): Uint8Array {
  return sha256(publicKey).subarray(0, idSize);
}

/** Whether two recipients are the same. */
export function isRecipient(id: Uint8Array, publicKey: Uint8Array): boolean {
  return equalBytes(id, recipientId(publicKey));
}

/** The wraps of 1 to 3 recipients as bytes. */
export function encodeRecoveryWrap(wraps: readonly RecipientWrap[]): Uint8Array {
  const parts = wraps.flatMap(({ id, encapsulated, ciphertext }) => [id, encapsulated, ciphertext]);
  return concat(Uint8Array.of(formatVersion, wraps.length), ...parts);
}

/** The wraps from bytes; `undefined` for anything that {@linkcode encodeRecoveryWrap} cannot have made. */
export function decodeRecoveryWrap(bytes: Uint8Array): readonly RecipientWrap[] | undefined {
  const reader = new ByteReader(bytes);
  const [version, count] = [reader.uint8(), reader.uint8()];
  if (version !== formatVersion || !count || count > maxRecipients) return undefined;
  const each = (bytes.length - 2) / count;
  const sealed = each - idSize - hpkeSizes.encapsulated;
  const [shortest, longest] = [1 + hpkeSizes.tag, providerLimits.dek + hpkeSizes.tag];
  if (!Number.isInteger(each) || sealed < shortest || sealed > longest) return undefined;
  const wraps: RecipientWrap[] = [];
  for (let at = 0; at < count; at++) {
    const id = reader.take(idSize);
    const encapsulated = reader.take(hpkeSizes.encapsulated);
    const ciphertext = reader.take(sealed);
    if (!id || !encapsulated || !ciphertext) return undefined;
    wraps.push({ id, encapsulated, ciphertext });
  }
  return wraps;
}
