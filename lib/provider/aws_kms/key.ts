/**
 * The known state of a key: its ARN, the key material that wraps at present, and a sentinel for probes.
 *
 * @module
 */
import { equalBytes, utf8 } from "../../base/bytes.ts";
import { KmsError } from "../../base/errors.ts";
import type { HttpCall } from "../../net/https/endpoint.ts";
import { unacceptable } from "../../net/https/refusals.ts";
import type { RemoteKey } from "../concurrency_limit.ts";
import type { KeyExamination } from "../key_findings.ts";
import { type ForeignCiphertext, type KeyState, providerLimits, type WrappedDek } from "../provider.ts";
import { isMultiRegion, lineageOf, parseKmsArn } from "./arn.ts";
import { decrypt, describe, encrypt, type EncryptionContext, reEncrypt } from "./operations.ts";
import type { AwsKmsSession } from "./session.ts";
import type { AwsKmsSettings } from "./settings.ts";
import { type KmsVersion, parseVersion, versionName } from "./version.ts";

/** The result of the first DescribeKey; these properties never change. */
interface Known {
  readonly arn: string;
  readonly lineage: string;
  /** Creation time in seconds since the epoch, for keys whose material has no ID and that have no replicas. */
  readonly createdAt: number | undefined;
  readonly multiRegion: boolean;
}

/** The plain text of the sentinel; it is not secret. */
const sentinelPlaintext = utf8("trousseau-probe");
/**
 * Number of probes after which the sentinel is also decrypted: a second call, which the daily budget of calls permits.
 */
const decryptEvery = 10;
/** Maximum size of a ciphertext for Decrypt, in bytes. */
const largestCiphertext = 6144;

/**
 * One key, by its ARN.
 *
 * DescribeKey resolves the configured name once, whatever its form; all further calls use the ARN. A provider's name
 * thus means one key for its lifetime: an alias that is moved to another key would mean a different one.
 *
 * A probe is a ReEncrypt of a sentinel. This call proves that the key exists and is enabled, and that this login may
 * use it in both directions. Its response also names the key material that encrypts at present, which the response of
 * Encrypt does not. Encrypt and Decrypt are separate permissions, so the first probe and each tenth one also decrypt
 * the sentinel: 1.1 calls a probe, 1,267 a day with one probe every 75 seconds.
 */
export class KmsKey implements RemoteKey {
  readonly #session: AwsKmsSession;
  readonly #settings: AwsKmsSettings;
  readonly #context: EncryptionContext;
  #known: Known | undefined;
  #sentinel: Uint8Array | undefined;
  #current: string | undefined;
  /**
   * Key material that wrapped earlier and was replaced. The IDs of KMS have no order; the sequence of responses
   * supplies it.
   */
  readonly #replaced = new Set<string>();
  #probes = 0;

  constructor(session: AwsKmsSession, settings: AwsKmsSettings) {
    this.#session = session;
    this.#settings = settings;
    this.#context = settings.encryptionContext;
  }

