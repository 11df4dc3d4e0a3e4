/**
 * The contract that each KMS provider implements: the whole extension interface.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import type { KmsError } from "../base/errors.ts";
import type { Notify } from "../telemetry/events.ts";
import type { Reloads } from "../base/reloads.ts";
import type { Waits } from "../base/waits.ts";
import type { KeyExamination } from "./key_findings.ts";

/** Bounds of a call. The signal is required, so that forgetting the deadline is a type error. */
export interface CallOptions {
  /** Aborts the call; its reason shows whether the deadline has passed. */
  readonly signal: AbortSignal;
  /** Milliseconds until the deadline aborts the signal; absent or `undefined` if that is not known. */
  left?(): number | undefined;
}

/** The version of the KEK that wraps at present. */
export interface KeyState {
  /**
   * Unique for the lifetime of the provider's name; at most 256 bytes of UTF-8. A key that was deleted and created
   * again under the same name has a different version.
   */
  readonly version: string;
  /**
   * Present if versions are ordered: once a version is announced, a version with a smaller order is never announced
   * again.
   */
  readonly order?: number;
}

/** A data key wrapped by the KMS. */
export interface WrappedDek {
  /** The version of the KEK that wrapped it, as the KMS reports it for this call. */
  readonly version: string;
  /** 1 to 4,096 bytes. */
  readonly ciphertext: Uint8Array;
}

/** A ciphertext that another program created with the same KEK. */
export interface ForeignCiphertext {
  /** As the vendor's API returned it, without the other program's encoding around it; at most 4 KiB. */
  readonly ciphertext: Uint8Array;
  /** The encryption context, if the vendor has one and the other program was configured to use it. */
  readonly context?: Readonly<Record<string, string>>;
  /** The key version that encrypted it, if the vendor's API requires it and the ciphertext does not contain it. */
  readonly keyVersion?: string;
}

/** The input of {@linkcode CheckedProvider.unwrap}; a ciphertext of another program has no `version`. */
export type Unwrappable = WrappedDek | ForeignCiphertext;

/**
 * Findings about the key in the KMS that an operator should see: versions that no longer decrypt, and ways in which the
 * key material could leave the KMS in plain text.
 *
 * @param versions under which this node has sealed data.
 * @returns one sentence for each finding; empty if there is none.
 * @throws {KmsError} as {@linkcode Provider.probe}.
 */
export type Remarks = (versions: readonly string[], call: CallOptions) => Promise<readonly string[]>;

/**
 * Examines a key and the rights of the login. What the KMS does not permit to be read adds no finding.
 *
 * @param versions under which this node has sealed data.
 * @throws {KmsError} as {@linkcode Provider.probe}, but for a missing permission.
 */
export type Examine = (versions: readonly string[], call: CallOptions) => Promise<KeyExamination>;

/** A KEK in a KMS, under the operator's name for it. Opening needs no network; disposing closes its connections. */
export interface Provider extends AsyncDisposable {
  /** The operator's name for this key: a DNS label, 1 to 63 bytes. */
  readonly name: string;
  /** Its kind: a row of the registry. */
  readonly kind: string;
  /**
   * Whether `unwrap` can succeed. A provider that has only a public key wraps and cannot unwrap: it does not count as a
   * holder of the data keys that it wrapped, and `unwrap` throws `key_unusable`.
   */
  readonly canUnwrap: boolean;

  /**
   * Checks the key with one remote call, as thoroughly as the vendor permits: that it exists and is usable, and which
   * version wraps at present.
   *
   * @throws {KmsError} with the code of the reason.
   */
  probe(call: CallOptions): Promise<KeyState>;

  /**
   * Wraps a data key, with the version `at` if the vendor can pin one. Otherwise a response with a newer version than
   * `at` is returned with that version, and one with an older version is rejected.
   *
   * @param dek 1 to 64 bytes; the caller wipes them.
   * @throws {KmsError} `key_unusable` if the KEK is disabled; `unreachable`, `throttled`, …: see `lib/base/errors.ts`.
   */
  wrap(dek: Uint8Array, at: KeyState, call: CallOptions): Promise<WrappedDek>;

  /**
   * Unwraps a data key.
   *
   * @throws {KmsError} `integrity` if the KMS rejects the ciphertext itself, otherwise as {@linkcode Provider.wrap}.
   */
  unwrap(wrapped: WrappedDek, call: CallOptions): Promise<Uint8Array>;

  /**
   * Decrypts a ciphertext that another program created with the same key, for `readForeign`. Only vendors of the
   * programs that `readForeign` supports implement it. The key is always the configured one, never one that the
   * ciphertext names. The plain text can be anything that was ever encrypted with the key: the caller must reject it if
   * it is not a seed.
   *
   * @throws {KmsError} as {@linkcode Provider.unwrap}.
   */
  unwrapForeign?(foreign: ForeignCiphertext, call: CallOptions): Promise<Uint8Array>;

  /** For `check` and `keys`. Present only if it needs no permission beyond those of `probe`. */
  remarks?: Remarks;

  /** For `doctor`. Present if the vendor tells more about a key than `probe` needs. */
  examine?: Examine;
}

/**
 * A provider behind `enforceContract`. One method decrypts both kinds of ciphertext, so that time limits, retries,
 * metrics and the circuit breaker apply equally to those of other programs.
 */
export interface CheckedProvider extends Omit<Provider, "unwrap" | "unwrapForeign"> {
  /** @throws {KmsError} as {@linkcode Provider.unwrap}; `integrity` for a vendor without {@linkcode Provider.unwrapForeign}. */
  readonly unwrap: (wrapped: Unwrappable, call: CallOptions) => Promise<Uint8Array>;
}

/** The dependencies of a provider, passed to it when it is opened. */
export interface ProviderContext {
  /** Receives logins, renewals and expiries; a provider itself does not log or count. */
  readonly notify: Notify;
  /** The system clock if absent. */
  readonly clock?: Clock;
  /** The node's state folder, for data that a provider needs after a restart; absent if there is none. */
  readonly stateFolder?: string;
  /**
   * Whether the state folder is read-only, as for a check, which may run as a different user than the plugin. The
   * provider also uses up no credential that the next start needs: it throws `NotTried` instead.
   */
  readonly readOnlyState?: boolean;
  /**
   * Versions of this provider, under its present and former names, with which this node may have sealed data; empty if
   * absent. If there are any, the provider does not create a new key. It is an error if they cannot be determined; then
   * no key is created either, and the error states the reason.
   */
  readonly knownVersions?: readonly string[] | KmsError;
  /** Requests to read credentials again, even if their files seem unchanged; absent if there are none. */
  readonly reloads?: Reloads;
  /**
   * Records requests without a response, so that the message of a missed deadline can name the server that did not
   * respond.
   */
  readonly waits?: Waits;
}

/** Maximum sizes for every provider, in bytes. */
export const providerLimits = { version: 256, ciphertext: 4096, dek: 64 } as const;
