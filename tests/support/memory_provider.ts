/**
 * A KMS in memory: real AES-256-GCM under keys that can be rotated, and faults on demand.
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

/** `hang`: no answer. `wrong`: an answer with other bytes. A code: an error with it. */
export type Fault = "hang" | "wrong" | ErrorCode;

/** The size of a ciphertext under RSA-4096 in bytes. */
const rsa4096 = 512;

/** A KMS in memory with one key. */
export class MemoryProvider implements Provider {
  readonly kind: string = "memory";
  readonly canUnwrap: boolean = true;
  /** The faults, by verb or for all verbs. */
  readonly faults = new Map<"probe" | "wrap" | "unwrap" | "all", Fault>();
  readonly calls = { probe: 0, wrap: 0, unwrap: 0 };
  readonly #keys: Uint8Array[] = [new Uint8Array(randomBytes(32))];
  /** Number of versions by which probes lag behind, as a replica does. */
  lag = 0;
  /** Whether a probe returns the order of versions. */
  ordered = true;

  constructor(readonly name: string, readonly pad: number = 0) {}

  /** Makes a provider whose ciphertexts have the size of RSA-4096. */
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

  /** Unwraps both kinds of ciphertext, as a provider behind `enforceContract` does. */
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

  /** Encrypts a plaintext as this KMS would for another program, in the text form of Vault's transit engine. */
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

  /** @returns whether the answer must be wrong. */
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

/** A provider with only a public key: it wraps and cannot unwrap. */
export class WrapOnlyProvider extends MemoryProvider {
  override readonly kind = "recovery";
  override readonly canUnwrap = false;

  override unwrap(): Promise<Uint8Array> {
    this.calls.unwrap++;
    return Promise.reject(new KmsError("key_unusable", `Cannot unwrap with provider "${this.name}": it only wraps.`));
  }
}

/** Providers without faults, one for each name. */
export function memoryProviders(...names: readonly string[]): MemoryProvider[] {
  return names.map((name) => new MemoryProvider(name));
}
