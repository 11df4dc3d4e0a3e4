/**
 * The token or credential that all calls of one provider share: obtained once, renewed before it expires, replaced when
 * it is refused.
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

/** Timeout of a login or renewal in milliseconds, all its requests together. */
const loginMs = 10_000;
/**
 * Milliseconds after a login that a refused call caused. During this time, a refused token that was never accepted
 * causes no other login.
 */
const cooldownMs = 10_000;
/** Minimum interval in milliseconds between two reads of a token's source. */
const readSourceMs = 1_000;
/** Fraction of the first lifetime. A renewal that grants less means that the token is near its maximum lifetime. */
const fullShare = 0.75;
/** Fractions of the lifetime after which a token is renewed, or replaced if it is not renewable. */
const renewAt = 0.55;
const replaceAt = 0.7;
/**
 * Pauses after failed logins, in milliseconds. Refusals that can lock an account have longer ones: see
 * `login_holds.ts`.
 */
const pauses = {
  refused: { first: 1_000, most: 60_000 },
  failed: { first: 100, most: 5_000 },
} as const;
/**
 * Number of consecutive throttled logins with short pauses, and the maximum of these; 3 s in total. They are so close
 * together that one of them runs shortly before the end of a call.
 */
const quickLogins = { count: 8, maxMs: 500 } as const;
/**
 * Maximum pause in milliseconds that a server can request. A wrong value must not separate a node from its key for
 * longer.
 */
const maxAskedMs = 60_000;

