/**
 * `kind: recovery`: public keys whose private keys lie in a safe.
 *
 * @module
 */
import * as z from "zod/mini";
import type { RecoverySettings } from "../../provider/recovery/settings.ts";
import { recipientText, section, tag } from "../fields.ts";
import { commonFields, type ConfigValidator } from "./common.ts";

/** Maximum number of recipients: the wraps of three fit into what a provider may return. */
const maxRecipients = 3;

/** The schema of the entry. */
export const recoverySchema = section(
  "Public keys to which each data key is wrapped too. Their private keys lie in a safe, and it counts in no quorum.",
  {
    kind: tag("Recovery keys in a safe.", "recovery"),
    ...commonFields,
    recipients: z.array(
      recipientText("A public key as trousseau recovery public prints it, or { file: PATH } of a file that holds it."),
      "must be a list of public keys",
    ).check(
      z.minLength(1, "must have a public key"),
      z.maxLength(maxRecipients, `must be at most ${maxRecipients} public keys`),
      z.describe("The public keys, 1 to 3. A data key opens with the private key of any of them."),
    ),
  },
);

/** The provider's settings. Reports texts that are no public key, and a key that is there twice. */
export async function recoverySettings(
  raw: z.infer<typeof recoverySchema>,
  validator: ConfigValidator,
): Promise<RecoverySettings> {
  const { parsePublicKey, recipientFingerprint } = await import("../../provider/recovery/key_text.ts");
  const recipients: Uint8Array[] = [];
  const seen = new Set<string>();
  for (const [index, written] of raw.recipients.entries()) {
    const text = await validator.publicText(["recipients", index], written);
    if (text === undefined) continue;
    const key = parsePublicKey(text);
    if (key === undefined) {
      validator.complain(["recipients", index], "is no public recovery key; trousseau recovery public prints one");
      continue;
    }
    const fingerprint = recipientFingerprint(key);
    if (seen.has(fingerprint)) validator.complain(["recipients", index], "stands in the list twice");
    seen.add(fingerprint);
    recipients.push(key);
  }
  return { kind: raw.kind, name: raw.name, recipients };
}
