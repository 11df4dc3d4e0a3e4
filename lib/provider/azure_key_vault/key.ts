/**
 * The known state of a key: its newest version, the types of its versions, and a sentinel for probes.
 *
 * @module
 */
import { base64url, equalBytes, fromBase64url, utf8 } from "../../base/bytes.ts";
import { KmsError } from "../../base/errors.ts";
import type { HttpAnswer, HttpCall } from "../../net/https/endpoint.ts";
import { field } from "../../net/https/fields.ts";
import { unacceptable } from "../../net/https/refusals.ts";
import { serverNow } from "../../net/https/server_time.ts";
import type { KeyState } from "../provider.ts";
import { isUnusable, refusal, unexplained, unwrapRefusal } from "./errors.ts";
import { type Algorithm, isKeyType, type KeyType, toWrap, unwrapped, wrapAlgorithm } from "./algorithms.ts";
import type { AzureKeyVaultSettings } from "./settings.ts";
import type { KeyVault } from "./vault.ts";

/** Properties of one version of the key. They do not change, except for being enabled, which each call reports. */
interface VersionInfo {
  readonly version: string;
  readonly type: KeyType;
  /** Creation time in seconds since the epoch. */
  readonly created: number;
}

type Operation = "wrapkey" | "unwrapkey";

/** The result of wrapKey. */
interface Wrapped {
  readonly version: string;
  readonly ciphertext: Uint8Array;
}

/** The plain text of the sentinel; it is not secret. */
const sentinel = utf8("trousseau-probe");
/**
 * Number of probes after which the sentinel is also unwrapped: a second call, which the daily budget of calls permits.
 */
const unwrapEvery = 10;

/** Maximum number of versions that are checked, the newest first: each takes one call. */
const maxRemarks = 20;

const versionPattern = /^[0-9a-f]{32}$/;

/**
 * One key, at its newest version or at the one that the settings pin.
 *
 * A probe is a wrapKey on the key without a version. This call proves that the key exists, is enabled and within its
 * dates, that this login may wrap with it, and that the HSM works; its `kid` names the newest version. Reading the key
 * would also name it, but prove none of the rest. To prove unwrapping, each tenth probe also unwraps the result: 1.1
 * calls a probe, 1,267 a day with one probe every 75 seconds, and about 70 for hourly logins. A version is read once,
 * when it first appears, for its type and creation time.
 *
 * For a key without a version, Key Vault uses the newest version, enabled or not. Disabling it therefore stops wrapping
 * even if an older one is enabled: announcing an older version again is not permitted; the remedy is a new version.
 */
export class KeyVaultKey {
  readonly #vault: KeyVault;
  readonly #name: string;
  readonly #pinned: string | undefined;
  readonly #prefix: string;
  readonly #versions = new Map<string, VersionInfo>();
  #newest: VersionInfo | undefined;
  #probes = 0;

  constructor(vault: KeyVault, settings: AzureKeyVaultSettings) {
    this.#vault = vault;
    this.#name = settings.key;
    this.#pinned = settings.version;
    this.#prefix = `${settings.vault}/keys/${settings.key}/`;
  }

