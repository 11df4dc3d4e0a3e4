/**
 * Tokens of Vault: how they are sent and renewed, and how their refusal is detected.
 *
 * @module
 */
import type { Clock } from "../../base/clock.ts";
import type { Notify } from "../../telemetry/events.ts";
import type { Reloads } from "../../base/reloads.ts";
import type { Secret } from "../../base/secret.ts";
import { field } from "../../net/https/fields.ts";
import type { RefusedLogins } from "../../net/https/refused_logins.ts";
import { type Renewal, TokenSession } from "../../net/https/session.ts";
import { verdictOf } from "../../net/https/token_settings.ts";
import { watchedSource } from "../../net/https/watched_source.ts";
import { isVaults, refusal } from "./errors.ts";
import { encodedPath } from "./auth.ts";
import type { VaultClient } from "./client.ts";
import type { VaultAnswer, VaultCall, VaultRequest } from "./http.ts";
import { lifetime, type VaultAuthenticator } from "./login.ts";

/** The dependencies of a {@linkcode Session}. */
export interface SessionSettings {
  /** The provider's name, for events. */
  readonly provider: string;
  /** The auth method's name, for events. */
  readonly method: string;
  readonly client: VaultClient;
  readonly authenticator: VaultAuthenticator;
  /** The transit key that the tokens are used for. */
  readonly key: { readonly mount: string; readonly name: string };
  /** Holds back a credential that was refused recently. */
  readonly refused: RefusedLogins;
  readonly notify: Notify;
  readonly clock: Clock;
  readonly reloads: Reloads | undefined;
}

/** Sends requests with a shared token. */
export class Session implements AsyncDisposable {
  readonly #client: VaultClient;
  readonly #tokens: TokenSession;

  constructor({ provider, method, client, authenticator, key, refused, notify, clock, reloads }: SessionSettings) {
    this.#client = client;
    this.#tokens = new TokenSession({
      provider,
      method,
      notify,
      clock,
      reloads,
      login: (call) =>
        authenticator.login({
          ask: (request) => client.request(request, call),
          action: call.action,
          signal: call.signal,
          mayUseKey: (token) => this.#mayUse(key, token, call),
          attempt: (credential, login) => refused.attempt(credential, call, login),
        }),
      renew: (token, call) => this.#renew(token, call),
      tokenSource: authenticator.tokenSource && watchedSource(authenticator.tokenSource, provider, notify),
    });
  }

  /**
   * Sends a request with the token. If Vault answers 403, it sends the request a second time with a new token.
   *
   * @returns the last response of Vault, also a 403.
   * @throws {KmsError} as {@linkcode VaultClient.request}, or the error of the login.
   */
  request(request: VaultRequest, call: VaultCall): Promise<VaultAnswer> {
    const send = (token: Secret) => this.#client.request({ ...request, token }, call);
    return this.#tokens.request(
      `${request.method} ${request.path}`,
      send,
      (answer) => answer.status === 403 && !isVaults(answer) ? "silent" : verdictOf(answer.status, 403),
      call,
    );
  }

  /**
   * Stops renewals and waits for pending requests. The token is not revoked but expires: that saves a call at each
   * restart.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tokens[Symbol.asyncDispose]();
  }

  /**
   * Reads the key, or sends an empty decryption: if the token has the permission, Vault answers that the ciphertext is
   * missing.
   */
  async #mayUse({ mount, name }: SessionSettings["key"], token: Secret, call: VaultCall): Promise<boolean> {
    const [folder, key] = [encodedPath(mount), encodeURIComponent(name)];
    const tries: readonly VaultRequest[] = [
      { method: "GET", path: `${folder}/keys/${key}`, token },
      { method: "POST", path: `${folder}/decrypt/${key}`, body: {}, token },
    ];
    for (const request of tries) {
      const answer = await this.#client.request(request, call);
      if (answer.status >= 500) throw refusal(answer, call.action);
      if (answer.status !== 403) return true;
    }
    return false;
  }

  async #renew(token: Secret, call: VaultCall): Promise<Renewal> {
    const answer = await this.#client.request({ method: "POST", path: "auth/token/renew-self", body: {}, token }, call);
    if (answer.status >= 400 && answer.status < 404) return { refused: refusal(answer, call.action) };
    if (answer.status !== 200) throw refusal(answer, call.action);
    return { ttlMs: lifetime(field(field(answer.body, "auth"), "lease_duration"), call.action) };
  }
}
