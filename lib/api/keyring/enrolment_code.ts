/**
 * Enrolment codes: 128 random bits in base32, with a checksum that finds slips before a code is sent.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { concat, sha256 } from "../../base/bytes.ts";

/** Crockford's alphabet: no I, L, O and U. */
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** Characters that are taken for one of the alphabet, as Crockford's base32 says. */
const lookalikes: Readonly<Record<string, string>> = { I: "1", L: "1", O: "0" };

const secretBytes = 16;
/** 128 bits and 12 bits of a checksum are 28 characters of 5 bits. */
const characters = 28;
const checksumBits = 12n;
const groupLength = 4;

/** An enrolment code from 128 random bits, for instance `0123-4567-89AB-CDEF-GHJK-MNPQ-RSTV`. */
export function newEnrolmentCode(secret: Uint8Array = randomBytes(secretBytes)): string {
  let number = (numberOf(secret) << checksumBits) | checksumOf(secret);
  let text = "";
  for (let at = 0; at < characters; at++) {
    text = `${alphabet[Number(number & 31n)]}${text}`;
    number >>= 5n;
  }
  return text.match(new RegExp(`.{${groupLength}}`, "g"))?.join("-") ?? "";
}

/**
 * The 16 bytes of a code as a person types it: letter case, `-` and white space do not count.
 *
 * @returns `undefined` if the text is no code, or its checksum is wrong.
 */
export function enrolmentSecret(code: string): Uint8Array | undefined {
  if (code.length > 4 * characters) return undefined;
  const typed = code.toUpperCase().replaceAll(/[-\s]/g, "");
  if (typed.length !== characters) return undefined;
  let number = 0n;
  for (const character of typed) {
    const value = alphabet.indexOf(lookalikes[character] ?? character);
    if (value < 0) return undefined;
    number = (number << 5n) | BigInt(value);
  }
  const secret = bytesOf(number >> checksumBits);
  return checksumOf(secret) === (number & ((1n << checksumBits) - 1n)) ? secret : undefined;
}

/** The first 12 bits of SHA-256, under a label of its own. */
function checksumOf(secret: Uint8Array): bigint {
  const [first = 0, second = 0] = sha256(concat(new TextEncoder().encode("enrolment code"), secret));
  return BigInt((first << 4) | (second >> 4));
}

function numberOf(bytes: Uint8Array): bigint {
  return bytes.reduce((number, byte) => (number << 8n) | BigInt(byte), 0n);
}

function bytesOf(number: bigint): Uint8Array {
  return Uint8Array.from(
    { length: secretBytes },
    (_, at) => Number((number >> BigInt(8 * (secretBytes - 1 - at))) & 255n),
  );
}
