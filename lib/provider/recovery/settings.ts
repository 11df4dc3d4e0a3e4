import type { SecretSource } from "../../base/secret.ts";

/** The settings of a recovery provider. */
export interface RecoverySettings {
  readonly kind: "recovery";
  /** The operator's name for the recipients. */
  readonly name: string;
  /** Public keys, 1,216 bytes each; 1 to 3 of them, without duplicates. */
  readonly recipients: readonly Uint8Array[];
  /** The private key of one recipient, during a recovery alone: see `key_text.ts`. */
  readonly privateKey?: SecretSource;
}
