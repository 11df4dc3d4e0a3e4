/**
 * Secrets in a response-wrapping token, which can be opened once (Vault, "Response wrapping").
 *
 * @module
 */
import { type Clock, systemClock } from "../../base/clock.ts";
import { KmsError } from "../../base/errors.ts";
import { Secret, type SecretSource } from "../../base/secret.ts";
import { field } from "../../net/https/fields.ts";
import { readForLogin } from "../../net/https/logins.ts";
import { unacceptable } from "../../net/https/refusals.ts";
import { NotTried } from "../not_tried.ts";
import { vaultLoginRefusal } from "./errors.ts";
import type { VaultAnswer } from "./http.ts";
import type { LoginCall } from "./login.ts";
import { hashOf, type OpenedTokenRecord, type OpenedTokens } from "./opened_tokens.ts";

/** The kind of secret that a wrapping token must contain. */
export interface WrappedKind {
  /** Name of the secret in messages. */
  readonly content: "secret ID" | "token";
  /** The path that creates such a secret, as an operator writes it. */
  readonly madeBy: string;
  /** Whether a `creation_path` creates such a secret. */
  readonly isMadeBy: (path: string) => boolean;
  /** Extracts the secret from the response of `sys/wrapping/unwrap`. */
  readonly take: (body: unknown) => unknown;
}

/** Secret IDs of one AppRole mount. */
export function wrappedSecretId(mount: string): WrappedKind {
  const [start, end] = [`auth/${mount}/role/`, /^[^/]+\/(custom-)?secret-id$/];
  return {
    content: "secret ID",
    madeBy: `${start}<role>/secret-id`,
    isMadeBy: (path) => path.startsWith(start) && end.test(path.slice(start.length)),
    take: (body) => field(field(body, "data"), "secret_id"),
  };
}

/** Tokens that were created, or returned by a login. */
export const wrappedToken: WrappedKind = {
  content: "token",
  madeBy: "auth/token/create or a login",
  isMadeBy: (path) => /^auth\/(token\/create(-orphan|\/[^/]+)?|.+\/login(\/[^/]+)?)$/.test(path),
  take: (body) => field(field(body, "auth"), "client_token"),
};

/** Paths that create other secrets, as patterns with their names in messages; any other path is "another path". */
const otherPaths: readonly (readonly [pattern: RegExp, words: string])[] = [
  [/^sys\/wrapping\/wrap$/, "sys/wrapping/wrap"],
  [/^auth\/.+\/role\/[^/]+\/(custom-)?secret-id$/, "the secret-id path of an AppRole"],
  [/^auth\/token\/create/, "auth/token/create"],
];

/** The dependencies of a {@linkcode WrappedSecret}. */
export interface WrappedSecretOptions {
  /** Source of the wrapping token. */
  readonly source: SecretSource;
  readonly kind: WrappedKind;
  /** The configured namespace; a creation path may begin with it. */
  readonly namespace: string | undefined;
  /** Records of opened wrapping tokens. */
  readonly tokens: OpenedTokens;
  /** Whether the secret is stored in the state folder for the next start. */
  readonly keep: boolean;
  /** Whether a wrapping token is only looked up and never opened, as in a check. */
  readonly spare: boolean;
  readonly clock?: Clock;
}

/** The secret in a wrapping token. The token is opened once; the secret is used until another token replaces it. */
export class WrappedSecret {
  readonly #options: WrappedSecretOptions;
  readonly #clock: Clock;
  #opened: { readonly hash: string; readonly secret: Secret } | undefined;

