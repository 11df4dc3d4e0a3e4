/**
 * Sentinels, which show later whether a version of a provider's key still unwraps data keys: 32 random bytes, sealed like
 * a seed, but for their own purpose, under a data key that the provider wrapped under that version.
 *
 * The data key and its wrap are those of a ready data key. A separate wrap would cost one more remote call for each
 * version and prove less: objects in etcd carry this very wrap. No other wrap is kept, so that no other provider can open
 * the sentinel.
 *
 * @module
 */
import { sha256Hex } from "../../../base/bytes.ts";
import { decodeEnvelope } from "../../../envelope/format.ts";
import { openSeed, type SealContext, sealEnvelope } from "../../../envelope/seal.ts";
import type { Unwrapper } from "../../../envelope/unwrap.ts";
import { referenceTo, type Wrap } from "../../../envelope/wrap.ts";
import { type ErrorCode, KmsError } from "../../../base/errors.ts";
import type { CallOptions } from "../../../provider/provider.ts";

/** A version of a provider's key. */
export interface SealedVersion {
  /** The provider's name when it wrapped. */
  readonly provider: string;
  readonly kind: string;
  readonly version: string;
}

/** The last test that had a result. A test during an outage has none. */
export interface SentinelTest {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly code: ErrorCode | "ok";
  /** The reason of a refusal, one sentence; `""` if it opened. */
  readonly message: string;
}

/** A sentinel. It holds no secret: the data key is wrapped, and the random bytes are sealed and hashed. */
export interface Sentinel extends SealedVersion {
  /** The key ID that it was sealed under. */
  readonly keyId: string;
  /** Milliseconds since the epoch. */
  readonly madeAt: number;
  /** The data key wrapped under the version. */
  readonly wrapped: Uint8Array;
  /** The random bytes, sealed. */
  readonly envelope: Uint8Array;
  /** SHA-256 of the random bytes in hexadecimal. */
  readonly sha256: string;
  readonly test: SentinelTest | undefined;
  /** Whether it was refused while its version counted in the announced key ID, and has not been opened since. */
  readonly lost: boolean;
}

const sentinelBytes = 32;

/**
 * Makes a sentinel.
 *
 * @param dek the data key of `wrap`, 32 bytes; the caller wipes it.
 * @param kind of the provider.
 * @param now milliseconds since the epoch: the time of the first test, since every wrap is unwrapped before its use.
 */
export function makeSentinel(dek: Uint8Array, wrap: Wrap, kind: string, keyId: string, now: number): Sentinel {
  const random = crypto.getRandomValues(new Uint8Array(sentinelBytes));
  const madeAt = Math.round(now);
  return {
    provider: wrap.name,
    kind,
    version: wrap.version,
    keyId,
    madeAt,
    wrapped: wrap.ciphertext.slice(),
    envelope: sealEnvelope(dek, random, contextOf(wrap, keyId)),
    sha256: sha256Hex(random),
    test: { at: madeAt, code: "ok", message: "" },
    lost: false,
  };
}

/**
 * Opens a sentinel with a provider.
 *
 * @throws {KmsError} the provider's error; `integrity` if it unwrapped other bytes than the data key.
 */
export async function openSentinel(sentinel: Sentinel, unwrapper: Unwrapper, call: CallOptions): Promise<void> {
  const { provider: name, version, wrapped: ciphertext, keyId } = sentinel;
  const envelope = decodeEnvelope(sentinel.envelope);
  const dek = await unwrapper.unwrap({ version, ciphertext }, call);
  const opened = dek && openSeed(dek, envelope, contextOf({ name, version, ciphertext }, keyId));
  dek?.fill(0);
  if (opened === undefined || sha256Hex(opened) !== sentinel.sha256) {
    throw new KmsError(
      "integrity",
      `Cannot unwrap with provider "${unwrapper.name}": its KMS gave back another data key than it wrapped.`,
    );
  }
}

/** Whether a code means that the version does not open. An outage, a failed login or a malformed answer does not. */
export function isLoss(code: ErrorCode): boolean {
  return code === "integrity" || code === "key_unknown" || code === "key_unusable" || code === "permission_denied";
}

/** A key for maps, unique to the provider, kind and version. */
export function idOf({ provider, kind, version }: SealedVersion): string {
  return JSON.stringify([provider, kind, version]);
}

function contextOf(wrap: Wrap, keyId: string): SealContext {
  return { purpose: "sentinel", threshold: 1, keyId, reference: referenceTo([wrap]) };
}
