/**
 * Requests to Cloud KMS with a shared token.
 *
 * @module
 */
import { systemClock } from "../../base/clock.ts";
import type { Secret } from "../../base/secret.ts";
import { HttpClient, type Server } from "../../net/https/client.ts";
import { type HttpAnswer, type HttpCall, jsonRequest } from "../../net/https/endpoint.ts";
import { TokenSession } from "../../net/https/session.ts";
import { verdictOf } from "../../net/https/token_settings.ts";
import type { ProviderContext } from "../provider.ts";
import { loginOf } from "./auth.ts";
import type { GcpKmsSettings } from "./settings.ts";

/** A session that logs in at its first request. */
export class GcpKmsSession implements AsyncDisposable {
  readonly #server: Server;
  readonly #quotaProject: string | undefined;
  readonly #client: HttpClient;
  readonly #tokens: TokenSession;

  private constructor({ endpoints, quotaProject }: GcpKmsSettings, client: HttpClient, tokens: TokenSession) {
    this.#server = { name: "Cloud KMS", origin: endpoints.kms };
    this.#quotaProject = quotaProject;
    this.#client = client;
    this.#tokens = tokens;
  }

  /**
   * Reads the CA file and the file of the login. No network access.
   *
   * @throws {KmsError} `config` if they cannot be used.
   */
  static async open(settings: GcpKmsSettings, context: ProviderContext): Promise<GcpKmsSession> {
    const { notify, reloads, waits, clock = systemClock } = context;
    const { name: provider, auth, endpoints, tls } = settings;
    const servers = Object.values(endpoints).map((origin) => ({ name: "Google", origin }));
    const client = await HttpClient.open(provider, servers, tls, notify, waits);
    const login = await loginOf(settings, client);
    const tokens = new TokenSession({ provider, method: auth.method, notify, clock, login, reloads });
    return new GcpKmsSession(settings, client, tokens);
  }

  /**
   * Sends a POST request with the token. If the token is refused, it sends the request once more with a new one.
   *
   * @param path absolute path with encoded segments.
   * @returns the response, whatever its status.
   * @throws {KmsError} as `Endpoint.ask`, or the error of the login.
   */
  ask(path: string, body: unknown, call: HttpCall): Promise<HttpAnswer> {
    return this.#tokens.request(
      path,
      (token) => this.#send(path, body, token, call),
      ({ status }) => verdictOf(status, 401),
      call,
    );
  }

  /** The same for a GET request. The path can contain a query. */
  read(path: string, call: HttpCall): Promise<HttpAnswer> {
    return this.#tokens.request(
      path,
      (token) => this.#client.ask(this.#server, { method: "GET", path, headers: this.#headers(token) }, call),
      ({ status }) => verdictOf(status, 401),
      call,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tokens[Symbol.asyncDispose]();
    this.#client[Symbol.dispose]();
  }

  #send(path: string, body: unknown, token: Secret, call: HttpCall): Promise<HttpAnswer> {
    const headers = this.#headers(token);
    return this.#client.ask(this.#server, { method: "POST", path, headers, body: jsonRequest(body) }, call);
  }

  #headers(token: Secret): Record<string, string> {
    return {
      accept: "application/json",
      authorization: `Bearer ${token.reveal()}`,
      ...(this.#quotaProject === undefined ? {} : { "x-goog-user-project": this.#quotaProject }),
    };
  }
}
