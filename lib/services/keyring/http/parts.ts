/**
 * The parts of the keyring that answer the requests of the API. Each interface is the use that this folder makes of a
 * part.
 *
 * @module
 */
import type { SecretField } from "../../../api/keyring/fields.ts";
import type { FolderPath, SecretPath } from "../../../api/keyring/paths.ts";
import type { ProblemCode } from "../../../api/keyring/problems.ts";
import type { Identity } from "../policy/identity.ts";
import type { Policies } from "../policy/policies.ts";
import type { RecordStore, RecordTransaction } from "../records/records.ts";

/** A version of a secret without its values. Times are milliseconds since the epoch. */
export interface SecretVersionShown {
  readonly version: number;
  readonly state: "live" | "deleted" | "destroying" | "destroyed";
  readonly createdAt: number;
  readonly deletedAt?: number;
  readonly fields: readonly Pick<SecretField, "name" | "kind">[];
  readonly generated: boolean;
  /** 16 hex digits, for generated values. */
  readonly fingerprint?: string;
}

/** A secret without its values. */
export interface SecretShown {
  readonly path: SecretPath;
  /** 32 hex digits. */
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly expiresAt?: number;
  readonly currentVersion: number;
  readonly keptVersions: number;
  readonly versions: readonly SecretVersionShown[];
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** A secret after a write. */
export interface SecretWritten {
  readonly path: SecretPath;
  readonly version: number;
  readonly fingerprint?: string;
}

/** Options of a write. */
export interface SecretWrite {
  readonly signal: AbortSignal;
  /** The version that must be the current one; 0: the secret must not exist. */
  readonly cas?: number;
  /** Part of the transaction of the write. */
  readonly alongside?: (tx: RecordTransaction, written: SecretWritten) => Promise<void> | void;
}

/** A secret with its values. */
export interface SecretRead {
  readonly info: SecretShown;
  readonly version: SecretVersionShown;
  readonly fields: readonly SecretField[];
}

/** Content of a new version. */
export interface SecretContent {
  readonly fields: readonly SecretField[];
  readonly expiresAt?: number;
  readonly generated?: boolean;
}

/** Changes of a secret; `null` removes. */
export interface SecretChanges {
  readonly fields?: Readonly<Record<string, SecretField | null>>;
  readonly labels?: Readonly<Record<string, string | null>>;
  readonly expiresAt?: number | null;
  readonly keptVersions?: number;
}

/** A change of a secret, for watch. */
export interface SecretChange {
  readonly path: SecretPath;
  readonly version: number;
  readonly action: string;
}

/** The secrets. */
export interface SecretsPart {
  read(
    path: SecretPath,
    options: { readonly version?: number; readonly signal: AbortSignal },
  ): Promise<SecretRead>;
  info(path: SecretPath, signal: AbortSignal): Promise<SecretShown>;
  list(
    folder: FolderPath,
    options: { readonly after?: string; readonly limit: number; readonly signal: AbortSignal },
  ): Promise<{
    readonly entries: readonly { readonly path: SecretPath | FolderPath; readonly info?: SecretShown }[];
    readonly more: boolean;
  }>;
  create(
    path: SecretPath,
    content: SecretContent & { readonly labels?: Readonly<Record<string, string>> },
    call: SecretWrite,
  ): Promise<SecretWritten>;
  update(path: SecretPath, content: SecretContent, call: SecretWrite): Promise<SecretWritten>;
  patch(path: SecretPath, changes: SecretChanges, call: SecretWrite): Promise<SecretWritten>;
  move(from: SecretPath, to: SecretPath, call: SecretWrite): Promise<SecretWritten>;
  delete(
    path: SecretPath,
    options: { readonly versions?: readonly number[] },
    call: SecretWrite,
  ): Promise<SecretWritten>;
  undelete(
    path: SecretPath,
    options: { readonly versions?: readonly number[] },
    call: SecretWrite,
  ): Promise<SecretWritten>;
  destroy(
    path: SecretPath,
    options: { readonly versions: readonly number[] },
    call: SecretWrite,
  ): Promise<SecretWritten>;
  diff(path: SecretPath, from: number, to: number, signal: AbortSignal): Promise<{
    readonly added: readonly string[];
    readonly removed: readonly string[];
    readonly changed: readonly string[];
    readonly same: readonly string[];
  }>;
  changes(signal: AbortSignal): AsyncIterable<SecretChange>;
}

/** One secret of an import. */
export interface ImportItem extends SecretContent {
  readonly path: SecretPath;
  readonly labels?: Readonly<Record<string, string>>;
}

/** Imports: all secrets are written, or none. */
export interface ImportsPart {
  /**
   * The problems of secrets that cannot be written, by their index; empty if all can.
   *
   * @throws {KeyringError} for failures that concern no single secret.
   */
  check(items: readonly ImportItem[], signal: AbortSignal): Promise<ReadonlyMap<number, Error>>;
  /** Writes all secrets in the order of the items. @throws {KeyringError} and nothing was written. */
  run(items: readonly ImportItem[], signal: AbortSignal): Promise<readonly SecretWritten[]>;
}

/** The credentials of a request. */
export type PresentedCredentials =
  | { readonly kind: "socket"; readonly socket: string }
  | { readonly kind: "certificate"; readonly der: Uint8Array }
  | { readonly kind: "bearer"; readonly token: string }
  | { readonly kind: "none" };

/** The authenticator. */
export interface AuthenticatorPart {
  authenticate(credentials: PresentedCredentials, signal: AbortSignal): Promise<Identity>;
}

/** A certificate for a client. */
export interface IssuedCertificate {
  readonly certificate: string;
  readonly ca: string;
  readonly notAfter: number;
}

/** Enrolments of people. */
export interface EnrolmentsPart {
  create(
    request: { readonly name: string; readonly roles: readonly string[] },
    by: Identity,
    signal: AbortSignal,
  ): Promise<{ readonly code: string; readonly expiresAt: number; readonly id: string }>;
  redeem(
    request: { readonly code: string; readonly publicKey: Uint8Array },
    signal: AbortSignal,
  ): Promise<IssuedCertificate>;
  renew(identity: Identity, publicKey: Uint8Array, signal: AbortSignal): Promise<IssuedCertificate>;
  list(by: Identity, signal: AbortSignal): Promise<
    readonly {
      readonly id: string;
      readonly name: string;
      readonly roles: readonly string[];
      readonly state: "invited" | "enrolled" | "revoked" | "expired";
      readonly expiresAt?: number;
    }[]
  >;
  revoke(id: string, by: Identity, signal: AbortSignal): Promise<void>;
}

/** A token of a login. */
export interface IssuedToken {
  readonly token: string;
  readonly expiresAt: number;
  readonly renewableUntil?: number;
}

/** Bearer tokens. */
export interface TokensPart {
  create(
    request: { readonly role: string; readonly ttlMs: number; readonly name: string },
    by: Identity,
    signal: AbortSignal,
  ): Promise<{ readonly token: string; readonly id: string; readonly expiresAt: number }>;
  login(
    request: {
      readonly method: "kubernetes" | "oidc";
      readonly issuer?: string;
      readonly role: string;
      readonly jwt: string;
    },
    signal: AbortSignal,
  ): Promise<IssuedToken>;
  /** Prolongs the token of a request. */
  renew(identity: Identity, signal: AbortSignal): Promise<{
    readonly expiresAt: number;
    readonly renewableUntil?: number;
  }>;
  revoke(id: string, by: Identity, signal: AbortSignal): Promise<void>;
  list(by: Identity, signal: AbortSignal): Promise<
    readonly {
      readonly id: string;
      readonly name: string;
      readonly roles: readonly string[];
      readonly expiresAt: number;
    }[]
  >;
}

/** A line of the audit. */
export interface AuditedOperation {
  readonly requestId: string;
  readonly identity: string;
  readonly action: string;
  readonly path?: string;
  readonly version?: number;
  readonly result: "ok" | ProblemCode;
  readonly address?: string;
  readonly note?: string;
}

/** The audit. */
export interface AuditPart {
  /** Fulfilled when the line is in the kernel. @throws {KeyringError} `audit_unavailable` */
  record(entry: AuditedOperation): Promise<void>;
  /** Counts a denial without an identity: one line an address and minute. */
  deny(address: string, entry: AuditedOperation): void | Promise<void>;
  head(): { readonly lines: number; readonly hash: string; readonly at: number };
  /** Ed25519, SubjectPublicKeyInfo in PEM. */
  readonly publicKey: string;
  readonly serverId: string;
}

/** All parts behind the API. They exist once the store is opened. */
export interface KeyringParts {
  readonly store: RecordStore;
  readonly secrets: SecretsPart;
  readonly imports: ImportsPart;
  readonly authenticator: AuthenticatorPart;
  readonly enrolments: EnrolmentsPart;
  readonly tokens: TokensPart;
  readonly policies: Policies;
  readonly audit: AuditPart;
  /** The bytes of a backup. */
  backup(signal: AbortSignal): AsyncIterable<Uint8Array>;
}
