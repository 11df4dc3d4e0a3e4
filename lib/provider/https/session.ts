/**
 * The token that all calls of one provider share: got once, renewed in time, replaced before it dies.
 *
 * @module
 */
import { systemClock } from "../../clock.ts";
import { abortError, deadline, jittered, orAborted } from "../../deadline.ts";
import { errorCodes, type KmsError, toKmsError } from "../../errors.ts";
import type { Notify, Result } from "../../events.ts";
import type { Reloads } from "../../reloads.ts";
import type { Secret, SecretSource } from "../../secret.ts";
import type { HttpCall } from "./endpoint.ts";
import { HeldLogin } from "./login_holds.ts";

/** What a login gives. */
export interface Grant {
  readonly token: Secret;
  /** How long the token lives from now, in milliseconds; `undefined` where it never expires. */
  readonly ttlMs: number | undefined;
  readonly renewable: boolean;
}

/** What a renewal gives: how long the token lives from now, or that it was refused, so that a login is due. */
export type Renewal = { readonly ttlMs: number | undefined } | { readonly refused: KmsError };

/** How a vendor's tokens are got. */
export interface TokenSettings {
  readonly provider: string;
  /** The login method's name, for events. */
  readonly method: string;
  readonly notify: Notify;
  /**
   * Reads the credential anew and logs in with it.
   *
   * @throws {KmsError} `unauthenticated` if the login is refused, else why it could not be tried; a {@linkcode HeldLogin}
   *   where the same credential shall not be sent again soon.
   */
  readonly login: (call: HttpCall) => Promise<Grant>;
  /** For tokens that are renewable. */
  readonly renew?: (token: Secret, call: HttpCall) => Promise<Renewal>;
  /** Where the token itself is what the operator gives: its source, watched between logins. */
  readonly tokenSource?: SecretSource | undefined;
  /** When to log in again with credentials that are read anew. */
  readonly reloads: Reloads | undefined;
}

/** A token in use. */
interface Lease {
  readonly token: Secret;
  readonly renewable: boolean;
  /** What the login granted; a renewal that grants much less means that the token's maximum is near. */
  readonly fullMs: number | undefined;
  /** Milliseconds since the epoch; `undefined` where the token never expires. */
  readonly expiresAt: number | undefined;
}

/** One login or renewal, all its requests together. */
const loginMs = 10_000;
/** Between two logins that a refused call brought about: a fresh token that is refused too is no reason to log in again. */
const cooldownMs = 10_000;
/** How often a token's source is looked at, at most. */
const lookMs = 1_000;
/** A renewal that grants less than this share of the first grant runs into the token's maximum. */
const fullShare = 0.75;
/** The shares of its lifetime after which a token is renewed, or replaced if it cannot be renewed. */
const renewAt = 0.55;
const replaceAt = 0.7;
/** Waits after failed logins, in milliseconds. What may lock an account waits longer: see `login_holds.ts`. */
const backoff = { refused: { first: 1_000, most: 60_000 }, failed: { first: 100, most: 5_000 } } as const;

/** Logs in at the first request, and never twice at once. */
export class TokenSession implements AsyncDisposable {
  readonly #settings: TokenSettings;
  readonly #action: string;
  readonly #closing = new AbortController();
  readonly #reloads: Disposable | undefined;
  #lease: Lease | undefined;
  #loggingIn: Promise<Lease> | undefined;
  #upkeep: Promise<void> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #failed: { readonly error: KmsError; readonly until: number } | undefined;
  #cooledAt = 0;
  #lookedAt = 0;

  constructor(settings: TokenSettings) {
    this.#settings = settings;
    this.#action = `log in with provider "${settings.provider}"`;
    this.#reloads = settings.reloads?.subscribe(() => this.#reload());
  }

  /**
   * Sends a request with the token. Where the answer says that it is not taken, it is sent a second time with a new one.
   *
   * @returns whatever was answered in the end, a refusal too.
   * @throws {KmsError} as `send`, or what the login said.
   */
  async request<Answer>(
    send: (token: Secret) => Promise<Answer>,
    refused: (answer: Answer) => boolean,
    call: HttpCall,
  ): Promise<Answer> {
    const lease = await this.#current(call);
    const answer = await send(lease.token);
    if (!refused(answer)) return answer;
    const next = await this.#afterRefusal(lease, call);
    return next === undefined ? answer : await send(next.token);
  }

