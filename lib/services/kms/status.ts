/**
 * The status of the plugin and the results of its operations, independent of the wire format.
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
  /** When it first lacked a wrap of the ready data key; `undefined` if it has wrapped that, or if no data key is ready. */
  readonly lacksWrapSince: number | undefined;
}

/** Whether data sealed under one version of a provider's key can still be opened. */
export interface SealedVersionStatus {
  readonly provider: string;
  readonly kind: string;
  readonly version: string;
  /**
   * Whether it counts in the announced key ID. It stays `true` for a version that was refused while it counted, until the
   * version opens again or is forgotten: data sealed under it cannot have been rewritten.
   */
  readonly announced: boolean;
  /** `unknown`: it was tested and its KMS could not be reached. */
  readonly state: "not_tested" | "opens" | "refused" | "unknown";
  readonly code: ErrorCode | "ok";
  /** The reason why it was refused or not tested, in one sentence; `""` if it opens. */
  readonly message: string;
  /** Milliseconds since the epoch; `undefined` if it was not tested. */
  readonly testedAt: number | undefined;
}

/** The status of the node, from memory. Its times are milliseconds since the epoch, by the wall clock at the call. */
export interface ServiceStatus extends KekGroupStatus {
  readonly providers: readonly ProviderStatus[];
  /** The announced key ID; `undefined` until one is known. */
  readonly keyId: string | undefined;
  /** Whether the key ID was made without the version of a provider, because that has never answered. */
  readonly provisional: boolean;
  /** The reason why there is no key ID; `""` if there is one. */
  readonly message: string;
  /** Whether a data key is ready for the next Encrypt. The outage policy can still refuse it: see `underPolicy`. */
  readonly canEncrypt: boolean;
  /** When the ready data key was made; `undefined` if none is ready. */
  readonly dataKeyMadeAt: number | undefined;
  /** When the key ID was announced, in milliseconds since the epoch. */
  readonly announcedAt: number | undefined;
  /** When an API server first called Encrypt over v2 under the key ID; `undefined` if no such call was noted. */
  readonly firstEncryptAt: number | undefined;
  /** Whether the state folder can be written; `undefined` if the node keeps no state in one. */
  readonly stateFolder: StateFolderStatus | undefined;
  /** The versions that this node has sealed with, at most 256: first those that are refused. */
  readonly sealedVersions: readonly SealedVersionStatus[];
}

/** The part of the status that Status and Encrypt are answered by. It is cheap: every call of either reads it. */
export type AnswerStatus = Pick<ServiceStatus, "keyId" | "quorum" | "message">;

/** A sealed DEK seed as KMS v2 carries it. Under v1beta1 `ciphertext` is a frame that holds the rest. */
export interface Sealed {
  readonly keyId: string;
  /** v2: at most 1,024 bytes; v1beta1: at most 60 KiB. */
  readonly ciphertext: Uint8Array;
  /** v2 only: lowercase domain names to wrapped DEKs, at most 32 KiB in all. Empty under v1beta1. */
  readonly annotations: Readonly<Record<string, Uint8Array>>;
}

/** The result of an Encrypt. */
export interface Encrypted extends Sealed {
  /** The providers that have wrapped the data key. */
  readonly providers: readonly ProviderVersion[];
}

/** The result of a Decrypt. */
export interface Decrypted {
  readonly plaintext: Uint8Array;
  /** The key ID that the data was sealed under. */
  readonly keyId: string;
  /** The providers that have wrapped the data key. */
  readonly providers: readonly ProviderVersion[];
  readonly cache: CacheResult;
}
