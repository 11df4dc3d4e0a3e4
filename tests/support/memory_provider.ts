/**
 * A KMS in memory: real AES-256-GCM under keys that can be rotated, and faults that can be switched on.
 *
 * @module
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { base64, concat, fromBase64, utf8, utf8Text } from "../../lib/base/bytes.ts";
import { orAborted } from "../../lib/base/deadline.ts";
import { type ErrorCode, KmsError } from "../../lib/base/errors.ts";
import type {
  CallOptions,
  ForeignCiphertext,
  KeyState,
  Provider,
  Unwrappable,
  WrappedDek,
} from "../../lib/provider/provider.ts";

/** `hang` never answers; `wrong` answers with other bytes; a code is thrown. */
export type Fault = "hang" | "wrong" | ErrorCode;

/** Answers are padded to this many bytes, as RSA-4096 would make them. */
const rsa4096 = 512;

/** See the module. */
export class MemoryProvider implements Provider {
  readonly kind: string = "memory";
  readonly canUnwrap: boolean = true;
  /** By verb, or for all of them. */
  readonly faults = new Map<"probe" | "wrap" | "unwrap" | "all", Fault>();
  readonly calls = { probe: 0, wrap: 0, unwrap: 0 };
  readonly #keys: Uint8Array[] = [new Uint8Array(randomBytes(32))];
  /** What a lagging replica answers to a probe. */
  lag = 0;
  /** Whether a probe tells how its versions are ordered. */
  ordered = true;

  constructor(readonly name: string, readonly pad: number = 0) {}

  /** As an RSA-4096 key would. */
  static large(name: string): MemoryProvider {
    return new MemoryProvider(name, rsa4096);
  }

  rotate(): void {
    this.#keys.push(new Uint8Array(randomBytes(32)));
  }

  get version(): number {
    return this.#keys.length;
  }

  async probe(call: CallOptions): Promise<KeyState> {
    await this.#act("probe", call);
    const order = this.#keys.length - this.lag;
    return this.ordered ? { version: `v${order}`, order } : { version: `v${order}` };
  }

  async wrap(dek: Uint8Array, at: KeyState, call: CallOptions): Promise<WrappedDek> {
    const wrong = await this.#act("wrap", call);
    const key = this.#key(at.version);
    const nonce = randomBytes(12);
    const cipher = createCipheriv("aes-256-gcm", key, nonce);
    const body = concat(
      nonce,
      cipher.update(wrong ? randomBytes(dek.length) : dek),
      cipher.final(),
      cipher.getAuthTag(),
    );
    return { version: at.version, ciphertext: concat(body, new Uint8Array(Math.max(0, this.pad - body.length))) };
  }

  /** Takes both kinds of ciphertext, as a provider behind `enforceContract` does. */
  async unwrap(wrapped: Unwrappable, call: CallOptions): Promise<Uint8Array> {
    if (!("version" in wrapped)) return await this.unwrapForeign(wrapped, call);
    const { version, ciphertext } = wrapped;
    const wrong = await this.#act("unwrap", call);
    if (wrong) return concat(utf8("trousseau-dek-1"), new Uint8Array(randomBytes(32)));
    const body = this.pad > 0 ? ciphertext.subarray(0, 12 + 47 + 16) : ciphertext;
    try {
      const decipher = createDecipheriv("aes-256-gcm", this.#key(version), body.subarray(0, 12), { authTagLength: 16 });
      decipher.setAuthTag(body.subarray(-16));
      return concat(decipher.update(body.subarray(12, -16)), decipher.final());
    } catch {
      throw new KmsError("integrity", `Cannot unwrap with provider "${this.name}": bad ciphertext.`);
    }
  }

  /** What another program would get from this KMS for a plaintext of its own, written as Vault's transit writes it. */
  async encryptForeign(plaintext: Uint8Array): Promise<Uint8Array> {
    const at = { version: `v${this.#keys.length}` };
    const { ciphertext } = await this.wrap(plaintext, at, { signal: new AbortController().signal });
    return utf8(`vault:${at.version}:${base64(ciphertext)}`);
  }

  async unwrapForeign({ ciphertext }: ForeignCiphertext, call: CallOptions): Promise<Uint8Array> {
    const [, version = "", body = ""] = (utf8Text(ciphertext) ?? "").split(":");
    return await this.unwrap({ version, ciphertext: fromBase64(body) ?? new Uint8Array() }, call);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }

  #key(version: string): Uint8Array {
    const key = this.#keys[Number(version.slice(1)) - 1];
    if (!key) throw new KmsError("key_unknown", `Provider "${this.name}" has no version ${version}.`);
    return key;
  }

  /** @returns whether the answer shall be wrong. */
  async #act(verb: "probe" | "wrap" | "unwrap", { signal }: CallOptions): Promise<boolean> {
    this.calls[verb]++;
    const fault = this.faults.get(verb) ?? this.faults.get("all");
    const action = `${verb} with provider "${this.name}"`;
    if (fault === undefined) return false;
    if (fault === "wrong") return true;
    if (fault === "hang") return await orAborted(new Promise<never>(() => {}), signal, action);
    throw new KmsError(fault, `Cannot ${action}: ${fault}.`);
  }
}

/** A provider with a public key alone: it wraps and cannot unwrap. */
export class WrapOnlyProvider extends MemoryProvider {
  override readonly kind = "recovery";
  override readonly canUnwrap = false;

  override unwrap(): Promise<Uint8Array> {
    this.calls.unwrap++;
    return Promise.reject(new KmsError("key_unusable", `Cannot unwrap with provider "${this.name}": it only wraps.`));
  }
}

/** A provider whose every call succeeds at once. */
export function memoryProviders(...names: readonly string[]): MemoryProvider[] {
  return names.map((name) => new MemoryProvider(name));
}