  /**
   * Verifies that the key can be used, and returns the version that wraps at present.
   *
   * @throws {KmsError} the error from Key Vault.
   */
  async probe(call: HttpCall): Promise<KeyState> {
    const known = this.#newest ?? await this.#read(this.#pinned, call);
    const wrapped = await this.#wrap(this.#pinned, known, sentinel, call);
    const info = await this.#info(wrapped.version, call);
    if (wrapAlgorithm(info.type) !== wrapAlgorithm(known.type)) {
      throw unacceptable(call.action, "Key Vault's answer is not of the key version that it names");
    }
    if (this.#probes % unwrapEvery === 0 || this.#newest?.version !== info.version) {
      const opened = await this.unwrap(info.version, wrapped.ciphertext, wrapAlgorithm(info.type), call);
      if (!equalBytes(opened, sentinel)) {
        throw unacceptable(call.action, "Key Vault unwrapped something else than it had wrapped");
      }
    }
    this.#probes++;
    this.#newest = info;
    return { version: this.#prefix + info.version, order: info.created };
  }

  /** Wraps with the given version only. */
  async wrap(version: string, dek: Uint8Array, call: HttpCall): Promise<Uint8Array> {
    return (await this.#wrap(version, await this.#info(version, call), dek, call)).ciphertext;
  }

  /**
   * Unwraps with one version and one algorithm.
   *
   * @throws {KmsError} `integrity` if Key Vault refuses the bytes or they contain no data key.
   */
  async unwrap(version: string, ciphertext: Uint8Array, algorithm: Algorithm, call: HttpCall): Promise<Uint8Array> {
    const answer = await this.#operate(version, "unwrapkey", algorithm, ciphertext, call);
    if (answer.status !== 200) {
      throw unexplained(answer)
        ? await this.#explained(answer, version, "unwrapkey", call)
        : unwrapRefusal(answer, call.action);
    }
    const { version: used, value } = result(answer, call.action);
    if (used !== version) {
      throw unacceptable(call.action, "Key Vault unwrapped with another version than it was asked for");
    }
    const dek = unwrapped(algorithm, value);
    if (dek !== undefined) return dek;
    throw new KmsError("integrity", `Cannot ${call.action}: what the key opened is no data key.`);
  }

  /**
   * See `Remarks` of `lib/provider/provider.ts`. An expired version still unwraps, so only disabled ones are reported.
   */
  async remarks(names: readonly string[], call: HttpCall): Promise<readonly string[]> {
    const versions = names.map((name) => this.versionOf(name)).filter((version) => version !== undefined);
    const found = await Promise.all(
      versions.slice(-maxRemarks).map(async (version) => {
        const answer = await this.#get(version, call);
        if (answer.status !== 200 && answer.status !== 404 && !isUnusable(answer)) throw refusal(answer, call.action);
        return { version, answer };
      }),
    );
    const exportable = found.some(({ answer }) => field(field(answer.body, "attributes"), "exportable") === true);
    return [
      ...found.flatMap(({ version, answer: { status, body } }) => {
        const disabled = status === 403 || field(field(body, "attributes"), "enabled") === false;
        if (status === 200 && !disabled) return [];
        const why = status === 404 ? "it is not there any more" : "it is disabled";
        return [`Version ${version}, which this node has sealed with, does not open any more: ${why}.`];
      }),
      ...(exportable ? ["The key is exportable: whom its release policy lets have it gets it in plain text."] : []),
    ];
  }

  /** The version of a recorded name; `undefined` if it is not a version of this key. */
  versionOf(name: string): string | undefined {
    const version = name.startsWith(this.#prefix) ? name.slice(this.#prefix.length) : "";
    return versionPattern.test(version) ? version : undefined;
  }

  async #wrap(version: string | undefined, info: VersionInfo, dek: Uint8Array, call: HttpCall): Promise<Wrapped> {
    const algorithm = wrapAlgorithm(info.type);
    const answer = await this.#operate(version, "wrapkey", algorithm, toWrap(algorithm, dek), call);
    if (answer.status !== 200) {
      // A key of another type may exist under this name now.
      if (answer.status === 400 || answer.status === 404) this.#newest = undefined;
      throw unexplained(answer)
        ? await this.#explained(answer, version, "wrapkey", call)
        : refusal(answer, call.action);
    }
    const { version: used, value } = result(answer, call.action);
    if (version !== undefined && used !== version) {
      throw unacceptable(call.action, "Key Vault wrapped with another version than it was asked for");
    }
    if (value.length === 0) throw unacceptable(call.action, "Key Vault's answer holds no wrapped key");
    return { version: used, ciphertext: value };
  }

  #operate(
    version: string | undefined,
    operation: Operation,
    alg: Algorithm,
    value: Uint8Array,
    call: HttpCall,
  ): Promise<HttpAnswer> {
    // Microsoft's library for .NET omits the segment of a missing version; the others leave it empty. Servers that
    // merge slashes redirect a path with an empty segment, or do not find it.
    const key = version === undefined ? this.#name : `${this.#name}/${version}`;
    const path = `${key}/${operation}`;
    return this.#vault.ask({ method: "POST", path, body: { alg, value: base64url(value) } }, call);
  }

  async #info(version: string, call: HttpCall): Promise<VersionInfo> {
    return this.#versions.get(version) ?? await this.#read(version, call);
  }

