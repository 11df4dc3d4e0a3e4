/**
 * The text form of an encrypted data key: SOPS writes a key service's bytes into YAML, JSON, dotenv and INI files without
 * encoding them.
 *
 * @module
 */
import { base64, exactText, fromBase64, utf8 } from "../../base/bytes.ts";
import { formatSizes } from "../../envelope/format.ts";
import { foreignBytes } from "../../envelope/wrap.ts";
import { KmsError } from "../../base/errors.ts";

/** The name of the program and the version of the format. */
const prefix = "trousseau:1:";

/** Maximum size of the text form in bytes: the prefix and the largest frame in base64. */
export const maxArmour = prefix.length + 4 * Math.ceil(formatSizes.frame / 3);

/** Encodes a frame as `trousseau:1:` and standard base64: ASCII without spaces or line breaks. */
export function armoured(frame: Uint8Array): Uint8Array {
  return utf8(prefix + base64(frame));
}

/**
 * Decodes {@linkcode armoured}.
 *
 * @returns the frame.
 * @throws {KmsError} `request_invalid` if the ciphertext is empty or too long; `integrity` if {@linkcode armoured} cannot
 *   have made it.
 */
export function unarmoured(ciphertext: Uint8Array): Uint8Array {
  if (ciphertext.length === 0) throw new KmsError("request_invalid", "Cannot decrypt: the ciphertext is empty.");
  if (ciphertext.length > maxArmour) {
    const message = `Cannot decrypt: the ciphertext has ${ciphertext.length} bytes, more than ${maxArmour}.`;
    throw new KmsError("request_invalid", message);
  }
  const text = exactText(ciphertext);
  const frame = text?.startsWith(prefix) ? fromBase64(text.slice(prefix.length)) : undefined;
  if (!frame) throw foreignBytes(`the ciphertext is not ${prefix} and base64`);
  return frame;
}
