/**
 * An encrypted data key as text: SOPS takes bytes from a key service and writes them into YAML, JSON, dotenv and INI files
 * as they are.
 *
 * @module
 */
import { base64, exactText, fromBase64, utf8 } from "../bytes.ts";
import { formatSizes } from "../envelope/format.ts";
import { foreignBytes } from "../envelope/wrap.ts";
import { KmsError } from "../errors.ts";

/** Whose it is, and which format. */
const prefix = "trousseau:1:";

/** In bytes: the longest frame in base64. */
export const longestArmour = prefix.length + 4 * Math.ceil(formatSizes.frame / 3);

/** `trousseau:1:` and the frame in standard base64: one line of ASCII without a space. */
export function armoured(frame: Uint8Array): Uint8Array {
  return utf8(prefix + base64(frame));
}

/**
 * The frame behind it.
 *
 * @throws {KmsError} `request_invalid` if there is nothing or too much, `integrity` for anything that
 *   {@linkcode armoured} cannot have made.
 */
export function unarmoured(ciphertext: Uint8Array): Uint8Array {
  if (ciphertext.length === 0) throw new KmsError("request_invalid", "Cannot decrypt: the ciphertext is empty.");
  if (ciphertext.length > longestArmour) {
    const message = `Cannot decrypt: the ciphertext has ${ciphertext.length} bytes, more than ${longestArmour}.`;
    throw new KmsError("request_invalid", message);
  }
  const text = exactText(ciphertext);
  const frame = text?.startsWith(prefix) ? fromBase64(text.slice(prefix.length)) : undefined;
  if (!frame) throw foreignBytes(`the ciphertext is not ${prefix} and base64`);
  return frame;
}