  async #read(version: string | undefined, call: HttpCall): Promise<VersionInfo> {
    const answer = await this.#get(version, call);
    if (answer.status !== 200) throw refusal(answer, call.action);
    const info = versionInfo(answer.body, call.action);
    if (version !== undefined && info.version !== version) {
      throw unacceptable(call.action, "Key Vault's answer is about another version of the key");
    }
    this.#versions.set(info.version, info);
    return info;
  }

  #get(version: string | undefined, call: HttpCall): Promise<HttpAnswer> {
    return this.#vault.ask(
      { method: "GET", path: version === undefined ? this.#name : `${this.#name}/${version}` },
      call,
    );
  }

  /** For a 403 without a reason: reads the key, whose attributes may contain the reason. */
  async #explained(
    denied: HttpAnswer,
    version: string | undefined,
    operation: Operation,
    call: HttpCall,
  ): Promise<KmsError> {
    const answer = await this.#get(version, call);
    if (isUnusable(answer)) return refusal(answer, call.action);
    const attributes = answer.status === 200 ? field(answer.body, "attributes") : undefined;
    const why = unusable(attributes, operation, serverNow(answer.headers.date) / 1000);
    return why === undefined
      ? refusal(denied, call.action)
      : new KmsError("key_unusable", `Cannot ${call.action}: Key Vault answered 403 (the key version ${why}).`);
  }
}

/** Parses Key Vault's KeyOperationResult. */
function result(answer: HttpAnswer, action: string): { readonly version: string; readonly value: Uint8Array } {
  const version = lastSegment(field(answer.body, "kid"));
  const text = field(answer.body, "value");
  const value = typeof text === "string" ? fromBase64url(text) : undefined;
  if (version === undefined || value === undefined) {
    throw unacceptable(action, "Key Vault's answer holds no result of a key operation");
  }
  return { version, value };
}

/** Parses Key Vault's KeyBundle. */
function versionInfo(body: unknown, action: string): VersionInfo {
  const key = field(body, "key");
  const version = lastSegment(field(key, "kid"));
  const created = field(field(body, "attributes"), "created");
  const type = field(key, "kty");
  if (version === undefined || typeof type !== "string" || typeof created !== "number" || !(created >= 0)) {
    throw unacceptable(action, "Key Vault's answer is not about a key");
  }
  if (!isKeyType(type)) {
    throw new KmsError("key_unusable", `Cannot ${action}: the key's type cannot wrap; an RSA or AES key can.`);
  }
  const operations = field(key, "key_ops");
  const lacking = ["wrapKey", "unwrapKey"].find((one) => Array.isArray(operations) && !operations.includes(one));
  if (lacking !== undefined) {
    throw new KmsError("key_unusable", `Cannot ${action}: the key's permitted operations lack ${lacking}.`);
  }
  return { version, type, created: Math.floor(created) };
}

/** The version at the end of a `kid`. The name in it can differ in case, and the host is that of the request. */
function lastSegment(kid: unknown): string | undefined {
  if (typeof kid !== "string") return undefined;
  const [, version] = /\/keys\/[0-9A-Za-z-]{1,127}\/([0-9a-f]{32})$/.exec(kid) ?? [];
  return version;
}

/** @param now seconds since the epoch. Key Vault unwraps outside the dates ("Date-time controlled operations"). */
function unusable(attributes: unknown, operation: Operation, now: number): string | undefined {
  const [expires, from] = [field(attributes, "exp"), field(attributes, "nbf")];
  if (field(attributes, "enabled") === false) return "is disabled";
  if (operation === "unwrapkey") return undefined;
  if (typeof expires === "number" && expires <= now) return "has expired";
  return typeof from === "number" && from > now ? "is not valid yet" : undefined;
}
