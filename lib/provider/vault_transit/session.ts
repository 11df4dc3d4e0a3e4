/**
 * The token that all calls of one provider share: got once, renewed in time, replaced before it dies.
 *
 * @module
 */
import { systemClock } from "../../clock.ts";
import { abortError, deadline, jittered, orAborted } from "../../deadline.ts";
import { errorCodes, type KmsError, toKmsError } from "../../errors.ts";
import type { Notify, Result } from "../../events.ts";
import type { Secret } from "../../secret.ts";
import { field } from "../https/fields.ts";
import { refusal } from "./answers.ts";
import { type Authenticator, type Grant, lifetime } from "./auth.ts";
import type { VaultClient } from "./client.ts";
import type { VaultAnswer, VaultCall, VaultRequest } from "./http.ts";

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
/** Waits after failed logins, in milliseconds: those that Vault refused may lock an account. */
const backoff = { refused: { first: 1_000, most: 60_000 }, failed: { first: 100, most: 5_000 } } as const;

/** What a {@linkcode Session} is made of. */
export interface SessionSettings {
  readonly provider: string;
  /** The auth method's name, for events. */
  readonly method: string;
  readonly client: VaultClient;
  readonly authenticator: Authenticator;
  readonly notify: Notify;
}

/** Logs in at the first request, and never twice at once. */
export class Session implements AsyncDisposable {
  readonly #settings: SessionSettings;
  readonly #action: string;
  readonly #closing = new AbortController();
  #lease: Lease | undefined;
  #loggingIn: Promise<Lease> | undefined;
  #upkeep: Promise<void> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #failed: { readonly error: KmsError; readonly until: number } | undefined;
  #cooledAt = 0;
  #lookedAt = 0;

  constructor(settings: SessionSettings) {
    this.#settings = settings;
    this.#action = `log in with provider "${settings.provider}"`;
  }

  /**
   * Sends a request with the token. Where Vault answers 403, it is sent a second time with a new one.
   *
   * @returns whatever Vault answered in the end, a 403 too.
   * @throws {KmsError} as {@linkcode VaultClient.request}, or what the login said.
   */
  async request(request: VaultRequest, call: VaultCall): Promise<VaultAnswer> {
    const lease = await this.#current(call);
    const answer = await this.#settings.client.request({ ...request, token: lease.token }, call);
    if (answer.status !== 403) return answer;
    const next = await this.#afterRefusal(lease, call);
    if (next === undefined) return answer;
    return await this.#settings.client.request({ ...request, token: next.token }, call);
  }

  /** Stops renewals and waits for what is under way. The token is left to expire: a restart is not worth a call. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    clearTimeout(this.#timer);
    await Promise.allSettled([this.#loggingIn, this.#upkeep]);
    this.#lease = undefined;
  }

  async #current(call: VaultCall): Promise<Lease> {
    await this.#look();
    const lease = this.#lease;
    if (lease !== undefined && (lease.expiresAt === undefined || lease.expiresAt > systemClock.now())) return lease;
    return await orAborted(this.#login(), call.signal, call.action);
  }

  /** The token to try after one was refused; `undefined` while the cool-down says that another login would not help. */
  async #afterRefusal(refused: Lease, call: VaultCall): Promise<Lease | undefined> {
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
    const source = this.#settings.authenticator.tokenSource;
    const lease = this.#lease;
    if (source === undefined || lease === undefined || systemClock.now() - this.#lookedAt < lookMs) return;
    this.#lookedAt = systemClock.now();
    // A source that cannot be read just now is no reason to stop using the token that is held.
    const token = await source.read().catch(() => lease.token);
    if (!token.equals(lease.token) && this.#lease === lease) this.#login().catch(() => {});
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
    const { authenticator, client } = this.#settings;
    using bounded = deadline(loginMs, this.#closing.signal);
    const call = { signal: bounded.signal, action: this.#action };
    const started = performance.now();
    try {
      const askedAt = systemClock.now();
      const grant = await authenticator.login({ ask: (request) => client.request(request, call), action: call.action });
      this.#failures = 0;
      this.#failed = undefined;
      this.#lookedAt = askedAt;
      this.#tellLogin("ok", started);
      return this.#adopt(grant, grant.ttlMs, askedAt);
    } catch (thrown) {
      const error = toKmsError(thrown);
      const wait = errorCodes[error.code].refusal ? backoff.refused : backoff.failed;
      const ms = jittered(Math.min(wait.most, wait.first * 2 ** this.#failures++), 0.2);
      this.#failed = { error, until: systemClock.now() + ms };
      this.#tellLogin(error.code, started, error.message);
      throw error;
    }
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
    using bounded = deadline(loginMs, this.#closing.signal);
    const call = { signal: bounded.signal, action: `renew the token of provider "${this.#settings.provider}"` };
    const started = performance.now();
    try {
      const askedAt = systemClock.now();
      const request = { method: "POST", path: "auth/token/renew-self", body: {}, token: lease.token } as const;
      const answer = await this.#settings.client.request(request, call);
      if (answer.status >= 400 && answer.status < 404) return this.#tellRenewed(refusal(answer, call.action), started);
      if (answer.status !== 200) throw refusal(answer, call.action);
      const ttl = lifetime(field(field(answer.body, "auth"), "lease_duration"), call.action);
      const ttlMs = lease.fullMs === undefined ? ttl : ttl ?? 0;
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
