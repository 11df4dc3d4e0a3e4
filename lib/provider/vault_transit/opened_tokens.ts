/**
 * The wrapping tokens that this node has opened: `wrapping-tokens.json` in the state folder.
 *
 * A wrapping token can be opened once. The records distinguish a token that this node has opened from one that another
 * client has opened. A record contains a hash of the token; since a token has at least 120 random bits, the hash does
 * not help to guess it. The secret inside the token is stored only if the configuration sets `auth.keepUnwrapped`.
 *
 * @module
 */
import { type Clock, systemClock } from "../../base/clock.ts";
import { lengthPrefixed, sha256Hex, utf8 } from "../../base/bytes.ts";
import { toKmsError } from "../../base/errors.ts";
import type { Notify } from "../../telemetry/events.ts";
import { Secret } from "../../base/secret.ts";
import { type StateFile, stateFile, type StateFileFormat } from "../../base/state_file.ts";
import { updateState } from "../../base/state_update.ts";
import { loginLock } from "../../net/https/login_lock.ts";

/** A wrapping token that this node has opened, as stored in the file. */
interface OpenedToken {
  /** The login that it was opened for: 16 hexadecimal digits. */
  readonly login: string;
  /** The hash of the token: 64 hexadecimal digits. */
  readonly hash: string;
  /** Time of opening in milliseconds since the epoch. */
  readonly at: number;
  /** The secret inside the token; absent if it is not stored, or was refused later. */
  readonly secret?: string;
}

interface Opened {
  /** Oldest first. */
  readonly tokens: readonly OpenedToken[];
}

/** The record of one wrapping token. */
export interface OpenedTokenRecord {
  /** The hash of the token. */
  readonly hash: string;
  /** Time of opening in milliseconds since the epoch. */
  readonly at: number;
  /** The secret inside the token, if it is stored. */
  readonly secret: Secret | undefined;
}

const maxTokens = 32;
/** Milliseconds between two attempts to write a record. */
const againMs = 60_000;
/**
 * Maximum number of characters of a stored secret. A secret ID has 36, a token of Vault about 100, one of Vault
 * Enterprise up to about 4,000.
 */
const maxSecret = 8 * 1024;

const format: StateFileFormat<Opened> = {
  name: "wrapping-tokens.json",
  content: "the wrapping tokens that this node opened",
  format: 1,
  maxBytes: 512 * 1024,
  parse: ({ tokens }) =>
    Array.isArray(tokens) && tokens.length <= maxTokens && tokens.every(isOpenedToken) ? { tokens } : undefined,
  advice: "remove it, and give each login a new wrapping token",
};

/** The login that the records belong to, and the folder in which they are stored. */
export interface OpenedTokensOptions {
  /** The provider's name, for warnings. */
  readonly provider: string;
  readonly notify: Notify;
  /** State folder of the node; without one, records last as long as this process. */
  readonly stateFolder?: string | undefined;
  /** Whether the folder is read-only. */
  readonly readOnlyState?: boolean | undefined;
  /** Identity of the login. Providers that read the same file for the same mount share records. */
  readonly scope: readonly string[];
  /** The system clock if absent. */
  readonly clock?: Clock;
}

/** The hash that identifies a wrapping token in the records. */
export function hashOf(token: Secret): string {
  return sha256Hex(lengthPrefixed(utf8("trousseau-wrapping-token-1"), utf8(token.reveal())));
}

/** The records of one login. An unusable folder causes a warning, never a failed login. */
export class OpenedTokens {
  readonly #options: OpenedTokensOptions;
  readonly #clock: Clock;
  readonly #login: string;
  readonly #file: StateFile<Opened> | undefined;
  #warned = false;
  #unreadable = false;
  /** A record that could not be written yet; `#triedAt` is the time of the last attempt on the monotonic clock. */
  #unwritten: OpenedToken | undefined;
  #triedAt = -Infinity;

  constructor(options: OpenedTokensOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#login = sha256Hex(utf8(JSON.stringify(options.scope))).slice(0, 16);
    this.#file = options.stateFolder === undefined ? undefined : stateFile(options.stateFolder, format);
  }

  /**
   * Locks the file while a token is opened: if two processes find the same token, the second finds the record of the
   * first.
   */
  async lock(signal: AbortSignal): Promise<Disposable | undefined> {
    const { stateFolder, readOnlyState } = this.#options;
    if (stateFolder === undefined || readOnlyState === true) return undefined;
    return await loginLock(`${stateFolder}/.unwrap-${this.#login.slice(0, 8)}.lock`, signal);
  }

  /** Path of the file if the last attempt to read it failed; then a missing record proves nothing. */
  get unreadable(): string | undefined {
    return this.#unreadable ? this.#file?.path : undefined;
  }

