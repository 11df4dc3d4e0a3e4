/**
 * The wrapping tokens that this node has opened: `wrapping-tokens.json` in the state folder.
 *
 * A wrapping token opens once. The notes distinguish a token that this node has spent from one that another client has
 * opened. The note has a hash of the token: a token has 120 random bits or more, so that the hash confirms no guess.
 * The secret of the token is kept only if the configuration has `auth.keepUnwrapped`.
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

/** A wrapping token that was opened here, as it stands in the file. */
interface OpenedToken {
  /** The login that it was opened for: 16 hexadecimal digits. */
  readonly login: string;
  /** The hash of the token: 64 hexadecimal digits. */
  readonly hash: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** The secret of the token; left out where it is not kept, or was refused since. */
  readonly secret?: string;
}

interface Opened {
  /** Oldest first. */
  readonly tokens: readonly OpenedToken[];
}

/** The note of one wrapping token. */
export interface OpenedNote {
  readonly hash: string;
  /** When it was opened, in milliseconds since the epoch. */
  readonly at: number;
  /** Its content where that is kept. */
  readonly secret: Secret | undefined;
}

const maxTokens = 32;
/** Milliseconds between two tries to write a note that could not be written. */
const againMs = 60_000;
/** Characters of a secret that is kept; a secret ID has 36, a token of Vault's about 100, of Enterprise up to some 4,000. */
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

/** Which login the notes are of, and where they are kept. */
export interface OpenedTokensOptions {
  readonly provider: string;
  readonly notify: Notify;
  /** Without one, nothing is kept beyond this process. */
  readonly stateFolder?: string | undefined;
  /** Whether the folder is only read. */
  readonly keepsStateAsItIs?: boolean | undefined;
  /** The identity of the login. Providers that read the same file for the same mount share notes. */
  readonly scope: readonly string[];
  readonly clock?: Clock;
}

/** The hash by which a wrapping token is found again. */
export function hashOf(token: Secret): string {
  return sha256Hex(lengthPrefixed(utf8("trousseau-wrapping-token-1"), utf8(token.reveal())));
}

/** The notes of one login. A folder that cannot be used costs a warning, and never a login. */
export class OpenedTokens {
  readonly #options: OpenedTokensOptions;
  readonly #clock: Clock;
  readonly #login: string;
  readonly #file: StateFile<Opened> | undefined;
  #warned = false;
  #unreadable = false;
  /** A note that could not be written, and when that was tried last, on the monotonic clock. */
  #unwritten: OpenedToken | undefined;
  #triedAt = -Infinity;

  constructor(options: OpenedTokensOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#login = sha256Hex(utf8(JSON.stringify(options.scope))).slice(0, 16);
    this.#file = options.stateFolder === undefined ? undefined : stateFile(options.stateFolder, format);
  }

  /** Held while a token is opened: of two processes that find the same one, the second finds the note of the first. */
  async lock(signal: AbortSignal): Promise<Disposable | undefined> {
    const { stateFolder, keepsStateAsItIs } = this.#options;
    if (stateFolder === undefined || keepsStateAsItIs === true) return undefined;
    return await loginLock(`${stateFolder}/.unwrap-${this.#login.slice(0, 8)}.lock`, signal);
  }

  /** The path of the file, if it could not be read when it was last looked into: a token without a note means nothing then. */
  get unreadable(): string | undefined {
    return this.#unreadable ? this.#file?.path : undefined;
  }

  /** The note of a token, or of the last one that this login opened if no hash is given. */
  async find(hash?: string): Promise<OpenedNote | undefined> {
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
   * Notes that a token was opened now. The secrets of tokens that this login opened before are dropped.
   *
   * @param secret its content where that shall be kept.
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

  /** Writes the last note if it could not be written then: once a minute at most, until the folder can be used again. */
  async noteAgain(): Promise<void> {
    if (this.#unwritten === undefined || this.#clock.now() - this.#triedAt < againMs) return;
    this.#triedAt = this.#clock.now();
    const written = await this.#update((tokens) =>
      this.#unwritten === undefined ? undefined : this.#inserted(this.#unwritten, tokens)
    );
    if (written) this.#unwritten = undefined;
  }

  /** Forgets the secrets of this login, not that their tokens were opened. */
  async dropSecrets(): Promise<void> {
    if (this.#unwritten !== undefined) this.#unwritten = this.#without(this.#unwritten);
    await this.#update((tokens) =>
      tokens.some((one) => one.login === this.#login && one.secret !== undefined)
        ? tokens.map((one) => this.#without(one))
        : undefined
    );
  }

  /** An older note than others of its login stands before them, without its secret: theirs are the ones in use. */
  #inserted(entry: OpenedToken, tokens: readonly OpenedToken[]): readonly OpenedToken[] {
    const others = this.#others(tokens, entry.hash);
    const isLast = others.every(({ login, at }) => login !== this.#login || at <= entry.at);
    return (isLast ? [...others.map((one) => this.#without(one)), entry] : [this.#without(entry), ...others])
      .slice(-maxTokens);
  }

  #others(tokens: readonly OpenedToken[], asked: string): readonly OpenedToken[] {
    return tokens.filter(({ login, hash }) => login !== this.#login || hash !== asked);
  }

  #without({ secret, ...one }: OpenedToken): OpenedToken {
    return one.login === this.#login || secret === undefined ? one : { ...one, secret };
  }

  /** @returns whether the file is as it should be. */
  async #update(change: (tokens: readonly OpenedToken[]) => readonly OpenedToken[] | undefined): Promise<boolean> {
    const { stateFolder, keepsStateAsItIs } = this.#options;
    if (stateFolder === undefined || this.#file === undefined || keepsStateAsItIs === true) return true;
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
