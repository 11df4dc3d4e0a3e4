/**
 * AWS credentials, from the login to the signature.
 *
 * @module
 */
import { KmsError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import type { HttpAnswer } from "../../net/https/endpoint.ts";
import { field } from "../../net/https/fields.ts";
import { lifetimeUntil } from "../../net/https/server_time.ts";
import type { Grant } from "../../net/https/session.ts";

/** The parts of an access key in plain text, in the form of the SDK. */
export interface PlainAwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** For temporary credentials; sent with every request. */
  readonly sessionToken?: string;
}

/** An access key, with which requests are signed. */
export class AwsKeys {
  /** Identifies the key; not secret: AWS writes it to its own logs. */
  readonly accessKeyId: string;
  readonly #secretAccessKey: Secret;
  readonly #sessionToken: Secret | undefined;

  constructor({ accessKeyId, secretAccessKey, sessionToken }: PlainAwsKeys) {
    this.accessKeyId = accessKeyId;
    this.#secretAccessKey = new Secret(secretAccessKey);
    this.#sessionToken = sessionToken === undefined ? undefined : new Secret(sessionToken);
  }

  /** Whether all parts are the same. */
  equals(other: AwsKeys | undefined): boolean {
    return other !== undefined && other.accessKeyId === this.accessKeyId &&
      other.#secretAccessKey.equals(this.#secretAccessKey) &&
      other.#sessionToken?.reveal() === this.#sessionToken?.reveal();
  }

  /** The parts in plain text. Call it where they are passed to the SDK, and do not keep the result. */
  reveal(): PlainAwsKeys {
    const { accessKeyId } = this;
    const secretAccessKey = this.#secretAccessKey.reveal();
    if (this.#sessionToken === undefined) return { accessKeyId, secretAccessKey };
    return { accessKeyId, secretAccessKey, sessionToken: this.#sessionToken.reveal() };
  }
}

/** The result of a login. */
export type AwsGrant = Grant<AwsKeys>;

// Characters that cannot end the header in which the ID is sent.
const idPattern = /^[0-9A-Za-z_-]{3,128}$/;
const secretPattern = /^[\x21-\x7e]{1,512}$/;
const tokenPattern = /^[\x21-\x7e]{1,16384}$/;

/**
 * Validates the parts of an access key.
 *
 * @throws {KmsError} `unauthenticated` if they cannot be credentials.
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
    if (sessionToken === undefined) return new AwsKeys({ accessKeyId, secretAccessKey });
    if (typeof sessionToken === "string" && tokenPattern.test(sessionToken)) {
      return new AwsKeys({ accessKeyId, secretAccessKey, sessionToken });
    }
  }
  throw new KmsError("unauthenticated", `Cannot ${action}: ${from} holds no AWS credentials.`);
}

/** Maximum lifetime of AWS credentials in milliseconds. */
const longest = 12 * 3_600_000;

/**
 * A grant that is valid until a time in milliseconds since the epoch, or for ever.
 *
 * @param date the Date header of the response that contains the time.
 */
export function granted(keys: AwsKeys, expiresAt?: number, date?: string): AwsGrant {
  const ttlMs = expiresAt === undefined ? undefined : lifetimeUntil(expiresAt, date, longest);
  return { token: keys, ttlMs, renewable: false };
}

/** The parts of an agent's response that are read. */
type AgentsAnswer = Pick<HttpAnswer, "body" | "headers">;

/**
 * Reads the credentials in the response of a machine's or a container's agent: `AccessKeyId`, `SecretAccessKey`,
 * `Token` and `Expiration`.
 *
 * @throws {KmsError} `provider_protocol` or `unauthenticated` if the response contains none.
 */
export function agentsGrant({ body, headers }: AgentsAnswer, server: string, action: string): AwsGrant {
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
