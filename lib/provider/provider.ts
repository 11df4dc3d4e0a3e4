/**
 * What a KMS has to be able to do to guard data keys: the whole surface of an extension.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import type { KmsError } from "../base/errors.ts";
import type { Notify } from "../telemetry/events.ts";
import type { Reloads } from "../base/reloads.ts";
import type { Waits } from "../base/waits.ts";

/** How a call is bounded. The signal is required, so that a dropped deadline is a type error. */
export interface CallOptions {
  readonly signal: AbortSignal;
  /** Milliseconds until the signal fires because time has run out; `undefined`, or left out, where that is not known. */
  left?(): number | undefined;
}

/** Which version of the KEK wraps now. */
export interface KeyState {
  /**
   * Unique for the life of the provider's name, at most 256 bytes of UTF-8. It carries the lineage: a key that was
   * deleted and made again under the same name has another one.
   */
  readonly version: string;
  /** Where versions are ordered: a version with a smaller order than the one announced is never announced again. */
  readonly order?: number;
}

/** A data key as the KMS gave it back. */
export interface WrappedDek {
  /** The version of the KEK that wrapped it, as the KMS itself reports for this very call. */
  readonly version: string;
  /** At most 4 KiB. */
  readonly ciphertext: Uint8Array;
}

/** What another program encrypted with the same KEK. */
export interface ForeignCiphertext {
  /** As the vendor's own API gave it back, without what the other program put around it; at most 4 KiB. */
  readonly ciphertext: Uint8Array;
  /** What it was bound to, where the vendor has such a thing and the other program was told to use it. */
  readonly context?: Readonly<Record<string, string>>;
  /** Which version of the key encrypted it, where the vendor has to be told and the ciphertext does not say it. */
  readonly keyVersion?: string;
}

/** What {@linkcode CheckedProvider.unwrap} takes; a ciphertext of another program has no `version`. */
export type Unwrappable = WrappedDek | ForeignCiphertext;

/**
 * What the KMS says of its key that an operator should know: versions that do not open any more, and ways by which the
 * key may leave the KMS in plain text. One sentence each, none where all is well.
 *
 * @param versions that this node has sealed with.
 * @throws {KmsError} as {@linkcode Provider.probe}.
 */
export type Remarks = (versions: readonly string[], call: CallOptions) => Promise<readonly string[]>;

/** A remote key, opened under the operator's name for it. Opening never needs the network; what you hold is ready. */
export interface Provider extends AsyncDisposable {
  /** The operator's name for this key: a DNS label, 1 to 63 bytes. */
  readonly name: string;
  /** The row of the registry that it came from. */
  readonly kind: string;
  /**
   * Whether `unwrap` can succeed. A provider with a public key alone wraps and cannot unwrap: then it is not a holder of
   * the data keys that it wrapped, and `unwrap` throws `key_unusable`.
   */
  readonly canUnwrap: boolean;

  /**
   * One remote call that proves as much as the vendor allows: the key is there, usable, and which version wraps now.
   *
   * @throws {KmsError} with the code that tells why not.
   */
  probe(call: CallOptions): Promise<KeyState>;

  /**
   * Wraps a data key, pinned to the version `at` where the vendor can. Where it cannot, an answer newer than `at` is
   * returned with its true version and an older one is refused.
   *
   * @param dek at most 64 bytes; the caller wipes them.
   * @throws {KmsError} `key_unusable` if the KEK is disabled; `unreachable`, `throttled`, …: see `lib/base/errors.ts`.
   */
  wrap(dek: Uint8Array, at: KeyState, call: CallOptions): Promise<WrappedDek>;

  /**
   * Opens a wrapped data key.
   *
   * @throws {KmsError} `integrity` if the KMS refuses the bytes themselves, else as {@linkcode Provider.wrap}.
   */
  unwrap(wrapped: WrappedDek, call: CallOptions): Promise<Uint8Array>;

  /**
   * Opens what another program encrypted with this very key, for `readForeign`; only vendors whose programs that knows
   * have it. The key is the configured one and never one that the ciphertext names. What comes back is anything that the
   * key ever encrypted: the caller has to refuse what is no seed.
   *
   * @throws {KmsError} as {@linkcode Provider.unwrap}.
   */
  unwrapForeign?(foreign: ForeignCiphertext, call: CallOptions): Promise<Uint8Array>;

  /** For `check` and `keys`; only where the rights that a probe has are enough. */
  remarks?: Remarks;
}

/**
 * A provider behind `enforceContract`. One method opens both kinds of ciphertext, so that whatever bounds, repeats, counts
 * or refuses unwraps does the same to those of other programs.
 */
export interface CheckedProvider extends Omit<Provider, "unwrap" | "unwrapForeign"> {
  /** @throws {KmsError} as {@linkcode Provider.unwrap}; `integrity` for a vendor without {@linkcode Provider.unwrapForeign}. */
  readonly unwrap: (wrapped: Unwrappable, call: CallOptions) => Promise<Uint8Array>;
}

/** What a provider gets from the room above when it is opened. */
export interface ProviderContext {
  /** Takes note of logins, renewals, expiries; a provider neither logs nor counts by itself. */
  readonly notify: Notify;
  /** The machine's clocks if left out. */
  readonly clock?: Clock;
  /** The state folder of the node, for what a provider must know after a restart; absent where nothing is kept. */
  readonly stateFolder?: string;
  /**
   * Whether the state folder is only read, as a check does, which may run as another user than the plugin. Such a caller
   * also spends no credential that the next start needs: the provider throws `NotTried` instead.
   */
  readonly keepsStateAsItIs?: boolean;
  /**
   * Versions of this provider, under its names of now and before, that this node may have sealed data with; none if left
   * out. A key that has them is never made anew, nor one where they cannot be known: then it is the error that says why.
   */
  readonly knownVersions?: readonly string[] | KmsError;
  /** When credentials are to be read again, whether their files seem changed or not; absent where that never happens. */
  readonly reloads?: Reloads;
  /** Where requests without an answer are noted, so that a deadline's sentence can name the server that was silent. */
  readonly waits?: Waits;
}

/** Sizes that every provider keeps to, in bytes. */
export const providerLimits = { version: 256, ciphertext: 4096, dek: 64 } as const;
