/**
 * Requests to one vault or HSM pool with a shared token.
 *
 * @module
 */
import { systemClock } from "../../base/clock.ts";
import type { Secret } from "../../base/secret.ts";
import { HttpClient, type Server } from "../../net/https/client.ts";
import { type HttpAnswer, type HttpCall, jsonRequest } from "../../net/https/endpoint.ts";
import { RefusedLogins } from "../../net/https/refused_logins.ts";
import { TokenSession } from "../../net/https/session.ts";
import { verdictOf } from "../../net/https/token_settings.ts";
import type { ProviderContext } from "../provider.ts";
import { loginServer, loginWith } from "./auth.ts";
import { checkChallenge } from "./challenge.ts";
import type { AzureKeyVaultSettings } from "./settings.ts";

/** Generally available in every cloud since 2023; later versions do not change the parts that are used. */
const apiVersion = "7.4";

/** A request to a vault. Its path is below `/keys/`, with encoded segments. */
export interface KeyVaultRequest {
  readonly method: "GET" | "POST";
  /** Path below `/keys/` with encoded segments. */
  readonly path: string;
  readonly body?: unknown;
}

/**
 * A client that logs in at its first request. Before each login it sends a request without a token, whose response
 * names the resource of the token that the vault requires: no token is requested for, or sent to, a server that does
 * not require one for its own domain.
 */
export class KeyVault implements AsyncDisposable {
  readonly #settings: AzureKeyVaultSettings;
  readonly #server: Server;
  readonly #client: HttpClient;
  readonly #tokens: TokenSession;

  private constructor(settings: AzureKeyVaultSettings, server: Server, client: HttpClient, context: ProviderContext) {
    const { name: provider, auth, cloud } = settings;
    this.#settings = settings;
    this.#server = server;
    this.#client = client;
    const { notify, reloads, stateFolder, clock = systemClock } = context;
    const scope = [settings.kind, cloud.authority];
    const refused = new RefusedLogins({ provider, notify, stateFolder, scope, clock });
    const challenge = (call: HttpCall) => this.#askWhatForWhom(call);
    const login = loginWith(auth, { provider, client, notify, refused, challenge, ...cloud });
    this.#tokens = new TokenSession({ provider, method: auth.method, notify, clock, reloads, login });
  }

  /**
   * Reads the CA file. No network access.
   *
   * @throws {KmsError} `config` if it cannot be used.
   */
  static async open(settings: AzureKeyVaultSettings, context: ProviderContext): Promise<KeyVault> {
    const server = { name: "Key Vault", origin: settings.vault };
    const servers = [server, loginServer(settings.auth, settings.cloud.authority)];
    const client = await HttpClient.open(settings.name, servers, settings.tls, context.notify, context.waits);
    return new KeyVault(settings, server, client, context);
  }

  /**
   * Sends a request with the token. If the token is refused, it sends the request once more with a new one.
   *
   * @returns the response, whatever its status.
   * @throws {KmsError} as `Endpoint.ask`, or the error of the login.
   */
  ask(request: KeyVaultRequest, call: HttpCall): Promise<HttpAnswer> {
    return this.#tokens.request(
      request.path,
      (token) => this.#send(request, token, call),
      ({ status }) => verdictOf(status, 401),
      call,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tokens[Symbol.asyncDispose]();
    this.#client[Symbol.dispose]();
  }

  #send({ method, path, body }: KeyVaultRequest, token: Secret | undefined, call: HttpCall): Promise<HttpAnswer> {
    const headers: Record<string, string> = { accept: "application/json" };
    if (token !== undefined) headers["authorization"] = `Bearer ${token.reveal()}`;
    return this.#client.ask(this.#server, {
      method,
      path: `/keys/${path}?api-version=${apiVersion}`,
      headers,
      body: body === undefined ? undefined : jsonRequest(body),
    }, call);
  }

  async #askWhatForWhom(call: HttpCall): Promise<void> {
    const { vault, key, cloud: { resource }, auth } = this.#settings;
    const answer = await this.#send({ method: "GET", path: key }, undefined, call);
    const tenantId = "tenantId" in auth ? auth.tenantId : undefined;
    checkChallenge(answer, { vault, resource, tenantId }, call.action);
  }
}
