/**
 * The known state of a transit key: its versions with their creation times, and a sentinel for probes.
 *
 * @module
 */
import type { Clock } from "../../base/clock.ts";
import { jittered } from "../../base/deadline.ts";
import { KmsError } from "../../base/errors.ts";
import type { KeyState } from "../provider.ts";
import { field } from "../../net/https/fields.ts";
import { unacceptable } from "../../net/https/refusals.ts";
import { refusal } from "./errors.ts";
import { encodedPath } from "./auth.ts";
import { type KeyVersion, parseVersion, prefixVersion, versionName } from "./ciphertext.ts";
import { keyRemarks } from "./remarks.ts";
import type { VaultAnswer, VaultCall } from "./http.ts";
import type { Session } from "./session.ts";

/** The response of `read transit/keys/<key>`. */
interface KeyInfo {
  readonly latest: number;
  /**
   * Creation times in seconds since the epoch, by version number; without versions that are no longer allowed to
   * decrypt.
   */
  readonly createdAt: ReadonlyMap<number, number>;
}

/**
 * Milliseconds. Probes detect a change of version at once; the hourly read finds the changes that a probe cannot
 * detect.
 */
const rereadMs = 3_600_000;

/** The plain text of the sentinel; it is not secret. */
const sentinelPlaintext = "dHJvdXNzZWF1";

/** One key of one transit mount. */
export class TransitKey {
  readonly #session: Pick<Session, "request">;
  readonly #mount: string;
  readonly #name: string;
  readonly #clock: Pick<Clock, "now">;
  #info: KeyInfo | undefined;
  /** Time of the next read on the monotonic clock, in milliseconds. */
  #staleAt = -Infinity;
  #sentinel: string | undefined;

  constructor(session: Pick<Session, "request">, mount: string, name: string, clock: Pick<Clock, "now">) {
    this.#session = session;
    this.#mount = encodedPath(mount);
    this.#name = encodeURIComponent(name);
    this.#clock = clock;
  }

  /** Sends one operation of the engine on this key. */
  operate(operation: "encrypt" | "decrypt" | "rewrap", body: unknown, call: VaultCall): Promise<VaultAnswer> {
    return this.#session.request({ method: "POST", path: `${this.#mount}/${operation}/${this.#name}`, body }, call);
  }

