/**
 * A KMS for the model of a cluster. It unwraps only its own wraps, under the version that made them. It stores plaintexts
 * and does not encrypt, so that a run is fast.
 *
 * @module
 */
import { ByteWriter, concat, hex, utf8 } from "../../../lib/base/bytes.ts";
import { orAborted } from "../../../lib/base/deadline.ts";
import { type ErrorCode, KmsError } from "../../../lib/base/errors.ts";
import type { CallOptions, KeyState, Provider, WrappedDek } from "../../../lib/provider/provider.ts";

/** `hang`: no answer. `wrong`: an answer with other bytes. A code: an error with it. */
export type ModelFault = "hang" | "wrong" | ErrorCode;

/** One KMS, which all nodes share. */
export class ModelKms {
  readonly name: string;
  /** Whether a probe returns the order of versions. */
  readonly ordered: boolean;
  fault: ModelFault | undefined;
  version = 1;
  readonly #wrapped = new Map<string, { readonly version: string; readonly dek: Uint8Array }>();

  constructor(name: string, ordered: boolean) {
    this.name = name;
    this.ordered = ordered;
  }

  rotate(): void {
    this.version++;
  }

  /** Whether calls are answered correctly now. */
  get answers(): boolean {
    return this.fault === undefined;
  }

  wrap(dek: Uint8Array, { version }: KeyState): WrappedDek {
    const number = Number(version.slice(1));
    if (!(number >= 1 && number <= this.version)) throw new KmsError("key_unknown", `There is no version ${version}.`);
    const ciphertext = new ByteWriter(4).uint32(this.#wrapped.size).written().slice();
    this.#wrapped.set(hex(ciphertext), { version, dek: dek.slice() });
    return { version, ciphertext };
  }

  unwrap({ version, ciphertext }: WrappedDek): Uint8Array {
    const found = this.#wrapped.get(hex(ciphertext));
    if (found?.version !== version) throw new KmsError("integrity", `Provider "${this.name}" did not wrap this.`);
    return found.dek.slice();
  }
}

/** The provider of one node over a shared KMS. */
export class NodeView implements Provider {
  readonly name: string;
  readonly kind = "model";
  readonly canUnwrap = true;
  /** Number of versions by which its probes lag behind. */
  lag = 0;
  readonly #kms: ModelKms;
  readonly #announced: () => readonly number[];

  /**
   * @param announced the versions that the node has announced. A lagging replica of a KMS without an order of versions
   *   returns one of these: the node could not distinguish a missed version from a new one.
   */
  constructor(kms: ModelKms, announced: () => readonly number[]) {
    this.name = kms.name;
    this.#kms = kms;
    this.#announced = announced;
  }

  async probe(call: CallOptions): Promise<KeyState> {
    await this.#act("probe", call);
    if (!this.#kms.ordered) return { version: `v${this.#shown()}` };
    const order = Math.max(1, this.#kms.version - this.lag);
    return { version: `v${order}`, order };
  }

  #shown(): number {
    if (this.lag === 0) return this.#kms.version;
    const distinct = [...new Set(this.#announced())];
    return distinct.at(-1 - this.lag) ?? distinct.at(0) ?? this.#kms.version;
  }

  async wrap(dek: Uint8Array, at: KeyState, call: CallOptions): Promise<WrappedDek> {
    const isWrong = await this.#act("wrap", call);
    return this.#kms.wrap(isWrong ? new Uint8Array(dek.length) : dek, at);
  }

  async unwrap(wrapped: WrappedDek, call: CallOptions): Promise<Uint8Array> {
    const isWrong = await this.#act("unwrap", call);
    return isWrong ? concat(utf8("trousseau-dek-1"), new Uint8Array(32)) : this.#kms.unwrap(wrapped);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }

  /** @returns whether the answer must be wrong. */
  async #act(verb: string, { signal }: CallOptions): Promise<boolean> {
    const { fault } = this.#kms;
    const action = `${verb} with provider "${this.name}"`;
    if (fault === undefined) return false;
    if (fault === "wrong") return true;
    if (fault === "hang") return await orAborted(new Promise<never>(() => {}), signal, action);
    throw new KmsError(fault, `Cannot ${action}: ${fault}.`);
  }
}