  /** Verifies that the key can be used, and returns the version that wraps at present. */
  async probe(call: HttpCall): Promise<KeyState> {
    const known = this.#known ?? await this.#describe(call);
    const material = await this.#reEncrypt(known, call);
    if (this.#probes % decryptEvery === 0) await this.#proveDecrypt(known, call);
    this.#probes++;
    if (material !== undefined) this.#see(material);
    return { version: this.#versionName(known, material) };
  }

  /**
   * Encrypts a data key, and decrypts the result: only the response of Decrypt names the key material, and it proves
   * that the ciphertext can be decrypted.
   *
   * If the KMS does not name its key material, the version is known already, and the second call is omitted.
   */
  async wrap(dek: Uint8Array, at: KeyState, call: HttpCall): Promise<WrappedDek> {
    const known = this.#known ?? await this.#describe(call);
    const version = parseVersion(at.version);
    if (version?.lineage !== known.lineage || this.#isRemade(known, version)) {
      throw new KmsError("key_unusable", `Cannot ${call.action}: the version is not one of the key that is used now.`);
    }
    const ciphertext = await encrypt(this.#session, known.arn, dek, this.#context, call);
    if (version.material === undefined) return { version: at.version, ciphertext };
    const opened = await decrypt(this.#session, known.arn, ciphertext, this.#context, call);
    const same = equalBytes(opened.plaintext, dek);
    opened.plaintext.fill(0);
    if (!same) throw unacceptable(call.action, "AWS KMS decrypts something else than it has encrypted");
    if (opened.material === undefined) {
      throw unacceptable(call.action, "AWS KMS does not name its key material any more");
    }
    if (opened.material !== version.material) await this.#refuseOlder(opened.material, version.material, known, call);
    return { version: this.#versionName(known, opened.material), ciphertext };
  }

  /** Unwraps a data key of any version of this key, in this Region or, for a multi-Region key, in another. */
  async unwrap({ version: name, ciphertext }: WrappedDek, call: HttpCall): Promise<Uint8Array> {
    const version = parseVersion(name);
    const arn = await this.#arnFor(version, call);
    this.#checkSize(ciphertext, call);
    const { plaintext, material } = await this.#decryptOurs(arn, ciphertext, call);
    // Replicas share their material; AWS does not promise that they also share its ID.
    const named = version?.material !== undefined && material !== undefined && !version.lineage.includes(":*:");
    if (named && material !== version.material) {
      plaintext.fill(0);
      const why = "the version and the wrapped bytes do not belong together";
      throw new KmsError("integrity", `Cannot ${call.action}: ${why}.`);
    }
    return this.#checkDek(plaintext, call);
  }

  /** Decrypts a ciphertext that another program created with this key. */
  async unwrapForeign({ ciphertext, context = {} }: ForeignCiphertext, call: HttpCall): Promise<Uint8Array> {
    const arn = configuredArn(this.#settings) ?? (this.#known ?? await this.#describe(call)).arn;
    this.#checkSize(ciphertext, call);
    return (await decrypt(this.#session, arn, ciphertext, context, call)).plaintext;
  }

  async examine(_versions: readonly string[], call: HttpCall): Promise<KeyExamination> {
    const { examineAwsKey } = await import("./examination.ts");
    return await examineAwsKey(this.#settings, this.#session, call);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session[Symbol.asyncDispose]();
  }

  async #describe(call: HttpCall): Promise<Known> {
    const { key, region } = this.#settings;
    const { arn, createdAt } = await describe(this.#session, key, call);
    const parsed = parseKmsArn(arn);
    const configured = parseKmsArn(key);
    const wrong = parsed?.type !== "key" || parsed.region !== region ||
      (configured?.type === "key"
        ? configured.id !== parsed.id || configured.account !== parsed.account
        : isOtherId(key, parsed.id));
    if (wrong) throw unacceptable(call.action, "AWS KMS answers about another key than it was asked for");
    const multiRegion = isMultiRegion(parsed.id);
    this.#known = { arn, lineage: lineageOf(parsed), createdAt: multiRegion ? undefined : createdAt, multiRegion };
    return this.#known;
  }

  /** The ARN to decrypt a version with; a version of another key is rejected without a request. */
  async #arnFor(version: KmsVersion | undefined, call: HttpCall): Promise<string> {
    const given = configuredArn(this.#settings);
    const parsed = given === undefined ? undefined : parseKmsArn(given);
    // With a configured ARN, a cold start unwraps with one call, without DescribeKey.
    const known = this.#known;
    const [arn, lineage] = given !== undefined && parsed !== undefined
      ? [given, lineageOf(parsed)]
      : await this.#resolved(call);
    if (version?.lineage !== lineage || (known !== undefined && this.#isRemade(known, version))) {
      const why = "the version that wrapped these bytes is not this key's; an alias must not be moved to another key";
      throw new KmsError("key_unknown", `Cannot ${call.action}: ${why}.`);
    }
    return arn;
  }

  async #resolved(call: HttpCall): Promise<readonly [arn: string, lineage: string]> {
    const { arn, lineage } = this.#known ?? await this.#describe(call);
    return [arn, lineage];
  }

  #isRemade({ createdAt }: Known, version: KmsVersion): boolean {
    return createdAt !== undefined && version.createdAt !== undefined && version.createdAt !== createdAt;
  }

  /**
   * Decrypts a ciphertext that is bound to this provider's context. KMS can answer "denied" for bytes that name a
   * nonexistent key; decrypting a ciphertext of this program shows whether the permission is missing or the bytes are
   * invalid.
   */
  async #decryptOurs(arn: string, ciphertext: Uint8Array, call: HttpCall) {
    try {
      return await decrypt(this.#session, arn, ciphertext, this.#context, call);
    } catch (thrown) {
      if (!isDenied(thrown) || !await this.#opensItsOwn(arn, call)) throw thrown;
      const why = "these bytes were not wrapped by this key";
      throw new KmsError("integrity", `Cannot ${call.action}: ${why}.`);
    }
  }

  async #opensItsOwn(arn: string, call: HttpCall): Promise<boolean> {
    try {
      const own = this.#sentinel ?? await encrypt(this.#session, arn, sentinelPlaintext, this.#context, call);
      await decrypt(this.#session, arn, own, this.#context, call);
      this.#sentinel ??= own;
      return true;
    } catch (thrown) {
      if (isDenied(thrown)) return false;
      throw thrown;
    }
  }

  /** @returns the ID of the material that encrypts at present, if KMS names it. */
  async #reEncrypt(known: Known, call: HttpCall): Promise<string | undefined> {
    const kept = this.#sentinel;
    const made = kept ?? await encrypt(this.#session, known.arn, sentinelPlaintext, this.#context, call);
    try {
      const { ciphertext, material } = await reEncrypt(this.#session, known.arn, made, this.#context, call);
      this.#sentinel = ciphertext;
      return material;
    } catch (thrown) {
      // A sentinel that the key can no longer decrypt is created again, once.
      if (kept === undefined || !(thrown instanceof KmsError) || thrown.code !== "integrity") throw thrown;
      this.#sentinel = undefined;
      return await this.#reEncrypt(known, call);
    }
  }

  async #proveDecrypt({ arn }: Known, call: HttpCall): Promise<void> {
    if (this.#sentinel === undefined) return;
    const { plaintext } = await decrypt(this.#session, arn, this.#sentinel, this.#context, call);
    if (equalBytes(plaintext, sentinelPlaintext)) return;
    throw unacceptable(call.action, "AWS KMS decrypts something else than it has encrypted");
  }

  #see(material: string): void {
    if (this.#current === material || this.#replaced.has(material)) return;
    if (this.#current !== undefined) this.#replaced.add(this.#current);
    this.#current = material;
  }

  /**
   * Rejects older material than announced. Other material means either a rotation in the meantime, or a part of KMS
   * that does not have the last rotation yet. The sequence of earlier responses decides, otherwise KMS itself.
   */
  async #refuseOlder(used: string, announced: string, { arn }: Known, call: HttpCall): Promise<void> {
    const older = this.#replaced.has(used) || (await describe(this.#session, arn, call)).material === announced;
    if (!older) return;
    const why = "AWS KMS wrapped with key material that was replaced; a part of it has not heard of the rotation yet";
    throw new KmsError("unreachable", `Cannot ${call.action}: ${why}.`);
  }

  #versionName({ lineage, createdAt }: Known, material: string | undefined): string {
    return versionName({ lineage, material, createdAt });
  }

  #checkSize({ length }: Uint8Array, { action }: HttpCall): void {
    if (length > 0 && length <= largestCiphertext) return;
    throw new KmsError("integrity", `Cannot ${action}: no key in AWS KMS gives wrapped bytes of this size.`);
  }

  #checkDek(dek: Uint8Array, { action }: HttpCall): Uint8Array {
    if (dek.length > 0 && dek.length <= providerLimits.dek) return dek;
    throw new KmsError("integrity", `Cannot ${action}: what the key opened is no data key.`);
  }
}

/** The key's ARN, if the settings contain it. */
function configuredArn({ key }: AwsKmsSettings): string | undefined {
  return parseKmsArn(key)?.type === "key" ? key : undefined;
}

/** Whether the response is about another key ID than requested; an alias can stand for any ID. */
function isOtherId(key: string, answered: string): boolean {
  return !key.startsWith("alias/") && !key.startsWith("arn:") && key !== answered;
}

function isDenied(thrown: unknown): boolean {
  return thrown instanceof KmsError && thrown.code === "permission_denied";
}
