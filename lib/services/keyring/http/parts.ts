/**
 * The parts of the keyring that answer the requests of the API.
 *
 * @module
 */
import type { UpkeepReport, UpkeepRequest } from "../../../api/keyring/upkeep_schemas.ts";
import type { Clock } from "../../../base/clock.ts";
import type { AuditChain } from "../audit/audit_chain.ts";
import type { DiskBoundKeys } from "../backup/openable.ts";
import type { ValueGenerators } from "../generators/value_generators.ts";
import type { Authenticator } from "../identity/authenticator.ts";
import type { Enrolments } from "../identity/enrolments.ts";
import type { Tokens } from "../identity/tokens.ts";
import type { Policies } from "../policy/policies.ts";
import type { RecordStore } from "../records/records.ts";
import type { Secrets } from "../secrets/secrets.ts";

/** The key that verifies the audit. */
export interface AuditKey {
  /** Ed25519, SubjectPublicKeyInfo in PEM. */
  readonly publicKey: string;
  readonly serverId: string;
}

/** Does work on the whole store. @param call `onProgress` is called with a sentence. */
export type RunUpkeep = (
  request: UpkeepRequest,
  call: { readonly signal: AbortSignal; readonly onProgress: (text: string) => void },
) => Promise<UpkeepReport>;

/** All parts behind the API. They exist once the store is opened. */
export interface KeyringParts {
  readonly clock: Clock;
  readonly store: RecordStore;
  readonly secrets: Pick<Secrets, keyof Secrets>;
  readonly generators: Pick<ValueGenerators, "generate">;
  readonly authenticator: Pick<Authenticator, "identify">;
  readonly enrolments: Pick<Enrolments, "create" | "redeem" | "renew" | "list" | "revoke">;
  readonly tokens: Pick<Tokens, "create" | "login" | "renew" | "list" | "revoke">;
  readonly policies: Pick<Policies, "current" | "text" | "set">;
  /**
   * PEM of the authorities by which clients know this server, the newest first; `undefined` where its certificate is the
   * operator's.
   */
  authorities(signal: AbortSignal): Promise<string | undefined>;
  readonly audit: Pick<AuditChain, "record" | "deny" | "head" | "health" | "requireWritable">;
  readonly auditKey: AuditKey;
  /**
   * The reason why a backup could not be opened once the machine of the server is lost, by the store keys as they are now.
   *
   * @throws {KeyringError} `store_unavailable`, `integrity`.
   */
  diskBound(signal: AbortSignal): Promise<DiskBoundKeys | undefined>;
  /** The bytes of a backup. */
  backup(signal: AbortSignal): AsyncIterable<Uint8Array>;
  readonly upkeep: RunUpkeep;
}
