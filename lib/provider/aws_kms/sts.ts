/**
 * Roles: credentials from AWS STS in exchange for other credentials or for a token of another issuer.
 *
 * @module
 */
import { AssumeRoleCommand, AssumeRoleWithWebIdentityCommand, type Credentials, STSClient } from "@aws-sdk/client-sts";
import type { HttpClient } from "../../net/https/client.ts";
import type { HttpCall } from "../../net/https/endpoint.ts";
import { unacceptable } from "../../net/https/refusals.ts";
import { failureOf, stsRefusal } from "./errors.ts";
import { type AwsGrant, AwsKeys, checkedKeys, granted } from "./credentials.ts";
import { byServersClock, type SdkCall, sdkConfig, SdkTransport } from "./sdk.ts";
import type { AssumedRole, AwsKmsSettings } from "./settings.ts";

/** Lifetime of a role's credentials in seconds; every role permits it. */
const lifetime = 3600;

/** Placeholders: a request with a token of another issuer is not signed. */
const noKeys = new AwsKeys({ accessKeyId: "unsigned", secretAccessKey: "unsigned" });

/** The STS of one Region. */
export class Sts {
  readonly #settings: AwsKmsSettings;
  readonly #transport: SdkTransport;

  constructor(settings: AwsKmsSettings, http: HttpClient) {
    this.#settings = settings;
    this.#transport = new SdkTransport(http, "AWS STS");
  }

  /**
   * Assumes a role with an access key.
   *
   * @throws {KmsError} `unauthenticated` if STS refuses, otherwise the error of the request.
   */
  assume({ roleArn, externalId, sessionName }: AssumedRole, keys: AwsKeys, call: HttpCall): Promise<AwsGrant> {
    const command = new AssumeRoleCommand({
      RoleArn: roleArn,
      RoleSessionName: sessionName,
      DurationSeconds: lifetime,
      ...(externalId === undefined ? {} : { ExternalId: externalId }),
    });
    return this.#ask((client, options) => client.send(command, options), keys, call);
  }

  /** Assumes a role with a token of another issuer. Errors as {@linkcode Sts.assume}. */
  assumeWithToken(roleArn: string, sessionName: string, token: string, call: HttpCall): Promise<AwsGrant> {
    const command = new AssumeRoleWithWebIdentityCommand({
      RoleArn: roleArn,
      RoleSessionName: sessionName,
      DurationSeconds: lifetime,
      WebIdentityToken: token,
    });
    return this.#ask((client, options) => client.send(command, options), noKeys, call);
  }

  async #ask(
    send: (client: STSClient, options: SdkCall) => Promise<{ readonly Credentials?: Credentials | undefined }>,
    keys: AwsKeys,
    call: HttpCall,
  ): Promise<AwsGrant> {
    const client = new STSClient(sdkConfig(this.#settings, this.#settings.stsEndpoint, this.#transport, keys));
    try {
      const { out, date } = await byServersClock(call, (options) => send(client, options));
      return grantOf(out.Credentials, date, call.action);
    } catch (thrown) {
      throw stsRefusal(failureOf(thrown, call), call.action);
    } finally {
      client.destroy();
    }
  }
}

function grantOf(credentials: Credentials | undefined, date: string | undefined, action: string): AwsGrant {
  const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = credentials ?? {};
  const keys = checkedKeys(AccessKeyId, SecretAccessKey, SessionToken, "the answer of AWS STS", action);
  const expiresAt = Expiration?.getTime() ?? NaN;
  if (Number.isFinite(expiresAt)) return granted(keys, expiresAt, date);
  throw unacceptable(action, "the answer of AWS STS says nothing of how long the credentials live");
}