  /**
   * Rewraps the sentinel: one call that decrypts, encrypts and returns the version that encrypts at present.
   *
   * @throws {KmsError} the error from Vault; `key_unusable` if the key cannot encrypt.
   */
  async probe(call: VaultCall): Promise<KeyState> {
    if (this.#info === undefined || this.#clock.now() >= this.#staleAt) await this.read(call);
    const number = await this.#rewrap(call);
    const known = this.#known(number) ?? (await this.read(call), this.#known(number));
    // Nodes of a cluster can differ for a moment: the newest version that all of them have counts.
    return state(known ?? this.#latest(call));
  }

  /**
   * Checks that a version that was announced earlier still belongs to this key.
   *
   * @returns the number of the version.
   * @throws {KmsError} `key_unusable` if the key has been deleted and created again.
   */
  async pin(at: KeyState, call: VaultCall): Promise<number> {
    const version = parseVersion(at.version);
    if (version === undefined) {
      throw new KmsError("internal", `Cannot ${call.action}: the version is not one of Vault's.`);
    }
    if (this.#info === undefined) await this.read(call);
    if (!this.remade(version)) return version.number;
    throw new KmsError("key_unusable", `Cannot ${call.action}: the key was deleted and made again under its name.`);
  }

  /** Whether the key of this version is known to be gone, with another key under its name. */
  remade(version: KeyVersion): boolean {
    const createdAt = this.#info?.createdAt.get(version.number);
    return createdAt !== undefined && createdAt !== version.createdAt;
  }

  /**
   * Reads the versions of the key.
   *
   * @throws {KmsError} `key_unknown` if the key does not exist; `key_unusable` if its type is not supported.
   */
  async read(call: VaultCall): Promise<void> {
    this.#info = keyInfo(await this.#data(call), call.action);
    this.#staleAt = this.#clock.now() + jittered(rereadMs, 0.1);
  }

  /** See `Remarks` of `lib/provider/provider.ts`. */
  async remarks(versions: readonly string[], call: VaultCall): Promise<readonly string[]> {
    const data = await this.#data(call);
    if (isSoftDeleted(data)) {
      return ["The key is soft-deleted: nothing that it has wrapped opens until it is restored."];
    }
    const { createdAt, latest } = keyInfo(data, call.action);
    return keyRemarks(versions, { data, createdAt, latest });
  }

  async #data(call: VaultCall): Promise<unknown> {
    const answer = await this.#session.request({ method: "GET", path: `${this.#mount}/keys/${this.#name}` }, call);
    if (answer.status !== 200) throw refusal(answer, call.action);
    return field(answer.body, "data");
  }

  async #rewrap(call: VaultCall): Promise<number> {
    if (this.#sentinel !== undefined) {
      const answer = await this.operate("rewrap", { ciphertext: this.#sentinel }, call);
      const error = answer.status === 200 ? undefined : refusal(answer, call.action);
      if (error === undefined) return this.#keep(answer, call);
      // The version of the sentinel was retired, or the key was created again; reading the key shows which.
      if (error.code !== "integrity" && error.code !== "key_unusable") throw error;
      this.#sentinel = undefined;
      await this.read(call);
    }
    const body = { plaintext: sentinelPlaintext, key_version: this.#latest(call).number };
    const made = await this.operate("encrypt", body, call);
    if (made.status !== 200) throw refusal(made, call.action);
    this.#keep(made, call);
    const answer = await this.operate("rewrap", { ciphertext: this.#sentinel }, call);
    if (answer.status !== 200) throw refusal(answer, call.action);
    return this.#keep(answer, call);
  }

  #keep(answer: VaultAnswer, call: VaultCall): number {
    const ciphertext = field(field(answer.body, "data"), "ciphertext");
    const number = typeof ciphertext === "string" ? prefixVersion(ciphertext) : undefined;
    if (typeof ciphertext !== "string" || number === undefined) {
      throw unacceptable(call.action, "Vault's answer holds no ciphertext");
    }
    this.#sentinel = ciphertext;
    return number;
  }

  #known(number: number): KeyVersion | undefined {
    const createdAt = this.#info?.createdAt.get(number);
    return createdAt === undefined ? undefined : { number, createdAt };
  }

  #latest(call: VaultCall): KeyVersion {
    const latest = this.#known(this.#info?.latest ?? 0);
    if (latest === undefined) throw unacceptable(call.action, "Vault's answer does not hold the key's latest version");
    return latest;
  }
}

/**
 * The order of a version. A later creation time is always greater, so that a key created again is newer than its
 * predecessor; within one second, the higher number is greater. Both fit into the 53 bits of an exact integer.
 */
function state(version: KeyVersion): KeyState {
  return { version: versionName(version), order: version.createdAt * 2 ** 20 + Math.min(version.number, 2 ** 20 - 1) };
}

function keyInfo(data: unknown, action: string): KeyInfo {
  const unusable = (why: string) => new KmsError("key_unusable", `Cannot ${action}: the key ${why}.`);
  if (isSoftDeleted(data)) throw unusable("is soft-deleted");
  if (field(data, "derived") === true) throw unusable("is a derived one, which wants a context with each call");
  if (field(data, "supports_encryption") === false || field(data, "supports_decryption") === false) {
    throw unusable("is of a type that cannot encrypt and decrypt");
  }
  const latest = field(data, "latest_version");
  const keys = field(data, "keys");
  if (typeof latest !== "number" || !Number.isSafeInteger(latest) || latest < 1 || typeof keys !== "object") {
    throw unacceptable(action, "Vault's answer is not about a transit key");
  }
  const createdAt = new Map<number, number>();
  for (const [number, entry] of Object.entries(keys ?? {})) {
    const seconds = creationSeconds(entry);
    if (!/^[1-9]\d{0,8}$/.test(number) || seconds === undefined) {
      throw unacceptable(action, "Vault's answer has a key version that Trousseau cannot read");
    }
    createdAt.set(Number(number), seconds);
  }
  return { latest, createdAt };
}

/** Whether the key is soft-deleted; OpenBao only. */
function isSoftDeleted(data: unknown): boolean {
  return field(data, "soft_deleted") === true;
}

/**
 * Creation time in seconds since the epoch; `undefined` for a malformed entry. The entry of a symmetric key is a number of seconds, that of an asymmetric
 * key an object with a date.
 */
export function creationSeconds(entry: unknown): number | undefined {
  const seconds = typeof entry === "number"
    ? entry
    : Math.floor(Date.parse(String(field(entry, "creation_time"))) / 1000);
  return Number.isSafeInteger(seconds) && seconds >= 0 && seconds < 1e12 ? seconds : undefined;
}
