/**
 * The token that all calls of one provider share: got once, renewed in time, replaced before it dies.
 *
 * @module
 */
import { type Clock, deadlineBy } from "../../base/clock.ts";
import { abortError, backoff, jittered, orAborted } from "../../base/deadline.ts";
import { errorCodes, KmsError, toKmsError } from "../../base/errors.ts";
import type { Result } from "../../telemetry/events.ts";
import type { Secret } from "../../base/secret.ts";
import type { HttpCall } from "./endpoint.ts";
import { type Comparable, Lease } from "./lease.ts";
import { HeldLogin } from "./login_holds.ts";
import { RefusedKinds } from "./refused_kinds.ts";
import type { TokenSettings, TokenVerdict } from "./token_settings.ts";

export type { Grant } from "./lease.ts";
export type { Renewal, TokenVerdict } from "./token_settings.ts";

/** One login or renewal, all its requests together. */
const loginMs = 10_000;
/** After a login that a refused call brought about: a token that has never served is then no reason to log in again. */
const cooldownMs = 10_000;
/** How often a token's source is looked at, at most. */
const lookMs = 1_000;
/** A renewal that grants less than this share of the first grant runs into the token's maximum. */
const fullShare = 0.75;
/** The shares of its lifetime after which a token is renewed, or replaced if it cannot be renewed. */
const renewAt = 0.55;
const replaceAt = 0.7;
/** Waits after failed logins, in milliseconds. What may lock an account waits longer: see `login_holds.ts`. */
const pauses = {
  refused: { first: 1_000, most: 60_000 },
  failed: { first: 100, most: 5_000 },
} as const;
/** So many throttled logins in a row, 3 s in all, are so close together that a call finds one shortly before its end. */
const quickLogins = { count: 8, maxMs: 500 } as const;
/** A pause that the login's server asks for counts up to here: a wrong one must not keep a node from its key. */
const maxAskedMs = 60_000;

/**
 * Logs in at the first request, and never twice at once.
 *
 * @typeParam Credential what requests are sent with: a `Secret`, or a credential of several parts.
 */
export class TokenSession<Credential extends Comparable<Credential> = Secret> implements AsyncDisposable {
  readonly #settings: TokenSettings<Credential>;
  readonly #clock: Clock;
  readonly #action: string;
  readonly #closing = new AbortController();
  readonly #reloads: Disposable | undefined;
  #lease: Lease<Credential> | undefined;
  #loggingIn: Promise<Lease<Credential>> | undefined;
  #upkeep: Promise<void> | undefined;
  #callOff = () => {};
  #failures = 0;
  #failed: { readonly error: KmsError; readonly until: number } | undefined;
  #cooledUntil = -Infinity;
  #lookedAt = -Infinity;
  /** Whether a reload waits for its login. */
  #anew = false;
  readonly #kinds = new RefusedKinds();

  constructor(settings: TokenSettings<Credential>) {
    this.#settings = settings;
    this.#clock = settings.clock;
    this.#action = `log in with provider "${settings.provider}"`;
    this.#reloads = settings.reloads?.subscribe(() => this.#reload());
  }

