/**
 * A data key that is wrapped already, so that Encrypt never waits for a KMS.
 *
 * @module
 */
import { concat } from "../bytes.ts";
import { KmsError } from "../errors.ts";
import type { Api } from "../events.ts";
import { encodeEnvelope, encodeFrameHead, formatSizes } from "../envelope/format.ts";
import { maxUsesOfDek, sealSeed } from "../envelope/seal.ts";
import { encodeAnnotations, referenceTo, type Wrap } from "../envelope/wrap.ts";
import type { Encrypted } from "./answers.ts";

/** What a ready DEK is made of. */
export interface ReadyDekParts {
  /** 32 bytes; the ready DEK owns them from now on. */
  readonly dek: Uint8Array;
  readonly keyId: string;
  readonly wraps: readonly Wrap[];
  /** Providers that should have wrapped it and did not, and since when. */
  readonly lacking: ReadonlyMap<string, number>;
  readonly madeAt: number;
}

/** A data key under a quorum of wraps, for one key ID. */
export class ReadyDek {
  readonly keyId: string;
  readonly wraps: readonly Wrap[];
  readonly lacking: ReadonlyMap<string, number>;
  readonly madeAt: number;
  /** 32 bytes. */
  readonly reference: Uint8Array;
  readonly #dek: Uint8Array;
  readonly #annotations: Readonly<Record<string, Uint8Array>>;
  readonly #providers: readonly { name: string; version: string }[];
  readonly #frameHead: Uint8Array;
  #uses = 0;

  constructor({ dek, keyId, wraps, lacking, madeAt }: ReadyDekParts) {
    this.#dek = dek;
    this.keyId = keyId;
    this.wraps = wraps;
    this.lacking = lacking;
    this.madeAt = madeAt;
    this.reference = referenceTo(wraps);
    this.#annotations = Object.freeze(encodeAnnotations(wraps));
    this.#providers = wraps.map(({ name, version }) => ({ name, version }));
    this.#frameHead = encodeFrameHead(keyId, wraps);
    const frame = this.#frameHead.length + formatSizes.envelope;
    if (frame > formatSizes.frame) throw new KmsError("internal", "The wraps of a data key do not fit into a frame.");
  }

  /** How many seeds it has sealed. */
  get uses(): number {
    return this.#uses;
  }

  /** A copy of the data key, for the unwrap cache of this very process. */
  copyOfDek(): Uint8Array {
    return this.#dek.slice();
  }

  /**
   * Seals a seed.
   *
   * @throws {KmsError} `unreachable` once it has sealed 2^20 seeds: no KMS has wrapped another one since.
   */
  seal(seed: Uint8Array, api: Api): Encrypted {
    if (this.#uses >= maxUsesOfDek) {
      throw new KmsError(
        "unreachable",
        "Cannot encrypt: the last data key is used up and no KMS has wrapped a new one.",
      );
    }
    this.#uses++;
    const { keyId, reference } = this;
    const envelope = encodeEnvelope(sealSeed(this.#dek, seed, { api, threshold: 1, keyId, reference }));
    return api === "v2"
      ? { keyId, ciphertext: envelope, annotations: this.#annotations, providers: this.#providers }
      : { keyId, ciphertext: concat(this.#frameHead, envelope), annotations: {}, providers: this.#providers };
  }

  /** Wipes the key, as far as JavaScript can. */
  wipe(): void {
    this.#dek.fill(0);
  }
}
