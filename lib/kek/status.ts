/**
 * The status of a {@linkcode KekGroup}, which every service over the operator's KMS keys can report.
 *
 * Times are milliseconds since the epoch, converted to the wall clock when the status is read.
 *
 * @module
 */
import type { ErrorCode } from "../base/errors.ts";
import type { HealthState } from "../telemetry/events.ts";

/** The health of one provider. */
export interface ProviderHealth {
  readonly name: string;
  readonly kind: string;
  readonly health: HealthState;
  /** Why it is not well: one sentence, `""` when it is. */
  readonly message: string;
  readonly code: ErrorCode | "ok";
  /** When `health` changed last. */
  readonly since: number;
  /** When a call to it last succeeded; `undefined` if none has since the start. */
  readonly lastGoodAt: number | undefined;
}

/** Whether enough providers are well to wrap a data key. */
export type QuorumState =
  | { readonly state: "held" }
  | {
    readonly state: "lost";
    readonly since: number;
    /** Milliseconds since it was lost. Decisions use this value, which does not depend on the wall clock. */
    readonly forMs: number;
    /** Whether the providers that do not refuse are too few for the quorum: then it is no outage. */
    readonly refused: boolean;
    readonly message: string;
  };

/** The refused Decrypts of one error code within the window. */
export interface RefusedDecrypts {
  readonly code: ErrorCode;
  /** The newest reason, one sentence. */
  readonly message: string;
  /** Different envelopes whose newest Decrypt was refused with this code. */
  readonly envelopes: number;
  /** When the first of them was refused. */
  readonly since: number;
  readonly lastAt: number;
}

/** How Decrypts of stored data ended within the window. */
export interface DecryptStatus {
  /** The window in milliseconds. */
  readonly windowMs: number;
  /** One for each code, most envelopes first; empty if no Decrypt was refused in the window. */
  readonly refused: readonly RefusedDecrypts[];
  /** When stored data was last decrypted; `undefined` if none was since the start. */
  readonly lastOpenedAt: number | undefined;
  /** Whether many envelopes were refused in the window and none was opened: see `DecryptBoard`. */
  readonly failing: boolean;
}

/** The status of a group of providers, from memory. Each service adds its own fields. */
export interface KekGroupStatus {
  /** The providers that count in the quorum: they wrap new data keys and unwrap them. */
  readonly providers: readonly ProviderHealth[];
  /** Providers that only unwrap. */
  readonly retired: readonly ProviderHealth[];
  /** Providers that only wrap (`canUnwrap: false`): they count in no quorum. */
  readonly wrapOnly: readonly ProviderHealth[];
  /** Whether a provider unwraps with the private key of `--recovery-key`. */
  readonly recoveryKeyLoaded: boolean;
  readonly quorum: QuorumState;
  /** How many of `providers` have to wrap a data key; 0 for a service that only decrypts. */
  readonly needed: number;
  /** For how long a cached data key opens data while its KMS cannot be reached, in milliseconds; 0 if it does not. */
  readonly graceOnOutageMs: number;
  readonly decrypts: DecryptStatus;
}

/** A version of a provider's key that wrapped or unwrapped a data key. */
export interface ProviderVersion {
  readonly name: string;
  readonly version: string;
}
