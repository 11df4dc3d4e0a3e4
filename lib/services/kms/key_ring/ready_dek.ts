/**
 * A data key that was wrapped in advance, so that Encrypt never waits for a KMS.
 *
 * @module
 */
import { concat } from "../../../base/bytes.ts";
import { KmsError } from "../../../base/errors.ts";
import type { KmsApi } from "../../../api/kms/messages.ts";
import { encodeFrameHead, formatSizes } from "../../../envelope/format.ts";
import { bound, type SealContext, sealEnvelope } from "../../../envelope/seal.ts";
import { encodeAnnotations, referenceTo, type Wrap } from "../../../envelope/wrap.ts";
import type { Encrypted } from "../status.ts";

/** The parts of a ready DEK. */
export interface ReadyDekParts {
  /** 32 bytes; the ready DEK owns and wipes them. */
  readonly dek: Uint8Array;
  readonly keyId: string;
  readonly wraps: readonly Wrap[];
  /** The providers without a wrap, and when each first lacked one, in milliseconds of the monotonic clock. */
  readonly lacking: ReadonlyMap<string, number>;
  /** Milliseconds of the monotonic clock. */
  readonly madeAt: number;
  /** Maximum number of seeds that it seals. */
  readonly maxUses: number;
}

/** A data key under a quorum of wraps, for one key ID. */
export class ReadyDek {
  readonly keyId: string;
  readonly wraps: readonly Wrap[];
  /** The providers without a wrap, and when each first lacked one, in milliseconds of the monotonic clock. */
  readonly lacking: ReadonlyMap<string, number>;
  /** Milliseconds of the monotonic clock. */
  readonly madeAt: number;
  /** The reference to the wraps, 32 bytes; see `referenceTo`. */
  readonly reference: Uint8Array;
  readonly #dek: Uint8Array;
  readonly #annotations: Readonly<Record<string, Uint8Array>>;
  readonly #providers: readonly { name: string; version: string }[];
  readonly #frameHead: Uint8Array;
  readonly #contexts: Readonly<Record<KmsApi, SealContext>>;
  readonly #maxUses: number;
  #uses = 0;

  constructor({ dek, keyId, wraps, lacking, madeAt, maxUses }: ReadyDekParts) {
    this.#maxUses = maxUses;
    this.#dek = dek;
    this.keyId = keyId;
    this.wraps = wraps;
    this.lacking = lacking;
    this.madeAt = madeAt;
    this.reference = referenceTo(wraps);
    this.#annotations = Object.freeze(encodeAnnotations(wraps));
    this.#providers = wraps.map(({ name, version }) => ({ name, version }));
    this.#frameHead = encodeFrameHead(keyId, wraps, "v1beta1");
    const { reference } = this;
    const context = (purpose: KmsApi) => bound({ purpose, threshold: 1, keyId, reference });
    this.#contexts = { v2: context("v2"), v1beta1: context("v1beta1") };
    const frame = this.#frameHead.length + formatSizes.envelope;
    if (frame > formatSizes.frame) throw new KmsError("internal", "The wraps of a data key do not fit into a frame.");
  }

  /** Number of seeds that it has sealed. */
  get uses(): number {
    return this.#uses;
  }

  /** Whether more than half of its uses are spent, so that it has to be replaced. The rest is reserved for an outage. */
  get wearsOut(): boolean {
    return this.#uses > this.#maxUses / 2;
  }

  /** A copy of the data key, 32 bytes. */
  copyOfDek(): Uint8Array {
    return this.#dek.slice();
  }

  /**
   * Seals a seed.
   *
   * @param seed 1 to 900 bytes.
   * @throws {KmsError} `unreachable` after `maxUses` seeds, if no KMS has wrapped another data key by then.
   */
  seal(seed: Uint8Array, api: KmsApi): Encrypted {
    if (this.#uses >= this.#maxUses) {
      throw new KmsError(
        "unreachable",
        "Cannot encrypt: the last data key is used up and no KMS has wrapped a new one.",
      );
    }
    this.#uses++;
    const { keyId } = this;
    const envelope = sealEnvelope(this.#dek, seed, this.#contexts[api]);
    return api === "v2"
      ? { keyId, ciphertext: envelope, annotations: this.#annotations, providers: this.#providers }
      : { keyId, ciphertext: concat(this.#frameHead, envelope), annotations: {}, providers: this.#providers };
  }

  /** Overwrites the key with zeros. Copies that the JavaScript engine may have made remain. */
  wipe(): void {
    this.#dek.fill(0);
  }
}
