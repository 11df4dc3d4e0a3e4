/**
 * Who gives out credentials of AWS, as a double: STS, a machine's metadata service (version 2), and the agent of a
 * container; and which of them are good.
 *
 * Written from the API reference of AWS STS, "Use the Instance Metadata Service to access instance metadata" and
 * "Container credential provider".
 *
 * @module
 */
import { randomBytes } from "node:crypto";

/** A text answer before it is put on the wire. */
export interface LoginReply {
  readonly status: number;
  readonly text: string;
}

/** Credentials that were given out. */
export interface Issued {
  readonly secretAccessKey: string;
  /** Temporary ones have one. */
  readonly sessionToken: string | undefined;
  /** Seconds since the epoch. */
  readonly expires: number;
  readonly by: "user" | "assume-role" | "web-identity" | "instance" | "container";
  /** What the role's session is called. */
  readonly session?: string | undefined;
}

/** What the role wants of those who take it on. */
export const role = {
  arn: "arn:aws:iam::111122223333:role/trousseau",
  externalId: "the-external-id",
} as const;

/** One account's logins. */
export class AwsLogins {
  /** A user's, which never expire. */
  readonly accessKeyId = `AKIA${id()}`;
  readonly secretAccessKey = randomBytes(30).toString("base64");
  readonly issued = new Map<string, Issued>();
  /** What the role's issuer has signed. */
  webToken = randomBytes(40).toString("base64url");
  /** What the container's agent wants to see. */
  containerToken = randomBytes(20).toString("base64url");
  /** The role of the machine; without one it has none. */
  instanceRole: string | undefined = "node-role";
  /** Seconds that temporary credentials live. */
  lifetime = 3600;
  refuses = false;
  /** Whether it has more requests than it takes. */
  busy = false;
  /** How often credentials were asked for, whatever came of it. */
  logins = 0;
  readonly #now: () => number;
  readonly #metadataTokens = new Set<string>();

  /** @param now seconds since the epoch. */
  constructor(now: () => number) {
    this.#now = now;
    this.restore();
  }

  /** The user's key is good again. */
  restore(): void {
    const { secretAccessKey } = this;
    this.issued.set(this.accessKeyId, { secretAccessKey, sessionToken: undefined, expires: Infinity, by: "user" });
  }

  /** All credentials that were given out are good no more. */
  revoke(): void {
    this.issued.clear();
  }

  /** POST / of STS, for a caller whose signature was checked, or for one without. */
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
    // Version 1 is switched off: a request without a token is refused.
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
