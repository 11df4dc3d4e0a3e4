/**
 * A KEK behind another KMS plugin: any process that serves KMS v2 on a Unix socket.
 *
 * @module
 */
import { equalBytes } from "../../base/bytes.ts";
import { abortError } from "../../base/deadline.ts";
import { KmsError } from "../../base/errors.ts";
import { dialKms, type KmsClient } from "../../api/kms/client.ts";
import { complaintAboutSealed, complaintAboutStatus } from "../../api/kms/limits.ts";
import type { EncryptResponse } from "../../api/kms/messages.ts";
import type { CallOptions, KeyState, Provider, ProviderContext, WrappedDek } from "../provider.ts";
import { providerLimits } from "../provider.ts";
import { Waits } from "../../base/waits.ts";
import { failureOf, isSilent, type PluginCall, unusableAnswer } from "./failures.ts";
import type { KmsPluginSettings } from "./settings.ts";
import { versionOf } from "./version.ts";
import { decodeWrapped, encodeWrapped } from "./wrapped.ts";

/** Milliseconds. It exceeds the deadline of every caller, so that the caller's signal decides. */
const maxCall = 30_000;

/** Maximum number of versions whose order of appearance is remembered. */
const maxSeen = 256;

/**
 * Size in bytes of the random sample that replaces a data key when the plugin itself is tested; a data key has about
 * this size.
 */
const sampleBytes = 47;

/**
 * Opens a plugin. Nothing is sent before the first call.
 *
 * @throws {KmsError} `config` if Deno's permissions do not include the socket.
 */
export function openKmsPlugin(
  settings: KmsPluginSettings,
  { waits = new Waits() }: Pick<ProviderContext, "waits"> = {},
): Promise<Provider> {
  return Promise.resolve(new KmsPlugin(settings, dialKms(settings.socket), waits));
}

class KmsPlugin implements Provider {
  readonly name: string;
  readonly kind = "kms-plugin";
  readonly canUnwrap = true;
  readonly #socket: string;
  readonly #client: KmsClient;
  readonly #waits: Waits;
  /** Versions in the order of their first appearance; key IDs themselves have no order. */
  readonly #seen = new Map<string, number>();
  #sightings = 0;
  readonly #closed = new AbortController();

  constructor({ name, socket }: KmsPluginSettings, client: KmsClient, waits: Waits) {
    this.name = name;
    this.#socket = socket;
    this.#client = client;
    this.#waits = waits;
  }

  async probe({ signal }: CallOptions): Promise<KeyState> {
    return { version: await this.#announced({ verb: "probe", action: `probe provider "${this.name}"`, signal }) };
  }

  async wrap(dek: Uint8Array, at: KeyState, { signal }: CallOptions): Promise<WrappedDek> {
    const call: PluginCall = { verb: "wrap", action: `wrap with provider "${this.name}"`, signal };
    const answer = await this.#encrypt(dek, call);
    const version = versionOf(answer.key_id);
    if (version !== at.version) await this.#refuseOlder(version, at.version, call);
    const ciphertext = encodeWrapped(answer);
    if (ciphertext === undefined || ciphertext.length > providerLimits.ciphertext) {
      const size = ciphertext === undefined ? "has too many annotations" : `takes ${ciphertext.length} bytes`;
      const why = `with its key_id and annotations it ${size}, and ${providerLimits.ciphertext} bytes can be kept`;
      throw unusableAnswer(call.action, why);
    }
    return { version, ciphertext };
  }

  async unwrap({ version, ciphertext }: WrappedDek, { signal }: CallOptions): Promise<Uint8Array> {
    const call: PluginCall = { verb: "unwrap", action: `unwrap with provider "${this.name}"`, signal };
    this.#checkOpen(call);
    const wrapped = ciphertext.length > providerLimits.ciphertext ? undefined : decodeWrapped(ciphertext);
    if (wrapped === undefined) throw this.#notOurs(call, "the bytes were changed, or are not what it wrapped");
    if (versionOf(wrapped.key_id) !== version) throw this.#notOurs(call, "the bytes are those of another version");
    try {
      return this.#checkDek(await this.#decrypt(wrapped, call), call);
    } catch (thrown) {
      if (!isSilent(thrown) || !await this.#opensItsOwn(call)) throw thrown;
      throw this.#notOurs(call, "the plugin does not open these bytes, and opens others");
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort();
    await this.#client[Symbol.asyncDispose]();
  }

  /** The version that wraps at present according to Status. */
  async #announced(call: PluginCall): Promise<string> {
    const status = await this.#send(call, (options) => this.#client.v2.Status({}, options));
    // An unhealthy plugin may report no key_id.
    if (status.healthz !== "ok") {
      const why = `it says that it is not well; "trousseau probe --socket" on its socket shows what it says`;
      throw new KmsError("unreachable", `Cannot ${call.action}: ${why}.`);
    }
    const complaint = complaintAboutStatus(status) ?? complaintAboutText(status.key_id);
    if (complaint !== undefined) throw unusableAnswer(call.action, complaint);
    return this.#see(versionOf(status.key_id));
  }

  async #encrypt(plaintext: Uint8Array, call: PluginCall): Promise<EncryptResponse> {
    const uid = crypto.randomUUID();
    const answer = await this.#send(call, (options) => this.#client.v2.Encrypt({ plaintext, uid }, options));
    const complaint = complaintAboutSealed(answer) ?? complaintAboutText(answer.key_id);
    if (complaint !== undefined) throw unusableAnswer(call.action, complaint);
    return answer;
  }

  async #decrypt(wrapped: EncryptResponse, call: PluginCall): Promise<Uint8Array> {
    const request = { ...wrapped, uid: crypto.randomUUID() };
    const { plaintext } = await this.#send(call, (options) => this.#client.v2.Decrypt(request, options));
    // The plain text is a view of the whole received buffer; a copy does not keep that buffer as long as the data key.
    return new Uint8Array(plaintext);
  }