  /** The record of the token with this hash, or without a hash the last record of this login. */
  async find(hash?: string): Promise<OpenedTokenRecord | undefined> {
    this.#unreadable = false;
    const found = await this.#file?.read().catch((thrown) => {
      this.#unreadable = true;
      return this.#warn(thrown);
    });
    const ours = (found?.tokens ?? []).filter(({ login }) => login === this.#login);
    const note = hash === undefined ? ours.at(-1) : ours.findLast((one) => one.hash === hash);
    if (note === undefined) return undefined;
    return { hash: note.hash, at: note.at, secret: note.secret === undefined ? undefined : new Secret(note.secret) };
  }

  /**
   * Records that a token was opened at this moment, and drops the stored secrets of tokens that this login opened
   * before.
   *
   * @param secret the secret to store; `undefined` to store none.
   */
  async note(hash: string, secret: Secret | undefined): Promise<void> {
    const value = secret?.reveal();
    const kept = value !== undefined && value.length <= maxSecret ? { secret: value } : {};
    const entry = { login: this.#login, hash, at: this.#clock.wall(), ...kept };
    this.#unwritten = entry;
    this.#triedAt = this.#clock.now();
    const written = await this.#update((tokens) =>
      [...this.#others(tokens, hash).map((one) => this.#without(one)), entry].slice(-maxTokens)
    );
    if (written) this.#unwritten = undefined;
  }

  /**
   * Writes the last record if it could not be written before; at most once a minute, until the folder is usable again.
   */
  async noteAgain(): Promise<void> {
    if (this.#unwritten === undefined || this.#clock.now() - this.#triedAt < againMs) return;
    this.#triedAt = this.#clock.now();
    const written = await this.#update((tokens) =>
      this.#unwritten === undefined ? undefined : this.#inserted(this.#unwritten, tokens)
    );
    if (written) this.#unwritten = undefined;
  }

  /** Drops the stored secrets of this login; the records of its opened tokens stay. */
  async dropSecrets(): Promise<void> {
    if (this.#unwritten !== undefined) this.#unwritten = this.#without(this.#unwritten);
    await this.#update((tokens) =>
      tokens.some((one) => one.login === this.#login && one.secret !== undefined)
        ? tokens.map((one) => this.#without(one))
        : undefined
    );
  }

  /**
   * Inserts a record. If it is older than other records of its login, it comes before them and without its secret: the
   * newer secrets are in use.
   */
  #inserted(entry: OpenedToken, tokens: readonly OpenedToken[]): readonly OpenedToken[] {
    const others = this.#others(tokens, entry.hash);
    const isLast = others.every(({ login, at }) => login !== this.#login || at <= entry.at);
    return (isLast ? [...others.map((one) => this.#without(one)), entry] : [this.#without(entry), ...others])
      .slice(-maxTokens);
  }

  #others(tokens: readonly OpenedToken[], exceptHash: string): readonly OpenedToken[] {
    return tokens.filter(({ login, hash }) => login !== this.#login || hash !== exceptHash);
  }

  #without({ secret, ...one }: OpenedToken): OpenedToken {
    return one.login === this.#login || secret === undefined ? one : { ...one, secret };
  }

  /** @returns whether the file is up to date. */
  async #update(change: (tokens: readonly OpenedToken[]) => readonly OpenedToken[] | undefined): Promise<boolean> {
    const { stateFolder, readOnlyState } = this.#options;
    if (stateFolder === undefined || this.#file === undefined || readOnlyState === true) return true;
    try {
      await updateState(stateFolder, this.#file, (found) => {
        const tokens = change(found?.tokens ?? []);
        return tokens === undefined ? undefined : { tokens };
      });
      return true;
    } catch (thrown) {
      this.#warn(thrown);
      return false;
    }
  }

  #warn(thrown: unknown): undefined {
    if (this.#warned) return;
    this.#warned = true;
    const { provider, notify } = this.#options;
    const message =
      `${toKmsError(thrown).message} Wrapping tokens that provider "${provider}" opens are known to this ` +
      "process alone.";
    notify({ type: "lifecycle", action: "warning", message });
  }
}

function isOpenedToken(value: unknown): value is OpenedToken {
  if (typeof value !== "object" || value === null) return false;
  const { login, hash, at, secret }: { [Name in keyof OpenedToken]?: unknown } = value;
  return typeof login === "string" && /^[0-9a-f]{16}$/.test(login) && typeof hash === "string" &&
    /^[0-9a-f]{64}$/.test(hash) && typeof at === "number" && at >= 0 && at < 8.64e15 &&
    (secret === undefined || (typeof secret === "string" && secret.length <= maxSecret));
}
