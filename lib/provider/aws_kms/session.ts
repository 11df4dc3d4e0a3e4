/**
 * Requests to AWS KMS with shared credentials.
 *
 * @module
 */
import { KMSClient } from "@aws-sdk/client-kms";
import { systemClock } from "../../base/clock.ts";
import { errorCodes } from "../../base/errors.ts";
import { HttpClient, type Server } from "../../net/https/client.ts";
import type { HttpCall } from "../../net/https/endpoint.ts";
import { TokenSession, type TokenVerdict } from "../../net/https/session.ts";
import { watchedSource } from "../../net/https/watched_source.ts";
import type { ProviderContext } from "../provider.ts";
import { type AwsFailure, failureOf, meaningOf, refusal } from "./errors.ts";
import { loginOf } from "./auth.ts";
import type { AwsKeys } from "./credentials.ts";
import { byServersClock, type SdkCall, sdkConfig, SdkTransport } from "./sdk.ts";
import type { AwsKmsSettings } from "./settings.ts";

/** The operations that are used. */
export type KmsOperation = "DescribeKey" | "Encrypt" | "Decrypt" | "ReEncrypt" | "GetKeyRotationStatus";

/** Sends one command. */
export type Send<Out> = (client: KMSClient, options: SdkCall) => Promise<Out>;

type Outcome<Out> = { readonly out: Out } | { readonly failure: AwsFailure };

/** A session that gets credentials at its first request. */
export class AwsKmsSession implements AsyncDisposable {
  readonly #settings: AwsKmsSettings;
  readonly #http: HttpClient;
  readonly #transport: SdkTransport;
  readonly #tokens: TokenSession<AwsKeys>;
  #signing: { readonly token: AwsKeys; readonly client: KMSClient } | undefined;

  private constructor(settings: AwsKmsSettings, http: HttpClient, tokens: TokenSession<AwsKeys>) {
    this.#settings = settings;
    this.#http = http;
    this.#transport = new SdkTransport(http, "AWS KMS");
    this.#tokens = tokens;
  }

  /**
   * Reads the CA file and a profile's files. No network access.
   *
   * @throws {KmsError} `config` if they cannot be used.
   */
  static async open(settings: AwsKmsSettings, context: ProviderContext): Promise<AwsKmsSession> {
    const { notify, reloads, waits, clock = systemClock } = context;
    const { name: provider, auth } = settings;
    const http = await HttpClient.open(provider, serversOf(settings), settings.tls, notify, waits);
    const { login, source } = await loginOf(settings, http);
    const tokens = new TokenSession({
      provider,
      method: auth.method,
      notify,
      clock,
      login,
      tokenSource: source && watchedSource(source, provider, notify),
      reloads,
    });
    return new AwsKmsSession(settings, http, tokens);
  }

  /**
   * Sends a command with the present credentials. If they are refused, it sends the command once more with new ones. A
   * missing permission counts as a refusal: the role may have received it in the meantime, or the credentials may now
   * be those of another role.
   *
   * @param operation its name in AWS policies.
   * @throws {KmsError} the error in AWS's response as `errors.ts` reads it, the error of the connection, or that of the
   *   login.
   */
  async ask<Out>(operation: KmsOperation, send: Send<Out>, call: HttpCall): Promise<Out> {
    const outcome = await this.#tokens.request(operation, (token) => this.#send(send, token, call), verdictOf, call);
    if ("out" in outcome) return outcome.out;
    throw refusal(outcome.failure, call.action);
  }

  /** Milliseconds by which AWS's clock is ahead of this machine's; `undefined` before its first answer. */
  get clockAheadMs(): number | undefined {
    return this.#transport.clockAheadMs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tokens[Symbol.asyncDispose]();
    this.#signing?.client.destroy();
    this.#http[Symbol.dispose]();
  }

  async #send<Out>(send: Send<Out>, token: AwsKeys, call: HttpCall): Promise<Outcome<Out>> {
    try {
      const { out } = await byServersClock(call, (options) => send(this.#client(token), options));
      return { out };
    } catch (thrown) {
      return { failure: failureOf(thrown, call) };
    }
  }

  #client(token: AwsKeys): KMSClient {
    if (this.#signing?.token.equals(token)) return this.#signing.client;
    const config = sdkConfig(this.#settings, this.#settings.endpoint, this.#transport, token);
    const client = new KMSClient(config);
    this.#signing = { token, client };
    return client;
  }
}

function verdictOf(outcome: Outcome<unknown>): TokenVerdict {
  if ("out" in outcome) return "served";
  const code = meaningOf(outcome.failure);
  if (code === "unauthenticated" || code === "permission_denied") return "refused";
  return errorCodes[code].retry === "yes" ? "silent" : "served";
}

/**
 * The servers that requests are sent to. Only the SDK knows the endpoints of a Region; here it suffices that they use
 * TLS.
 */
function serversOf({ endpoint, stsEndpoint, auth, assumeRole }: AwsKmsSettings): readonly Server[] {
  const regional = "https://amazonaws.com";
  const roles = assumeRole !== undefined || auth.method === "web-identity" || auth.method === "profile";
  return [
    { name: "AWS KMS", origin: endpoint ?? regional },
    ...(roles ? [{ name: "AWS STS", origin: stsEndpoint ?? regional }] : []),
    ...(auth.method === "container" ? [{ name: "the container's agent", origin: new URL(auth.url).origin }] : []),
  ];
}