/**
 * Logs in at the first request. Logins never run concurrently.
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
  #renewal: Promise<void> | undefined;
  #cancelTimer = () => {};
  #failures = 0;
  #failed: { readonly error: KmsError; readonly until: number } | undefined;
  #cooledUntil = -Infinity;
  #sourceReadAt = -Infinity;
  /** Whether a reload waits for its login. */
  #reloadPending = false;
  readonly #kinds = new RefusedKinds();

  constructor(settings: TokenSettings<Credential>) {
    this.#settings = settings;
    this.#clock = settings.clock;
    this.#action = `log in with provider "${settings.provider}"`;
    this.#reloads = settings.reloads?.subscribe(() => this.#reload());
  }

  /**
   * Sends a request with the token. If the token is refused, sends it a second time with a new token, unless another
   * login would not help.
   *
   * @param kind operation and key; requests of one kind need the same permission.
   * @param verdict the verdict of a response on the token.
   * @returns the last response, also if it is a refusal.
   * @throws {KmsError} the error of `send` or of the login.
   */
  async request<Answer>(
    kind: string,
    send: (token: Credential) => Promise<Answer>,
    verdict: (answer: Answer) => TokenVerdict,
    call: HttpCall,
  ): Promise<Answer> {
    const lease = await this.#leaseForRequest(call);
    const answer = await send(lease.token);
    if (this.#judge(verdict(answer), lease, kind) !== "refused") return answer;
    if (!await this.#replaced(lease, kind, call)) return answer;
    const next = await this.#leaseForRequest(call);
    const second = await send(next.token);
    if (this.#judge(verdict(second), next, kind) === "refused") this.#kinds.refused(kind, this.#clock.now());
    return second;
  }

  /**
   * Stops renewals and waits for those in progress. The token is not revoked but expires: a request would only delay a
   * restart.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#reloads?.[Symbol.dispose]();
    this.#closing.abort();
    this.#cancelTimer();
    await Promise.allSettled([this.#loggingIn, this.#renewal]);
    this.#lease = undefined;
  }

  #judge(verdict: TokenVerdict, lease: Lease<Credential>, kind: string): TokenVerdict {
    if (verdict === "served") {
      lease.served = true;
      this.#kinds.served(kind);
    }
    return verdict;
  }

  /**
   * A token for one request, which is counted. The last request of a token starts the next login, so that no call waits
   * for it.
   */
  async #leaseForRequest(call: HttpCall): Promise<Lease<Credential>> {
    await this.#checkSource();
    let lease = this.#lease;
    if (lease?.isExpired(this.#clock.now())) lease = undefined;
    // If many calls waited for one login, some can find that its token has no requests left.
    while (!lease?.hasUses) lease = await orAborted(this.#login(), call.signal, call.action);
    lease.spend();
    if (!lease.hasUses) this.#login().catch(() => {});
    return lease;
  }

  /**
   * Replaces a refused token. It stays in use until there is a new one, since other requests can still be accepted with
   * it.
   *
   * @returns whether there is a new token; `false` if another login would not help.
   * @throws {KmsError} the error of the login.
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

  /**
   * For a token that the operator provides: reads its source, and logs in with a changed one. The old token stays in
   * use until then.
   */
  async #checkSource(): Promise<void> {
    const source = this.#settings.tokenSource;
    const lease = this.#lease;
    if (source === undefined || lease === undefined || this.#clock.now() - this.#sourceReadAt < readSourceMs) return;
    this.#sourceReadAt = this.#clock.now();
    // A source that is temporarily unreadable does not affect the current token.
    const token = await source.read().catch(() => lease.token);
    if (!token.equals(lease.token) && this.#lease === lease) this.#login().catch(() => {});
  }

  /** Logs in with the old token in use until there is a new one. Without an old token, the next call logs in. */
  #reload(): void {
    // The pause after a refused login remains, since a repetition can lock an account.
    if (this.#failed !== undefined && !errorCodes[this.#failed.error.code].refusal) this.#failed = undefined;
    this.#cooledUntil = -Infinity;
    this.#kinds.clear();
    this.#loginAfterReload().catch(() => {});
  }

  /**
   * Logs in after a login in progress, which can have read the old credential, and after the pause of a refused one. Of
   * several concurrent calls, only one continues.
   */
  async #loginAfterReload(): Promise<void> {
    if (this.#reloadPending) return;
    this.#reloadPending = true;
    await this.#loggingIn?.catch(() => {});
    const waitMs = (this.#failed?.until ?? -Infinity) - this.#clock.now();
    // A timer can fire up to a millisecond early.
    if (waitMs > 0) await this.#clock.sleep(waitMs + 1, this.#closing.signal);
    this.#reloadPending = false;
    if (this.#lease !== undefined) await this.#login();
  }

  /** Joins the login in progress or starts one. After a failure, rejects until the pause is over. */
  #login(): Promise<Lease<Credential>> {
    if (this.#loggingIn !== undefined) return this.#loggingIn;
    if (this.#closing.signal.aborted) return Promise.reject(abortError(this.#closing.signal, this.#action));
    const error = this.#heldBack();
    if (error !== undefined) return Promise.reject(error);
    this.#loggingIn = this.#loginOnce().finally(() => this.#loggingIn = undefined);
    return this.#loggingIn;
  }

  /** The error of the last login during its pause; with `retryAfterMs` if the server throttled it. */
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
    const sentAt = this.#clock.now();
    try {
      const grant = await this.#settings.login(call);
      this.#failures = 0;
      this.#failed = undefined;
      this.#sourceReadAt = sentAt;
      this.#notifyLogin("ok", sentAt);
      this.#lease = new Lease(grant, sentAt);
      this.#reportAndSchedule(this.#lease, grant.ttlMs);
      return this.#lease;
    } catch (thrown) {
      const error = toKmsError(thrown);
      this.#failed = { error, until: this.#clock.now() + this.#pauseAfter(error) };
      // A credential that is held back was not sent; that is not a login.
      if (!(error instanceof HeldLogin) || error.tried) this.#notifyLogin(error.code, sentAt, error.message);
      throw error;
    }
  }

  /**
   * Milliseconds for which callers get the same error. It is short for a held login, which then checks whether the
   * credential has changed.
   */
  #pauseAfter(error: KmsError): number {
    if (error instanceof HeldLogin) return readSourceMs;
    const { first, most } = errorCodes[error.code].refusal ? pauses.refused : pauses.failed;
    const isQuick = error.code === "throttled" && this.#failures < quickLogins.count;
    const pause = backoff(this.#failures++, first, isQuick ? quickLogins.maxMs : most);
    return Math.max(Math.min(error.retryAfterMs ?? 0, maxAskedMs), jittered(pause, 0.2));
  }

  /** Reports the lifetime of a token, and schedules its renewal or replacement. */
  #reportAndSchedule({ expiresAt, renewable }: Lease<Credential>, ttlMs: number | undefined): void {
    this.#settings.notify({ type: "token_lifetime", provider: this.#settings.provider, expiresAt });
    if (ttlMs !== undefined) this.#schedule(ttlMs * jittered(renewable ? renewAt : replaceAt, 0.1));
  }

  #schedule(ms: number): void {
    this.#cancelTimer();
    if (this.#closing.signal.aborted) return;
    // A timer has at most 2^31-1 milliseconds; a token with a longer lifetime is renewed early.
    this.#cancelTimer = this.#clock.after(Math.min(Math.max(ms, 250), 2 ** 31 - 1), () => {
      this.#renewal = this.#renewOrReplace().catch(() => this.#scheduleAgain());
    });
  }

  /** After a failed renewal or login: tries again within the token's remaining lifetime. After that, calls log in. */
  #scheduleAgain(): void {
    const left = (this.#lease?.expiresAt ?? 0) - this.#clock.now();
    if (left > 0) this.#schedule(Math.min(jittered(left / 4, 0.2) + 50, pauses.refused.most));
  }

  async #renewOrReplace(): Promise<void> {
    const lease = this.#lease;
    if (lease === undefined) return;
    if (!lease.canRenew || !await this.#renew(lease)) await this.#login();
  }

  /** @returns whether the new lifetime is near the first one; if not, a new token is needed. */
  async #renew(lease: Lease<Credential>): Promise<boolean> {
    const { provider, renew } = this.#settings;
    if (renew === undefined) return false;
    using bounded = deadlineBy(this.#clock, loginMs, this.#closing.signal);
    const call = { signal: bounded.signal, action: `renew the token of provider "${provider}"` };
    const sentAt = this.#clock.now();
    lease.spend();
    try {
      const renewal = await renew(lease.token, call);
      if ("refused" in renewal) return this.#notifyRenewed(renewal.refused, sentAt);
      const ttlMs = lease.fullMs === undefined ? renewal.ttlMs : renewal.ttlMs ?? 0;
      this.#notifyRenewed(undefined, sentAt);
      if (this.#lease !== lease) return true;
      lease.expiresAt = ttlMs === undefined ? undefined : sentAt + ttlMs;
      this.#reportAndSchedule(lease, ttlMs);
      return ttlMs === undefined || lease.fullMs === undefined || ttlMs >= lease.fullMs * fullShare;
    } catch (thrown) {
      this.#notifyRenewed(toKmsError(thrown), sentAt);
      throw thrown;
    }
  }

  #notifyLogin(result: Result, sentAt: number, message?: string): void {
    const { provider, method, notify } = this.#settings;
    const seconds = (this.#clock.now() - sentAt) / 1000;
    notify({ type: "login", provider, method, result, seconds, ...(message === undefined ? {} : { message }) });
  }

  #notifyRenewed(error: KmsError | undefined, sentAt: number): boolean {
    const { provider, notify } = this.#settings;
    const seconds = (this.#clock.now() - sentAt) / 1000;
    const message = error === undefined ? {} : { message: error.message };
    notify({ type: "token_renewed", provider, result: error?.code ?? "ok", seconds, ...message });
    return error === undefined;
  }
}
