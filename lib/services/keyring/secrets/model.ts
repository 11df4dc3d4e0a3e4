/**
 * Secrets as the rest of the server sees them.
 *
 * @module
 */
import type { FieldKind, SecretField } from "../../../api/keyring/fields.ts";
import type { FolderPath, SecretPath } from "../../../api/keyring/paths.ts";
import type { RecordTransaction } from "../records/records.ts";

/** The states of a version. */
export const versionStates = {
  live: true,
  /** Not readable; `undelete` makes it live again. */
  deleted: true,
  /** Its value is deleted, and the engine has not yet said that no copy is left in its files. */
  destroying: true,
  destroyed: true,
} as const satisfies Readonly<Record<string, true>>;

/** A state of a version. */
export type VersionState = keyof typeof versionStates;

/** One version of a secret. Times are in milliseconds since the epoch. */
export interface SecretVersion {
  /** 1 or more. */
  readonly version: number;
  readonly state: VersionState;
  readonly createdAt: number;
  readonly deletedAt?: number;
  /** Empty for a version that is destroyed. */
  readonly fields: readonly { readonly name: string; readonly kind: FieldKind }[];
  /** Whether the server made the value. */
  readonly generated: boolean;
  /** 16 hexadecimal digits; for generated values only. */
  readonly fingerprint?: string;
}

/** All about a secret but its values. Times are in milliseconds since the epoch. */
export interface SecretInfo {
  readonly path: SecretPath;
  /** 32 hexadecimal digits. A move does not change it. */
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly expiresAt?: number;
  /** The newest version, whatever its state; 0 for a secret that has labels and no version yet. */
  readonly currentVersion: number;
  readonly keptVersions: number;
  /** The versions that are kept, the oldest first. */
  readonly versions: readonly SecretVersion[];
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** A version with its value. */
export interface ReadSecret {
  readonly info: SecretInfo;
  readonly version: SecretVersion;
  readonly fields: readonly SecretField[];
}

/** The conditions of a write. */
export interface WriteCall {
  readonly signal: AbortSignal;
  /** The newest version must be this one; 0: the path must not exist. Compared before the new content is judged. */
  readonly cas?: number;
  /** Further writes of the same transaction. It may run several times and must have no other effect. */
  readonly alongside?: (tx: RecordTransaction, written: WrittenSecret) => Promise<void> | void;
  /** Called in the transaction of a write that lowers the number of kept versions. It throws to refuse the write. */
  readonly onFewerVersions?: () => void;
}

/** Versions that a caller names. */
export interface VersionChoice {
  readonly versions?: readonly number[];
}

/** The result of a write. */
export interface WrittenSecret {
  readonly path: SecretPath;
  /** The newest version after the write. */
  readonly version: number;
  readonly fingerprint?: string;
}

/** The result of a write, with the secret after it. */
export interface PutSecret extends WrittenSecret {
  readonly info: SecretInfo;
}

/** The content of a new version. */
export interface NewVersion {
  readonly fields: readonly SecretField[];
  readonly generated?: boolean;
  /** Milliseconds since the epoch; left out, it stays as it is. */
  readonly expiresAt?: number;
}

/** The content of a new secret. */
export interface NewSecret extends NewVersion {
  readonly labels?: Readonly<Record<string, string>>;
}

/** Changes of a secret. Without `fields` there is no new version and no value is opened. */
export interface SecretPatch {
  /** `null` removes a field; the others stay. */
  readonly fields?: Readonly<Record<string, Omit<SecretField, "name"> | null>>;
  /** `null` removes a label; the others stay. */
  readonly labels?: Readonly<Record<string, string | null>>;
  /** `null` removes the expiry. */
  readonly expiresAt?: number | null;
  readonly keptVersions?: number;
}

/** Changes of a secret that leave its versions as they are. */
export interface MetadataChange {
  /** `null` removes a label. */
  readonly labels?: Readonly<Record<string, string | null>>;
  /** Whether labels that are not named go; they stay if it is left out. */
  readonly replaceLabels?: boolean;
  readonly keptVersions?: number;
  /** Whether a path that does not exist gets a secret without versions. */
  readonly create?: boolean;
}

/** An entry of a folder; a folder's path ends with "/". */
export interface ListedPath {
  readonly path: SecretPath | FolderPath;
  /** For a secret, if it was asked for. */
  readonly info?: SecretInfo;
}

/** The names of the fields that differ between two versions. */
export interface SecretDiff {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
  readonly same: readonly string[];
}

/** The kinds of change that `watch` reports. */
export const changeActions = {
  create: true,
  update: true,
  patch: true,
  move: true,
  delete: true,
  undelete: true,
  destroy: true,
} as const satisfies Readonly<Record<string, true>>;

/** A kind of change. */
export type ChangeAction = keyof typeof changeActions;

/**
 * A change of a secret; several that follow each other quickly are reported as the last one. After a gap of the engine's
 * watch, a change of the minute before the watch began may be reported, too.
 */
export interface SecretChange {
  readonly path: SecretPath;
  /** For a move, the path before. */
  readonly from?: SecretPath;
  readonly version: number;
  readonly action: ChangeAction;
  /** Grows with each change of this secret; from it a watch is resumed. */
  readonly revision: number;
}

/** Versions that a caller names. */
export interface VersionChoice {
  readonly versions?: readonly number[];
}
