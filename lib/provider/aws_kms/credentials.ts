/**
 * AWS credentials on their way from where they are got to where they sign.
 *
 * @module
 */
import { KmsError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import type { HttpAnswer } from "../../net/https/endpoint.ts";
import { field } from "../../net/https/fields.ts";
import { lifetimeUntil } from "../../net/https/server_time.ts";
import type { Grant } from "../../net/https/session.ts";

/** What requests are signed with. */
export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** For temporary credentials; sent along with every request. */
  readonly sessionToken?: string;
}

// What is sent in a header, and nothing that could end it.
const idPattern = /^[0-9A-Za-z_-]{3,128}$/;
const secretPattern = /^[\x21-\x7e]{1,512}$/;
const tokenPattern = /^[\x21-\x7e]{1,16384}$/;

/** One secret that holds all of them: what a session shares, compares and replaces. */
export function packed({ accessKeyId, secretAccessKey, sessionToken }: AwsKeys): Secret {
  return new Secret(JSON.stringify({ accessKeyId, secretAccessKey, sessionToken }));
}

/** The keys in a secret that {@linkcode packed} made. */
export function unpacked(secret: Secret): AwsKeys {
  return JSON.parse(secret.reveal());
}

/**
 * Keys of which nothing is known yet.
 *
 * @throws {KmsError} `unauthenticated` where they cannot be any.
 */
export function checkedKeys(
  accessKeyId: unknown,
  secretAccessKey: unknown,
  sessionToken: unknown,
  from: string,
  action: string,
): AwsKeys {
  if (
    typeof accessKeyId === "string" && idPattern.test(accessKeyId) &&
    typeof secretAccessKey === "string" && secretPattern.test(secretAccessKey)
  ) {
    if (sessionToken === undefined) return { accessKeyId, secretAccessKey };
    if (typeof sessionToken === "string" && tokenPattern.test(sessionToken)) {
      return { accessKeyId, secretAccessKey, sessionToken };
    }
  }
  throw new KmsError("unauthenticated", `Cannot ${action}: ${from} holds no AWS credentials.`);
}

/** Milliseconds; the longest lifetime of any AWS credentials. */
const longest = 12 * 3_600_000;

/**
 * A grant that lives until a time in milliseconds since the epoch, or for ever.
 *
 * @param date the Date field of the answer that said so.
 */
export function granted(keys: AwsKeys, expiresAt?: number, date?: string): Grant {
  const ttlMs = expiresAt === undefined ? undefined : lifetimeUntil(expiresAt, date, longest);
  return { token: packed(keys), ttlMs, renewable: false };
}

/** The fields of an agent's answer that are read. */
type AgentsAnswer = Pick<HttpAnswer, "body" | "headers">;

/**
 * Credentials as a machine's and a container's agents give them: `AccessKeyId`, `SecretAccessKey`, `Token` and
 * `Expiration`.
 *
 * @throws {KmsError} `provider_protocol` or `unauthenticated` where the answer holds none.
 */
export function agentsGrant({ body, headers }: AgentsAnswer, server: string, action: string): Grant {
  const code = field(body, "Code");
  if (code !== undefined && code !== "Success") {
    throw new KmsError("unauthenticated", `Cannot ${action}: ${server} has no credentials for this role now.`);
  }
  const from = `the answer of ${server}`;
  const given = (name: string) => field(body, name);
  const keys = checkedKeys(given("AccessKeyId"), given("SecretAccessKey"), given("Token"), from, action);
  const expiration = given("Expiration");
  const expiresAt = expiration === undefined ? undefined : Date.parse(String(expiration));
  if (expiresAt !== undefined && !Number.isFinite(expiresAt)) {
    throw new KmsError("provider_protocol", `Cannot ${action}: ${from} says nothing of how long they live.`);
  }
  return granted(keys, expiresAt, headers.date);
}