  #checkDek(dek: Uint8Array, call: PluginCall): Uint8Array {
    if (dek.length === 0) throw unusableAnswer(call.action, "it is empty");
    if (dek.length <= providerLimits.dek) return dek;
    throw this.#notOurs(call, "what the plugin opened is no data key");
  }

  /**
   * Rejects an older version than the announced one. If the plugin wrapped under a key_id that it did not announce, it
   * has either rotated in the meantime or returned to an older key. The order of appearance decides; for a key_id that
   * was not seen before, a new Status decides.
   */
  async #refuseOlder(used: string, announced: string, call: PluginCall): Promise<void> {
    const [usedSince, announcedSince] = [this.#seen.get(used), this.#seen.get(announced)];
    const isOlder = usedSince !== undefined && announcedSince !== undefined && usedSince < announcedSince;
    if (!isOlder && await this.#announced(call) === used) return;
    const why = isOlder
      ? "the plugin wrapped under a key_id that it has replaced before"
      : "the plugin wrapped under another key_id than its Status announces";
    throw new KmsError("unreachable", `Cannot ${call.action}: ${why}.`);
  }

  /**
   * Whether the plugin decrypts its own ciphertext. Many plugins answer UNKNOWN to any failure; this shows whether the
   * bytes are invalid or the plugin cannot reach its KMS.
   */
  async #opensItsOwn(call: PluginCall): Promise<boolean> {
    try {
      const sample = crypto.getRandomValues(new Uint8Array(sampleBytes));
      return equalBytes(await this.#decrypt(await this.#encrypt(sample, call), call), sample);
    } catch (thrown) {
      if (thrown instanceof KmsError && !call.signal.aborted) return false;
      throw thrown;
    }
  }

  async #send<T>(call: PluginCall, work: (options: { signal: AbortSignal; timeoutMs: number }) => Promise<T>) {
    this.#checkOpen(call);
    const wait = this.#waits.begin(`the plugin at unix://${this.#socket}`);
    wait.connected();
    try {
      return await work({ signal: call.signal, timeoutMs: maxCall });
    } catch (thrown) {
      throw failureOf(thrown, call, this.#socket);
    } finally {
      wait.end();
    }
  }

  #checkOpen({ signal, action }: PluginCall): void {
    if (signal.aborted) throw abortError(signal, action);
    if (this.#closed.signal.aborted) throw abortError(this.#closed.signal, action);
  }

  #see(version: string): string {
    if (this.#seen.has(version)) return version;
    const [oldest] = this.#seen.keys();
    if (this.#seen.size >= maxSeen && oldest !== undefined) this.#seen.delete(oldest);
    this.#seen.set(version, this.#sightings++);
    return version;
  }

  #notOurs({ action }: PluginCall, why: string): KmsError {
    return new KmsError("integrity", `Cannot ${action}: ${why}.`);
  }
}

/**
 * gRPC strings are UTF-8. A key_id decoded from other bytes contains replacement characters and would decrypt nothing.
 */
function complaintAboutText(keyId: string): string | undefined {
  return keyId.includes("\ufffd") ? "the key_id is not UTF-8" : undefined;
}