  /** Stops renewals and waits for what is under way. The token is left to expire: a restart is not worth a call. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#reloads?.[Symbol.dispose]();
    this.#closing.abort();
    clearTimeout(this.#timer);
    await Promise.allSettled([this.#loggingIn, this.#upkeep]);
    this.#lease = undefined;
  }

  async #current(call: HttpCall): Promise<Lease> {
    await this.#look();
    const lease = this.#lease;
    if (lease !== undefined && (lease.expiresAt === undefined || lease.expiresAt > systemClock.now())) return lease;
    return await orAborted(this.#login(), call.signal, call.action);
  }

  /** The token to try after one was refused; `undefined` while the cool-down says that another login would not help. */
  async #afterRefusal(refused: Lease, call: HttpCall): Promise<Lease | undefined> {
    if (this.#loggingIn === undefined) {
      if (this.#lease !== undefined && !this.#lease.token.equals(refused.token)) return this.#lease;
      if (systemClock.now() < this.#cooledAt) return undefined;
      this.#cooledAt = systemClock.now() + cooldownMs;
      this.#lease = undefined;
    }
    return await orAborted(this.#login(), call.signal, call.action);
  }

  /** Where the operator gives the token itself: takes up another one soon, and uses the old one until it is known. */
  async #look(): Promise<void> {
    const source = this.#settings.tokenSource;
    const lease = this.#lease;
    if (source === undefined || lease === undefined || systemClock.now() - this.#lookedAt < lookMs) return;
    this.#lookedAt = systemClock.now();
    // A source that cannot be read just now is no reason to stop using the token that is held.
    const token = await source.read().catch(() => lease.token);
    if (!token.equals(lease.token) && this.#lease === lease) this.#login().catch(() => {});
  }

  /** Logs in at once, with the old token in use until there is a new one; without one, the next call logs in. */
  #reload(): void {
    // A refused login keeps its pause: repeated, it may lock an account.
    if (this.#failed !== undefined && !errorCodes[this.#failed.error.code].refusal) this.#failed = undefined;
    this.#cooledAt = 0;
    if (this.#lease !== undefined) this.#login().catch(() => {});
  }

  /** Joins the login under way or begins one; after a failure, not before its back-off is over. */
  #login(): Promise<Lease> {
    if (this.#loggingIn !== undefined) return this.#loggingIn;
    if (this.#closing.signal.aborted) return Promise.reject(abortError(this.#closing.signal, this.#action));
    if (this.#failed !== undefined && systemClock.now() < this.#failed.until) return Promise.reject(this.#failed.error);
    this.#loggingIn = this.#loginOnce().finally(() => this.#loggingIn = undefined);
    return this.#loggingIn;
  }

  async #loginOnce(): Promise<Lease> {
    using bounded = deadline(loginMs, this.#closing.signal);
    const call = { signal: bounded.signal, action: this.#action };
    const started = performance.now();
    try {
      const askedAt = systemClock.now();
      const grant = await this.#settings.login(call);
      this.#failures = 0;
      this.#failed = undefined;
      this.#lookedAt = askedAt;
      this.#tellLogin("ok", started);
      return this.#adopt(grant, grant.ttlMs, askedAt);
    } catch (thrown) {
      const error = toKmsError(thrown);
      this.#failed = { error, until: systemClock.now() + this.#pauseAfter(error) };
      // A credential that is held back was not sent: that is no login.
      if (!(error instanceof HeldLogin) || error.tried) this.#tellLogin(error.code, started, error.message);
      throw error;
    }
  }

  /** How long callers are given the same error. Soon after, a held login looks whether its credential has changed. */
  #pauseAfter(error: KmsError): number {
    if (error instanceof HeldLogin) return lookMs;
    const wait = errorCodes[error.code].refusal ? backoff.refused : backoff.failed;
    return jittered(Math.min(wait.most, wait.first * 2 ** this.#failures++), 0.2);
  }

  #adopt(grant: Grant, fullMs: number | undefined, askedAt: number): Lease {
    const expiresAt = grant.ttlMs === undefined ? undefined : askedAt + grant.ttlMs;
    const lease = { token: grant.token, renewable: grant.renewable, fullMs, expiresAt };
    this.#lease = lease;
    this.#settings.notify({ type: "token_lifetime", provider: this.#settings.provider, expiresAt });
    if (grant.ttlMs !== undefined) this.#schedule(grant.ttlMs * jittered(grant.renewable ? renewAt : replaceAt, 0.1));
    return lease;
  }

  #schedule(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#closing.signal.aborted) return;
    // A timer holds at most 2^31-1 milliseconds; a token that lives longer is renewed early.
    this.#timer = setTimeout(() => {
      this.#upkeep = this.#keepUp().catch(() => this.#scheduleAgain());
    }, Math.min(Math.max(ms, 250), 2 ** 31 - 1));
  }

  /** After a failed renewal or login: again within the time that the token still has; after that, calls log in. */
  #scheduleAgain(): void {
    const left = (this.#lease?.expiresAt ?? 0) - systemClock.now();
    if (left > 0) this.#schedule(Math.min(jittered(left / 4, 0.2) + 50, backoff.refused.most));
  }

  async #keepUp(): Promise<void> {
    const lease = this.#lease;
    if (lease === undefined) return;
    if (!lease.renewable || !await this.#renew(lease)) await this.#login();
  }

  /** @returns whether the token lives on as long as it did at first; if not, it is time for another one. */
  async #renew(lease: Lease): Promise<boolean> {
    const { provider, renew } = this.#settings;
    if (renew === undefined) return false;
    using bounded = deadline(loginMs, this.#closing.signal);
    const call = { signal: bounded.signal, action: `renew the token of provider "${provider}"` };
    const started = performance.now();
    try {
      const askedAt = systemClock.now();
      const renewal = await renew(lease.token, call);
      if ("refused" in renewal) return this.#tellRenewed(renewal.refused, started);
      const ttlMs = lease.fullMs === undefined ? renewal.ttlMs : renewal.ttlMs ?? 0;
      this.#tellRenewed(undefined, started);
      if (this.#lease !== lease) return true;
      this.#adopt({ token: lease.token, renewable: true, ttlMs }, lease.fullMs, askedAt);
      return ttlMs === undefined || lease.fullMs === undefined || ttlMs >= lease.fullMs * fullShare;
    } catch (thrown) {
      this.#tellRenewed(toKmsError(thrown), started);
      throw thrown;
    }
  }

  #tellLogin(result: Result, started: number, message?: string): void {
    const { provider, method, notify } = this.#settings;
    const seconds = (performance.now() - started) / 1000;
    notify({ type: "login", provider, method, result, seconds, ...(message === undefined ? {} : { message }) });
  }

  #tellRenewed(error: KmsError | undefined, started: number): boolean {
    const { provider, notify } = this.#settings;
    const seconds = (performance.now() - started) / 1000;
    const message = error === undefined ? {} : { message: error.message };
    notify({ type: "token_renewed", provider, result: error?.code ?? "ok", seconds, ...message });
    return error === undefined;
  }
}
