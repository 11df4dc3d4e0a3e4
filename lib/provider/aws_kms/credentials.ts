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

/** The parts of an access key in plain text, as the SDK takes them. */
export interface PlainAwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** For temporary credentials; sent along with every request. */
  readonly sessionToken?: string;
}

/** What requests are signed with. */
export class AwsKeys {
  /** Identifies the key and is no secret: AWS writes it into its own logs. */
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

  /** The parts in plain text. Call it where they are handed to the SDK, and keep them in no variable. */
  reveal(): PlainAwsKeys {
    const { accessKeyId } = this;
    const secretAccessKey = this.#secretAccessKey.reveal();
    if (this.#sessionToken === undefined) return { accessKeyId, secretAccessKey };
    return { accessKeyId, secretAccessKey, sessionToken: this.#sessionToken.reveal() };
  }
}

/** A login's result. */
export type AwsGrant = Grant<AwsKeys>;

// What is sent in a header, and nothing that could end it.
const idPattern = /^[0-9A-Za-z_-]{3,128}$/;
const secretPattern = /^[\x21-\x7e]{1,512}$/;
const tokenPattern = /^[\x21-\x7e]{1,16384}$/;

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
    if (sessionToken === undefined) return new AwsKeys({ accessKeyId, secretAccessKey });
    if (typeof sessionToken === "string" && tokenPattern.test(sessionToken)) {
      return new AwsKeys({ accessKeyId, secretAccessKey, sessionToken });
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
export function granted(keys: AwsKeys, expiresAt?: number, date?: string): AwsGrant {
  const ttlMs = expiresAt === undefined ? undefined : lifetimeUntil(expiresAt, date, longest);
  return { token: keys, ttlMs, renewable: false };
}

/** The fields of an agent's answer that are read. */
type AgentsAnswer = Pick<HttpAnswer, "body" | "headers">;

/**
 * Credentials as a machine's and a container's agents give them: `AccessKeyId`, `SecretAccessKey`, `Token` and
 * `Expiration`.
 *
 * @throws {KmsError} `provider_protocol` or `unauthenticated` where the answer holds none.
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
