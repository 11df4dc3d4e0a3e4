/**
 * Findings about a key in a KMS and about the rights of the login: what endangers data, and what is permitted beyond need.
 *
 * @module
 */
import type { PlaceholdersOf } from "../base/sentence_template.ts";

/** A row of {@linkcode keyFindings}. */
export interface KeyFindingRow {
  readonly severity: "ok" | "warn" | "bad";
  /** A whole sentence with placeholders. */
  readonly sentence: string;
  /** The command or the edit that mends it; `""` for a good finding. */
  readonly cure: string;
}

/** The table. `{name}` is the provider's name. */
export const keyFindings = {
  "vault-key-exportable": {
    severity: "warn",
    sentence: 'The key of provider "{name}" is exportable: a login with that right gets it in plain text.',
    cure:
      "This cannot be switched off: make another key with `vault write -f {path}-2`, and move to it as docs/quorum.md " +
      "describes.",
  },
  "vault-key-backup": {
    severity: "warn",
    sentence: 'The key of provider "{name}" has allow_plaintext_backup: a login with that right gets it in plain text.',
    cure:
      "This cannot be switched off: make another key with `vault write -f {path}-2`, and move to it as docs/quorum.md " +
      "describes.",
  },
  "vault-key-deletable": {
    severity: "bad",
    sentence: 'The key of provider "{name}" has deletion_allowed: one command would destroy it with all data under it.',
    cure: "vault write {path}/config deletion_allowed=false",
  },
  "vault-key-derived": {
    severity: "bad",
    sentence: 'The key of provider "{name}" is a derived one, which cannot wrap without a context.',
    cure: "Make another key with `vault write -f {path}-2`, and name it in the configuration.",
  },
  "vault-key-soft-deleted": {
    severity: "bad",
    sentence: 'The key of provider "{name}" is soft-deleted: nothing that it has wrapped opens.',
    cure: "bao write -f {path}/soft-delete-restore",
  },
  "vault-min-decryption": {
    severity: "bad",
    sentence:
      'Provider "{name}" has min_decryption_version {least}, above version {version} that this node has sealed with.',
    cure: "vault write {path}/config min_decryption_version={version}",
  },
  "vault-version-lost": {
    severity: "bad",
    sentence: 'Version {version} of provider "{name}", which this node has sealed with, is not in the key any more.',
    cure: "Restore the key from a backup of Vault, or rewrite the data by another provider: docs/quorum.md.",
  },
  "vault-login-may": {
    severity: "warn",
    sentence: 'The login of provider "{name}" may {actions}, which Trousseau never does.',
    cure: "Take these paths out of its policy: {paths}",
  },
  "vault-token-ends": {
    severity: "warn",
    sentence: 'The token of provider "{name}" cannot be renewed and ends at {date}.',
    cure: "Write a new token into its file, then run `systemctl reload trousseau`.",
  },
  "vault-key-held": {
    severity: "ok",
    sentence: 'The key of provider "{name}" cannot be deleted or taken out of Vault.',
    cure: "",
  },
  "aws-key-pending-deletion": {
    severity: "bad",
    sentence: 'AWS deletes the key of provider "{name}" at {date}, and all data under it is lost then.',
    cure: "aws kms cancel-key-deletion --key-id {arn} && aws kms enable-key --key-id {arn}",
  },
  "aws-key-disabled": {
    severity: "bad",
    sentence: 'The key of provider "{name}" has the state {state}, in which it does not open data.',
    cure: "aws kms enable-key --key-id {arn}",
  },
  "aws-key-material-ends": {
    severity: "bad",
    sentence: 'The imported material of the key of provider "{name}" expires at {date}, and no data opens then.',
    cure: "aws kms import-key-material --expiration-model KEY_MATERIAL_DOES_NOT_EXPIRE, with the same material",
  },
  "aws-key-material-ends-later": {
    severity: "warn",
    sentence: 'The imported material of the key of provider "{name}" expires at {date}, and no data opens then.',
    cure:
      "Before that: aws kms import-key-material --expiration-model KEY_MATERIAL_DOES_NOT_EXPIRE, with the same material",
  },
  "aws-key-material-held": {
    severity: "ok",
    sentence: 'The key of provider "{name}" is enabled, and its imported material expires at {date}.',
    cure: "",
  },
  "aws-rotation-off": {
    severity: "warn",
    sentence: 'The key of provider "{name}" is not rotated by AWS.',
    cure: "aws kms enable-key-rotation --key-id {arn}",
  },
  "aws-key-held": {
    severity: "ok",
    sentence: 'The key of provider "{name}" is enabled and has no date of deletion.',
    cure: "",
  },
  "azure-key-ends": {
    severity: "bad",
    sentence: 'The newest version of the key of provider "{name}" expires at {date}, and wraps nothing then.',
    cure: "az keyvault key rotate --vault-name {vault} --name {key}",
  },
  "azure-key-ends-later": {
    severity: "warn",
    sentence: 'The newest version of the key of provider "{name}" expires at {date}, and wraps nothing then.',
    cure:
      "Without a rotation policy that acts before: az keyvault key rotate --vault-name {vault} --name {key}; the policy is " +
      "shown by az keyvault key rotation-policy show --vault-name {vault} --name {key}.",
  },
  "azure-version-disabled": {
    severity: "bad",
    sentence: 'Version {version} of provider "{name}", which this node has sealed with, {state}.',
    cure: "az keyvault key set-attributes --vault-name {vault} --name {key} --version {version} --enabled true",
  },
  "azure-key-exportable": {
    severity: "warn",
    sentence: 'The key of provider "{name}" is exportable: whom its release policy permits it gets it in plain text.',
    cure: "Make another key without --exportable, and move to it as docs/quorum.md describes.",
  },
  "azure-purge-protection-off": {
    severity: "bad",
    sentence:
      'The vault of provider "{name}" has no purge protection ({level}): a deleted key can be destroyed at once.',
    cure: "az keyvault update --name {vault} --enable-purge-protection true",
  },
  "azure-key-held": {
    severity: "ok",
    sentence: 'The key of provider "{name}" has the recovery level {level}.',
    cure: "",
  },
  "gcp-version-destroyed": {
    severity: "bad",
    sentence:
      'Version {version} of provider "{name}", which this node has sealed with, is scheduled for destruction at {date}.',
    cure: "gcloud kms keys versions restore {version} --key {key}",
  },
  "gcp-other-version-destroyed": {
    severity: "warn",
    sentence:
      'Version {version} of provider "{name}" is scheduled for destruction at {date}; this node knows no data under it.',
    cure:
      "If `trousseau verify` counts objects under it, or another node has sealed with it: gcloud kms keys versions restore " +
      "{version} --key {key}",
  },
  "gcp-version-disabled": {
    severity: "bad",
    sentence: 'Version {version} of provider "{name}", which this node has sealed with, has the state {state}.',
    cure: "gcloud kms keys versions enable {version} --key {key}",
  },
  "gcp-key-external": {
    severity: "warn",
    sentence: 'The key of provider "{name}" has the protection level {level}: Google holds no copy of it.',
    cure: "Keep a second provider: docs/quorum.md.",
  },
  "gcp-key-held": {
    severity: "ok",
    sentence: 'The key of provider "{name}" has the protection level {level}, and no version is to be destroyed.',
    cure: "",
  },
} as const satisfies Readonly<Record<string, KeyFindingRow>>;

/** The ID of a row. */
export type KeyFindingId = keyof typeof keyFindings;

/** The texts for the placeholders of a row. */
export type KeyFindingTexts<Id extends KeyFindingId> = Readonly<
  Record<
    PlaceholdersOf<(typeof keyFindings)[Id]["sentence"]> | PlaceholdersOf<(typeof keyFindings)[Id]["cure"]>,
    string
  >
>;

/** A row with its texts. */
export interface KeyFinding {
  readonly id: KeyFindingId;
  readonly texts: Readonly<Record<string, string>>;
}

/** Makes a finding; the compiler checks that each placeholder has a text. */
export function keyFinding<Id extends KeyFindingId>(id: Id, texts: KeyFindingTexts<Id>): KeyFinding {
  return { id, texts };
}

/** The result of an examination of a key. */
export interface KeyExamination {
  readonly findings: readonly KeyFinding[];
  /** Whole sentences about the login. */
  readonly remarks: readonly string[];
  /** Milliseconds by which the clock of the KMS is ahead of this machine's; `undefined` if it does not tell its time. */
  readonly clockAheadMs: number | undefined;
}
