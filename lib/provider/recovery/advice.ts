/**
 * Advice about recovery keys.
 *
 * @module
 */
import type { ProviderAdvice } from "../advice.ts";
import { recipientFingerprint } from "./key_text.ts";
import type { RecoverySettings } from "./settings.ts";

/** See {@linkcode ProviderAdvice}. */
export function recoveryAdvice({ recipients, privateKey }: RecoverySettings): ProviderAdvice {
  const rotation = {
    by: "command",
    command: "trousseau recovery new",
    intro: "is rotated by another recovery key, whose public key takes the place of the old one in recipients:",
  } as const;
  const pendingCreation = () => Promise.resolve(undefined);
  if (privateKey !== undefined) {
    const loaded = `Its private key is loaded from ${privateKey.description}: whoever has a public key and can write ` +
      "the stored data can forge it. Rewrite everything, then start without --recovery-key.";
    return { warnings: [loaded], rotation, pendingCreation };
  }
  const shown = recipients.map(recipientFingerprint).join(", ");
  const compare = `Its recipients are ${shown}: compare them with trousseau recovery public and the paper in the safe.`;
  return { warnings: [compare], rotation, pendingCreation };
}
