/**
 * The plugin's status and its answers, in our own types.
 *
 * @module
 */
import type { ErrorCode } from "../../base/errors.ts";
import type { StateFolderStatus } from "../../base/state_folder.ts";
import type { KekGroupStatus, ProviderHealth, ProviderVersion } from "../../kek/status.ts";
import type { CacheResult } from "../../telemetry/events.ts";

/** A provider that counts in the key ID. Times are milliseconds since the epoch. */
export interface ProviderStatus extends ProviderHealth {
  /** The version that counts in the key ID, `?` if this node has never seen one. */
  readonly version: string;
  /** When it first lacked a wrap of the ready data key; `undefined` if it has one, or if no data key is ready. */
  readonly lacksWrapSince: number | undefined;
}

/** Whether data sealed under one version of a provider's key can still be opened. */
export interface SealedVersionStatus {
  readonly provider: string;
  readonly kind: string;
  readonly version: string;
  /**
   * Whether it counts in the announced key ID. A version that was refused while it counted keeps this until it opens
   * again or is forgotten: data sealed under it cannot have been rewritten.
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

/** The status of the node, from memory. Its times are by the wall clock at the time of the call. */
export interface ServiceStatus extends KekGroupStatus {
  readonly providers: readonly ProviderStatus[];
  /** The announced key ID; `undefined` as long as none is known. */
  readonly keyId: string | undefined;
  /** Whether the ID counts a provider that has never been seen. */
  readonly provisional: boolean;
  /** Why there is no key ID, in one sentence; `""` when there is one. */
  readonly message: string;
  /** Whether a data key is ready for the next Encrypt; the outage policy may still forbid it: see `underPolicy`. */
  readonly canEncrypt: boolean;
  /** When the ready data key was made; `undefined` if none is ready. */
  readonly dataKeyMadeAt: number | undefined;
  /** When the key ID was announced, in milliseconds since the epoch. */
  readonly announcedAt: number | undefined;
  /** When an API server first called Encrypt over v2 under it; `undefined` if no such call was noted. */
  readonly firstEncryptAt: number | undefined;
  /** Whether the state folder can be written; `undefined` if the node keeps no state in one. */
  readonly stateFolder: StateFolderStatus | undefined;
  /** The versions that this node has sealed with, at most 256: first those that are refused. */
  readonly sealedVersions: readonly SealedVersionStatus[];
}

/** A sealed DEK seed as KMS v2 carries it. Under v1beta1 `ciphertext` is a frame that holds the rest. */
export interface Sealed {
  readonly keyId: string;
  /** v2: at most 1,024 bytes; v1beta1: at most 60 KiB. */
  readonly ciphertext: Uint8Array;
  /** v2 only: lowercase domain names to wrapped DEKs, at most 32 KiB in all. Empty under v1beta1. */
  readonly annotations: Readonly<Record<string, Uint8Array>>;
}

/** An answer to Encrypt. */
export interface Encrypted extends Sealed {
  readonly providers: readonly ProviderVersion[];
}

/** An answer to Decrypt. */
export interface Decrypted {
  readonly plaintext: Uint8Array;
  readonly keyId: string;
  readonly providers: readonly ProviderVersion[];
  readonly cache: CacheResult;
}
