/**
 * The known state of a key: the version that wraps, and a sentinel for probes.
 *
 * @module
 */
import { equalBytes, utf8 } from "../../base/bytes.ts";
import { KmsError } from "../../base/errors.ts";
import type { HttpCall } from "../../net/https/endpoint.ts";
import { unacceptable } from "../../net/https/refusals.ts";
import type { RemoteKey } from "../concurrency_limit.ts";
import type { KeyExamination } from "../key_findings.ts";
import { type KeyState, providerLimits, type WrappedDek } from "../provider.ts";
import { answeredVersion, versionName, versionOf } from "./names.ts";
import { decrypt, encrypt } from "./operations.ts";
import type { GcpKmsSession } from "./session.ts";
import type { GcpKmsSettings } from "./settings.ts";

/** The plain text of the sentinel; it is not secret. */
const sentinel = utf8("trousseau-probe");
/**
 * Number of probes after which the sentinel is also decrypted: a second call, which the daily budget of calls permits.
 */
const decryptEvery = 10;

/**
 * One key, at its primary version.
 *
 * A probe is an encrypt on the key, for which Cloud KMS uses the primary version and names it in the response. This
 * call proves that the key exists, that this version is enabled and that this login may encrypt. The first probe, each
 * tenth one and the first of a new version also decrypt the sentinel: 1.1 calls a probe, 1,267 a day with one probe
 * every 75 seconds.
 *
 * A wrap is an encrypt on the announced version. Cloud KMS accepts every enabled version for it, primary or not, with
 * the same permission. Decrypt accepts the key only and does not return the version, so the version's name is part of
 * the additional authenticated data: a ciphertext of one version does not decrypt under the name of another.
 */
export class GcpKey implements RemoteKey {
  readonly #session: GcpKmsSession;
  readonly #name: string;
  readonly #key: string;
  readonly #context: string;
  #newest: number | undefined;
  #probes = 0;

  constructor(session: GcpKmsSession, { name, key, context }: GcpKmsSettings) {
    this.#session = session;
    this.#name = name;
    this.#key = key;
    this.#context = context;
  }

  async probe(call: HttpCall): Promise<KeyState> {
    const bound = this.#bound(this.#key);
    const { name, ciphertext } = await encrypt(this.#session, this.#key, sentinel, bound, call);
    const version = this.#answered(name, call);
    if (this.#probes % decryptEvery === 0 || version !== this.#newest) {
      const opened = await decrypt(this.#session, this.#key, ciphertext, bound, call);
      if (!equalBytes(opened, sentinel)) {
        throw unacceptable(call.action, "Cloud KMS decrypted something else than it had encrypted");
      }
    }
    this.#probes++;
    this.#newest = version;
    return { version: versionName(this.#key, version), order: version };
  }

  async wrap(dek: Uint8Array, at: KeyState, call: HttpCall): Promise<WrappedDek> {
    const version = versionOf(this.#key, at.version);
    if (version === undefined) {
      throw new KmsError("internal", `Cannot ${call.action}: the version is not one of this key's.`);
    }
    const { name, ciphertext } = await encrypt(this.#session, at.version, dek, this.#bound(at.version), call);
    if (this.#answered(name, call) !== version) {
      throw unacceptable(call.action, "Cloud KMS encrypted with another version than it was asked for");
    }
    if (ciphertext.length > providerLimits.ciphertext) {
      throw unacceptable(call.action, `Cloud KMS gave more than ${providerLimits.ciphertext} wrapped bytes`);
    }
    return { version: at.version, ciphertext };
  }

  async unwrap({ version, ciphertext }: WrappedDek, call: HttpCall): Promise<Uint8Array> {
    if (versionOf(this.#key, version) === undefined) {
      const why = "the version that wrapped these bytes is not this key's";
      throw new KmsError("key_unknown", `Cannot ${call.action}: ${why}.`);
    }
    const dek = await decrypt(this.#session, this.#key, ciphertext, this.#bound(version), call);
    if (dek.length <= providerLimits.dek) return dek;
    throw new KmsError("integrity", `Cannot ${call.action}: what the key opened is no data key.`);
  }

  async examine(versions: readonly string[], call: HttpCall): Promise<KeyExamination> {
    const { examineGcpKey } = await import("./examination.ts");
    return await examineGcpKey({ name: this.#name, key: this.#key }, this.#session, versions, call);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session[Symbol.asyncDispose]();
  }

  #answered(name: unknown, { action }: HttpCall): number {
    const version = answeredVersion(this.#key, name);
    if (version === undefined) throw unacceptable(action, "Cloud KMS's answer is not of a version of this key");
    return version;
  }

  /**
   * The additional authenticated data. A name contains no line break, so that a name and a context can be separated in
   * one way only.
   */
  #bound(name: string): Uint8Array {
    return utf8(this.#context === "" ? name : `${name}\n${this.#context}`);
  }
}