  constructor(options: WrappedSecretOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /**
   * The secret, from the first of: this process, the state folder, the wrapping token.
   *
   * @throws {KmsError} `unauthenticated` if the token is used up, expired, or was not created by the path of its kind;
   *   `NotTried` if it is valid and must not be used up.
   */
  async read(call: LoginCall): Promise<Secret> {
    const token = await readForLogin(this.#options.source, call.action).catch((error) => error as KmsError);
    // The wrapping token may have been removed after its use.
    const hash = token instanceof Secret ? hashOf(token) : undefined;
    const opened = this.#opened;
    if (opened !== undefined && (hash === undefined || hash === opened.hash)) {
      await this.#options.tokens.noteAgain();
      return opened.secret;
    }
    using _lock = await this.#options.tokens.lock(call.signal);
    const note = await this.#options.tokens.find(hash);
    if (note?.secret !== undefined) {
      if (this.#options.keep) return this.#use(note.hash, note.secret);
      await this.#options.tokens.dropSecrets();
    }
    if (!(token instanceof Secret)) throw token;
    return await this.#open(token, note, call);
  }

  /** Records that Vault refused the secret, so that the next start does not try it again. */
  async refused(): Promise<void> {
    await this.#options.tokens.dropSecrets();
  }

  /**
   * The source for `Authenticator.tokenSource`.
   *
   * @param current the token in use.
   */
  watched(current: () => Secret | undefined): SecretSource {
    const { source } = this.#options;
    return {
      description: source.description,
      read: async () => {
        await this.#options.tokens.noteAgain();
        const token = await source.read();
        return this.#opened?.hash === hashOf(token) ? current() ?? token : token;
      },
    };
  }

  async #open(token: Secret, note: OpenedTokenRecord | undefined, call: LoginCall): Promise<Secret> {
    const { kind, spare, tokens, keep } = this.#options;
    const until = await this.#verify(token, note, call);
    if (spare) throw new NotTried(this.#spared(until, call));
    // The first address to try is the one that just answered the lookup.
    const unwrap = { method: "POST", path: "sys/wrapping/unwrap", token, once: true, patient: true } as const;
    const answer = await call.ask(unwrap);
    if (answer.status !== 200) throw this.#spent(answer, note, call);
    const secret = kind.take(answer.body);
    if (typeof secret !== "string") throw unacceptable(call.action, `the wrapping token holds no ${kind.content}`);
    const held = this.#use(hashOf(token), new Secret(secret));
    await tokens.note(hashOf(token), keep ? held : undefined);
    return held;
  }

  #use(hash: string, secret: Secret): Secret {
    this.#opened = { hash, secret };
    return secret;
  }

  /**
   * Looks the token up without using it up: it is sent in the body, since a request with it in a header would use it
   * up.
   *
   * @returns its expiry in milliseconds since the epoch.
   */
  async #verify(token: Secret, note: OpenedTokenRecord | undefined, call: LoginCall): Promise<number> {
    const body = { token: token.reveal() };
    const answer = await call.ask({ method: "POST", path: "sys/wrapping/lookup", body });
    if (answer.status !== 200) throw this.#spent(answer, note, call);
    const data = field(answer.body, "data");
    const [path, made, ttl] = ["creation_path", "creation_time", "creation_ttl"].map((name) => field(data, name));
    if (typeof path !== "string" || !this.#isMadeRight(path)) throw this.#misMade(path, call);
    const until = Date.parse(String(made)) + Number(ttl) * 1000;
    // The time is for display only: a response without one is no reason to refuse a token that Vault accepts.
    return Number.isFinite(until) && until < 8.64e15 ? until : this.#clock.wall();
  }

  #isMadeRight(path: string): boolean {
    const { kind, namespace } = this.#options;
    return kind.isMadeBy(path) ||
      (namespace !== undefined && path.startsWith(`${namespace}/`) && kind.isMadeBy(path.slice(namespace.length + 1)));
  }

  #misMade(path: unknown, { action }: LoginCall): KmsError {
    const { source: { description }, kind } = this.#options;
    const other = otherPaths.find(([pattern]) => pattern.test(String(path)))?.[1] ?? "another path";
    return new KmsError(
      "unauthenticated",
      `Cannot ${action}: the wrapping token in ${description} was made by ${other}, not by ${kind.madeBy}: it may have ` +
        "been intercepted and wrapped again; it was not opened, so look into Vault's audit log, and put a new one there.",
    );
  }

  #spent(answer: VaultAnswer, note: OpenedTokenRecord | undefined, { action }: LoginCall): KmsError {
    const { source: { description }, keep, kind, tokens: { unreadable } } = this.#options;
    const ours = unreadable !== undefined
      ? `whether this node opened it is not known, since ${unreadable} cannot be used; put a new one there`
      : note === undefined
      ? "this node has no note of opening it: if the token is no wrapping token, leave out auth.wrapped; unless another " +
        "start of yours opened it, somebody else has, so look into Vault's audit log, and put a new one there"
      : `this node opened it at ${minuteOf(note.at)}: ` +
        (keep
          ? `the ${kind.content} in it is not kept any more, so put a new one there`
          : "put a new one there for each start, or set auth.keepUnwrapped: true");
    const hint = `the wrapping token in ${description} was used already, or has expired; ${ours}`;
    return vaultLoginRefusal(answer, action, { hint });
  }

  #spared(until: number, { action }: LoginCall): string {
    const { source: { description }, keep, kind } = this.#options;
    const next = keep ? "the next start opens it and keeps what it holds" : "each start needs a new one";
    return `Trousseau did not ${action}, since that would spend the wrapping token in ${description}, which is good until ` +
      `${minuteOf(until)} and was made by ${kind.madeBy}; ${next}.`;
  }
}

/**
 * A time in the form `2026-11-30 18:42 UTC`.
 *
 * @param ms milliseconds since the epoch.
 */
function minuteOf(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