  /**
   * Sends a request with the token. Where the answer says that it is not taken, it is sent a second time with a new one,
   * unless another login would not help.
   *
   * @param kind the operation and the key: requests of one kind need the same right.
   * @returns the last answer, a refusal too.
   * @throws {KmsError} as `send`, or what the login said.
   */
  async request<Answer>(
    kind: string,
    send: (token: Credential) => Promise<Answer>,
    verdict: (answer: Answer) => TokenVerdict,
    call: HttpCall,
  ): Promise<Answer> {
    const lease = await this.#take(call);
    const answer = await send(lease.token);
    if (this.#judge(verdict(answer), lease, kind) !== "refused") return answer;
    if (!await this.#replaced(lease, kind, call)) return answer;
    const next = await this.#take(call);
    const second = await send(next.token);
    if (this.#judge(verdict(second), next, kind) === "refused") this.#kinds.refused(kind, this.#clock.now());
    return second;
  }

  /** Stops renewals and waits for what is under way. The token is left to expire: a restart is not worth a call. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#reloads?.[Symbol.dispose]();
    this.#closing.abort();
    this.#callOff();
    await Promise.allSettled([this.#loggingIn, this.#upkeep]);
    this.#lease = undefined;
  }

  #judge(verdict: TokenVerdict, lease: Lease<Credential>, kind: string): TokenVerdict {
    if (verdict === "served") {
      lease.served = true;
      this.#kinds.served(kind);
    }
    return verdict;
  }

  /** A token for one request, which is counted. The last use of a token begins the next login, so that no call waits. */
  async #take(call: HttpCall): Promise<Lease<Credential>> {
    await this.#look();
    let lease = this.#lease;
    if (lease?.isExpired(this.#clock.now())) lease = undefined;
    // Of the calls that wait for one login, some may find all uses of its token taken.
    while (!lease?.hasUses) lease = await orAborted(this.#login(), call.signal, call.action);
    lease.spend();
    if (!lease.hasUses) this.#login().catch(() => {});
    return lease;
  }

  /**
   * Replaces the token that was refused. It stays until there is another one: it may still serve other requests.
   *
   * @returns whether there is another one; false where another login would not help.
   * @throws {KmsError} the login's error.
   */
  async #replaced(refused: Lease<Credential>, kind: string, call: HttpCall): Promise<boolean> {
    if (this.#loggingIn === undefined) {
      const now = this.#clock.now();
      if (this.#lease !== undefined && !this.#lease.token.equals(refused.token)) return true;
      if (!this.#kinds.mayHelp(kind, now)) return false;
      if (!refused.served && now < this.#cooledUntil) return false;
      this.#cooledUntil = now + cooldownMs;
    }
    await orAborted(this.#login(), call.signal, call.action);
    return true;
  }

  /** Where the operator gives the token itself: takes up another one soon, and uses the old one until it is known. */
  async #look(): Promise<void> {
    const source = this.#settings.tokenSource;
    const lease = this.#lease;
    if (source === undefined || lease === undefined || this.#clock.now() - this.#lookedAt < lookMs) return;
    this.#lookedAt = this.#clock.now();
    // A source that cannot be read just now is no reason to stop using the token that is held.
    const token = await source.read().catch(() => lease.token);
    if (!token.equals(lease.token) && this.#lease === lease) this.#login().catch(() => {});
  }

  /** Logs in, with the old token in use until there is a new one; without one, the next call logs in. */
  #reload(): void {
    // A refused login keeps its pause: repeated, it may lock an account.
    if (this.#failed !== undefined && !errorCodes[this.#failed.error.code].refusal) this.#failed = undefined;
    this.#cooledUntil = -Infinity;
    this.#kinds.clear();
    this.#loginAnew().catch(() => {});
  }

  /**
   * After a login under way, which may have read its credential before, and after the pause of a refused one. Of several
   * that wait, one goes on.
   */
  async #loginAnew(): Promise<void> {
    if (this.#anew) return;
    this.#anew = true;
    await this.#loggingIn?.catch(() => {});
    const waitMs = (this.#failed?.until ?? -Infinity) - this.#clock.now();
    // A timer may fire within the millisecond before its time.
    if (waitMs > 0) await this.#clock.sleep(waitMs + 1, this.#closing.signal);
    this.#anew = false;
    if (this.#lease !== undefined) await this.#login();
  }

  /** Joins the login under way or begins one; after a failure, not before its back-off is over. */
  #login(): Promise<Lease<Credential>> {
    if (this.#loggingIn !== undefined) return this.#loggingIn;
    if (this.#closing.signal.aborted) return Promise.reject(abortError(this.#closing.signal, this.#action));
    const error = this.#heldBack();
    if (error !== undefined) return Promise.reject(error);
    this.#loggingIn = this.#loginOnce().finally(() => this.#loggingIn = undefined);
    return this.#loggingIn;
  }

  /** The last login's failure while it is too soon for another one; with `retryAfterMs` if the server was busy. */
  #heldBack(): KmsError | undefined {
    const waitMs = (this.#failed?.until ?? -Infinity) - this.#clock.now();
    if (this.#failed === undefined || waitMs <= 0) return undefined;
    const { error } = this.#failed;
    if (error.code !== "throttled") return error;
    return new KmsError(error.code, error.message, { cause: error, retryAfterMs: waitMs });
  }

  async #loginOnce(): Promise<Lease<Credential>> {
    using bounded = deadlineBy(this.#clock, loginMs, this.#closing.signal);
    const call = { signal: bounded.signal, action: this.#action };
    const askedAt = this.#clock.now();
    try {
      const grant = await this.#settings.login(call);
      this.#failures = 0;
      this.#failed = undefined;
      this.#lookedAt = askedAt;
      this.#tellLogin("ok", askedAt);
      this.#lease = new Lease(grant, askedAt);
      this.#keep(this.#lease, grant.ttlMs);
      return this.#lease;
    } catch (thrown) {
      const error = toKmsError(thrown);
      this.#failed = { error, until: this.#clock.now() + this.#pauseAfter(error) };
      // A credential that is held back was not sent: that is no login.
      if (!(error instanceof HeldLogin) || error.tried) this.#tellLogin(error.code, askedAt, error.message);
      throw error;
    }
  }

  /** How long callers are given the same error. Soon after, a held login looks whether its credential has changed. */
  #pauseAfter(error: KmsError): number {
    if (error instanceof HeldLogin) return lookMs;
    const { first, most } = errorCodes[error.code].refusal ? pauses.refused : pauses.failed;
    const isQuick = error.code === "throttled" && this.#failures < quickLogins.count;
    const pause = backoff(this.#failures++, first, isQuick ? quickLogins.maxMs : most);
    return Math.max(Math.min(error.retryAfterMs ?? 0, maxAskedMs), jittered(pause, 0.2));
  }

  /** Reports the lifetime of a token, and schedules its renewal or replacement. */
  #keep({ expiresAt, renewable }: Lease<Credential>, ttlMs: number | undefined): void {
    this.#settings.notify({ type: "token_lifetime", provider: this.#settings.provider, expiresAt });
    if (ttlMs !== undefined) this.#schedule(ttlMs * jittered(renewable ? renewAt : replaceAt, 0.1));
  }

  #schedule(ms: number): void {
    this.#callOff();
    if (this.#closing.signal.aborted) return;
    // A timer holds at most 2^31-1 milliseconds; a token that lives longer is renewed early.
    this.#callOff = this.#clock.after(Math.min(Math.max(ms, 250), 2 ** 31 - 1), () => {
      this.#upkeep = this.#keepUp().catch(() => this.#scheduleAgain());
    });
  }

  /** After a failed renewal or login: again within the time that the token still has; after that, calls log in. */
  #scheduleAgain(): void {
    const left = (this.#lease?.expiresAt ?? 0) - this.#clock.now();
    if (left > 0) this.#schedule(Math.min(jittered(left / 4, 0.2) + 50, pauses.refused.most));
  }

  async #keepUp(): Promise<void> {
    const lease = this.#lease;
    if (lease === undefined) return;
    if (!lease.canRenew || !await this.#renew(lease)) await this.#login();
  }

  /** @returns whether the token lives on as long as it did at first; if not, it is time for another one. */
  async #renew(lease: Lease<Credential>): Promise<boolean> {
    const { provider, renew } = this.#settings;
    if (renew === undefined) return false;
    using bounded = deadlineBy(this.#clock, loginMs, this.#closing.signal);
    const call = { signal: bounded.signal, action: `renew the token of provider "${provider}"` };
    const askedAt = this.#clock.now();
    lease.spend();
    try {
      const renewal = await renew(lease.token, call);
      if ("refused" in renewal) return this.#tellRenewed(renewal.refused, askedAt);
      const ttlMs = lease.fullMs === undefined ? renewal.ttlMs : renewal.ttlMs ?? 0;
      this.#tellRenewed(undefined, askedAt);
      if (this.#lease !== lease) return true;
      lease.expiresAt = ttlMs === undefined ? undefined : askedAt + ttlMs;
      this.#keep(lease, ttlMs);
      return ttlMs === undefined || lease.fullMs === undefined || ttlMs >= lease.fullMs * fullShare;
    } catch (thrown) {
      this.#tellRenewed(toKmsError(thrown), askedAt);
      throw thrown;
    }
  }

  #tellLogin(result: Result, askedAt: number, message?: string): void {
    const { provider, method, notify } = this.#settings;
    const seconds = (this.#clock.now() - askedAt) / 1000;
    notify({ type: "login", provider, method, result, seconds, ...(message === undefined ? {} : { message }) });
  }

  #tellRenewed(error: KmsError | undefined, askedAt: number): boolean {
    const { provider, notify } = this.#settings;
    const seconds = (this.#clock.now() - askedAt) / 1000;
    const message = error === undefined ? {} : { message: error.message };
    notify({ type: "token_renewed", provider, result: error?.code ?? "ok", seconds, ...message });
    return error === undefined;
  }
}
