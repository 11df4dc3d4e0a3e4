/**
 * What the key ring answers, in our own types.
 *
 * @module
 */
import type { ErrorCode } from "../base/errors.ts";
import type { CacheResult, HealthState } from "../telemetry/events.ts";
import type { StateFolderStatus } from "../base/state_folder.ts";

/** How a provider is now that only unwraps, judged by its unwraps. Times are milliseconds since the epoch. */
export interface RetiredStatus {
  readonly name: string;
  readonly kind: string;
  readonly health: HealthState;
  /** Why it is not well: one sentence, `""` when it is. */
  readonly message: string;
  readonly code: ErrorCode | "ok";
  /** Since when it has been in this state. */
  readonly since: number;
  readonly lastGoodAt: number | undefined;
}

/** How one provider is now. */
export interface ProviderStatus extends RetiredStatus {
  /** The version that counts in the key ID, `?` if this node has never seen one. */
  readonly version: string;
  /** Since when it lacks a wrap of the ready DEK; `undefined` when it has one, and when there is no ready DEK at all. */
  readonly lacksWrapSince: number | undefined;
}

/** Whether as many providers as the quorum wants can wrap now. */
export type QuorumState =
  | { readonly state: "held" }
  | {
    readonly state: "lost";
    /** Milliseconds since the epoch. */
    readonly since: number;
    /** For how long by now, in milliseconds. Decisions use this value, which does not depend on the wall clock. */
    readonly forMs: number;
    readonly refused: boolean;
    readonly message: string;
  };

/** Whether what was sealed under one version of a provider's key can still be opened. */
export interface SealedVersionStatus {
  readonly provider: string;
  readonly kind: string;
  readonly version: string;
  /**
   * Whether it counts in the announced key ID. A version that was refused while it counted stays so until it opens again
   * or is forgotten: what was sealed under it cannot have been rewritten.
   */
  readonly announced: boolean;
  /** `unknown`: it was tested and its KMS could not be reached. */
  readonly state: "not_tested" | "opens" | "refused" | "unknown";
  readonly code: ErrorCode | "ok";
  /** Why it was refused, or not tested: one sentence, `""` when it opens. */
  readonly message: string;
  /** Milliseconds since the epoch. */
  readonly testedAt: number | undefined;
}

/** The refused Decrypts of one code in the last minutes. Times are milliseconds since the epoch. */
export interface RefusedDecrypts {
  readonly code: ErrorCode;
  /** The newest reason, one sentence. */
  readonly message: string;
  /** Different envelopes whose newest Decrypt was refused with this code. */
  readonly envelopes: number;
  /** The first of them since there were none. */
  readonly since: number;
  readonly lastAt: number;
}

/** How Decrypts of what is stored ended in the last minutes. */
export interface DecryptStatus {
  /** The window in milliseconds. */
  readonly windowMs: number;
  /** One for each code, most envelopes first; empty where none was refused in the window. */
  readonly refused: readonly RefusedDecrypts[];
  /** When something stored was opened last, in milliseconds since the epoch; `undefined` if nothing was since the start. */
  readonly lastOpenedAt: number | undefined;
  /** Whether many envelopes were refused in the window and none was opened: see `DecryptBoard`. */
  readonly failing: boolean;
}

/** The status of the node, from memory. Its times are by the wall clock at the time of the call. */
export interface ServiceStatus {
  /** The announced key ID; `undefined` as long as none is known. */
  readonly keyId: string | undefined;
  /** Whether the ID counts a provider that has never been seen. */
  readonly provisional: boolean;
  /** Why there is no key ID, in one sentence; `""` when there is one. */
  readonly message: string;
  readonly quorum: QuorumState;
  readonly needed: number;
  readonly providers: readonly ProviderStatus[];
  /** Those that only unwrap: not among `providers`. */
  readonly retired: readonly RetiredStatus[];
  /** Whether an Encrypt would be answered now; the outage policy may forbid it besides: see `underPolicy`. */
  readonly canEncrypt: boolean;
  /** When the ready data key was made; `undefined` where there is none, as in a key service, which holds none ready. */
  readonly dataKeyMadeAt: number | undefined;
  /** When the key ID was announced, in milliseconds since the epoch. */
  readonly announcedAt: number | undefined;
  /** When an API server first called Encrypt over v2 under it; `undefined` where no such call was noted. */
  readonly firstEncryptAt: number | undefined;
  readonly decrypts: DecryptStatus;
  /** Whether the state folder can be written; `undefined` where nothing is kept in one. */
  readonly stateFolder: StateFolderStatus | undefined;
  /** The versions that this node has sealed with, at most 256: first those that are refused. */
  readonly sealedVersions: readonly SealedVersionStatus[];
}

/** Which KEKs a sealed seed was wrapped under, or which one opened it. */
export interface ProviderVersion {
  readonly name: string;
  readonly version: string;
}

/** A sealed DEK seed as KMS v2 carries it. Under v1beta1 `ciphertext` is a frame that holds the rest. */
export interface Sealed {
  readonly keyId: string;
  /** v2: at most 1,024 bytes; v1beta1: at most 60 KiB. */
  readonly ciphertext: Uint8Array;
  /** v2 only: lowercase domain names to wrapped DEKs, at most 32 KiB in all. Empty under v1beta1. */
  readonly annotations: Readonly<Record<string, Uint8Array>>;
}

/** An answer to encrypt. */
export interface Encrypted extends Sealed {
  readonly providers: readonly ProviderVersion[];
}

/** An answer to decrypt. */
export interface Decrypted {
  readonly plaintext: Uint8Array;
  readonly keyId: string;
  readonly providers: readonly ProviderVersion[];
  readonly cache: CacheResult;
}
