/**
 * A double of the services that issue credentials of AWS: STS, the metadata service of a machine (version 2), and the agent
 * of a container.
 *
 * Written from the API reference of AWS STS, "Use the Instance Metadata Service to access instance metadata" and
 * "Container credential provider".
 *
 * @module
 */
import { randomBytes } from "node:crypto";

/** A text answer before it is encoded. */
export interface LoginReply {
  readonly status: number;
  readonly text: string;
}

/** Issued credentials. */
export interface Issued {
  readonly secretAccessKey: string;
  /** Only for temporary credentials. */
  readonly sessionToken: string | undefined;
  /** Seconds since the epoch. */
  readonly expires: number;
  readonly by: "user" | "assume-role" | "web-identity" | "instance" | "container";
  /** The name of the role's session. */
  readonly session?: string | undefined;
}

/** The role, and the values that it requires of a caller. */
export const role = {
  arn: "arn:aws:iam::111122223333:role/trousseau",
  externalId: "the-external-id",
} as const;

/** One account's logins. */
export class AwsLogins {
  /** The access key of a user, which does not expire. */
  readonly accessKeyId = `AKIA${id()}`;
  readonly secretAccessKey = randomBytes(30).toString("base64");
  readonly issued = new Map<string, Issued>();
  /** The token of the role's issuer. */
  webToken = randomBytes(40).toString("base64url");
  /** The token that the container's agent requires. */
  containerToken = randomBytes(20).toString("base64url");
  /** The role of the machine; `undefined` for none. */
  instanceRole: string | undefined = "node-role";
  /** The lifetime of temporary credentials in seconds. */
  lifetime = 3600;
  refuses = false;
  /** Whether it throttles requests. */
  busy = false;
  /** Number of requests for credentials, refused ones included. */
  logins = 0;
  readonly #now: () => number;
  readonly #metadataTokens = new Set<string>();

  /** @param now returns seconds since the epoch. */
  constructor(now: () => number) {
    this.#now = now;
    this.restore();
  }

  /** Makes the user's key valid again. */
  restore(): void {
    const { secretAccessKey } = this;
    this.issued.set(this.accessKeyId, { secretAccessKey, sessionToken: undefined, expires: Infinity, by: "user" });
  }

  /** Makes all issued credentials invalid. */
  revoke(): void {
    this.issued.clear();
  }

  /** POST / of STS, for a caller with a checked signature or without a signature. */
  sts(form: URLSearchParams, signed: boolean): LoginReply {
    this.logins++;
    const action = form.get("Action") ?? "";
    if (this.busy) return stsError(400, "Throttling");
    if (this.refuses) return stsError(403, "AccessDenied");
    if (form.get("RoleArn") !== role.arn) return stsError(403, "AccessDenied");
    if (!/^[\w+=,.@-]{2,64}$/.test(form.get("RoleSessionName") ?? "")) return stsError(400, "ValidationError");
    if (action === "AssumeRoleWithWebIdentity") {
      if (form.get("WebIdentityToken") !== this.webToken) return stsError(400, "InvalidIdentityToken");
      return this.#stsAnswer(action, "web-identity", form);
    }
    if (action !== "AssumeRole" || !signed) return stsError(403, "MissingAuthenticationToken");
    if (form.get("ExternalId") !== role.externalId) return stsError(403, "AccessDenied");
    return this.#stsAnswer(action, "assume-role", form);
  }

  /** PUT and GET of the metadata service. */
  instance(method: string, path: string, headers: Readonly<Record<string, string>>): LoginReply {
    if (method === "PUT") {
      const seconds = Number(headers["x-aws-ec2-metadata-token-ttl-seconds"]);
      if (path !== "/latest/api/token" || !(seconds >= 1 && seconds <= 21_600)) return { status: 400, text: "" };
      const token = randomBytes(30).toString("base64");
      this.#metadataTokens.add(token);
      return { status: 200, text: token };
    }
    // Version 1 is disabled: a request without a token is refused.
    if (!this.#metadataTokens.has(headers["x-aws-ec2-metadata-token"] ?? "")) return { status: 401, text: "" };
    const base = "/latest/meta-data/iam/security-credentials/";
    if (this.instanceRole === undefined) return { status: 404, text: "<html>404 - Not Found</html>" };
    if (path === base) return { status: 200, text: this.instanceRole };
    if (path !== base + this.instanceRole) return { status: 404, text: "" };
    this.logins++;
    if (this.refuses) return { status: 200, text: JSON.stringify({ Code: "AssumeRoleUnauthorizedAccess" }) };
    return { status: 200, text: JSON.stringify({ Code: "Success", Type: "AWS-HMAC", ...this.#agent("instance") }) };
  }

  /** GET of the container's agent. */
  container(authorization: string | undefined): LoginReply {
    this.logins++;
    if (this.refuses || authorization !== this.containerToken) return { status: 401, text: '{"message":"no"}' };
    return { status: 200, text: JSON.stringify(this.#agent("container")) };
  }

  #agent(by: Issued["by"]) {
    const { accessKeyId, secretAccessKey, sessionToken, expiration } = this.#issue(by);
    return {
      AccessKeyId: accessKeyId,
      SecretAccessKey: secretAccessKey,
      Token: sessionToken,
      Expiration: expiration,
    };
  }

  #stsAnswer(action: string, by: Issued["by"], form: URLSearchParams): LoginReply {
    const given = this.#issue(by, form.get("RoleSessionName") ?? "");
    const { accessKeyId, secretAccessKey, sessionToken, expiration } = given;
    const credentials =
      `<AccessKeyId>${accessKeyId}</AccessKeyId><SecretAccessKey>${secretAccessKey}</SecretAccessKey>` +
      `<SessionToken>${sessionToken}</SessionToken><Expiration>${expiration}</Expiration>`;
    const text = `<${action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><${action}Result>` +
      `<Credentials>${credentials}</Credentials></${action}Result></${action}Response>`;
    return { status: 200, text };
  }

  #issue(by: Issued["by"], session?: string) {
    const accessKeyId = `ASIA${id()}`;
    const secretAccessKey = randomBytes(30).toString("base64");
    const sessionToken = randomBytes(60).toString("base64");
    const expires = this.#now() + this.lifetime;
    this.issued.set(accessKeyId, { secretAccessKey, sessionToken, expires, by, session });
    const expiration = new Date(expires * 1000).toISOString().replace(/\.\d+/, "");
    return { accessKeyId, secretAccessKey, sessionToken, expiration };
  }
}

/** An error as STS writes it. */
export function stsError(status: number, code: string): LoginReply {
  const text = `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>` +
    `<Code>${code}</Code><Message>a text that nobody should repeat</Message></Error></ErrorResponse>`;
  return { status, text };
}

function id(): string {
  return randomBytes(8).toString("hex").toUpperCase();
}
