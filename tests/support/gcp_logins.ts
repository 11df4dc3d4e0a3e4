/**
 * A double of the services that issue tokens for Google Cloud: OAuth for keys of service accounts, the Security Token
 * Service, the Service Account Credentials API and the metadata server of a machine.
 *
 * Written from "Using OAuth 2.0 for Server to Server Applications", the references of `sts.token` and
 * `projects.serviceAccounts.generateAccessToken`, and "About VM metadata".
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { generateKeyPair, type KeyObject, randomBytes, verify } from "node:crypto";
import { promisify } from "node:util";
import { detail, failure, type GcpReply } from "./gcp_keys.ts";

/** The method by which a token was issued. */
export type IssuedBy = "key" | "federation" | "metadata" | "impersonation";

/** An issued token. */
export interface IssuedToken {
  readonly by: IssuedBy;
  readonly account: string;
  readonly scopes: readonly string[];
  /** Seconds since the epoch. */
  readonly expires: number;
}

const generate = promisify(generateKeyPair);
/** Generating RSA keys is slow: all doubles share one. */
const pairs: Promise<{ readonly privateKey: KeyObject; readonly publicKey: KeyObject }>[] = [];

/** The OAuth scopes of tokens. */
export const scope = {
  kms: "https://www.googleapis.com/auth/cloudkms",
  iam: "https://www.googleapis.com/auth/iam",
  all: "https://www.googleapis.com/auth/cloud-platform",
} as const;

/** One project's service accounts, one pool, and one machine. */
export class GcpLogins {
  readonly email = "trousseau@my-project.iam.gserviceaccount.com";
  readonly machine = "node@my-project.iam.gserviceaccount.com";
  readonly kmsUser = "kms-user@my-project.iam.gserviceaccount.com";
  readonly audience =
    "//iam.googleapis.com/projects/123456789/locations/global/workloadIdentityPools/nodes/providers/k8s";
  /** The token that the pool accepts. */
  subjectToken = randomBytes(40).toString("base64url");
  /** The lifetime of a token in seconds. */
  lifetime = 3599;
  /** The access scopes of the machine's service account. */
  machineScopes: readonly string[] = [scope.all];
  /** The accounts that can impersonate `kmsUser`; all if `undefined`. */
  mayImpersonate: readonly string[] | undefined;
  refuses = false;
  /** Whether it throttles requests. */
  busy = false;
  /** Whether the metadata server sends its header `Metadata-Flavor`. */
  flavored = true;
  /** The ID of the accepted key. */
  keyId = randomBytes(20).toString("hex");
  readonly issued = new Map<string, IssuedToken>();
  /** Number of requests for a token, refused ones included. */
  logins = 0;
  lastAssertion: { readonly header: Record<string, unknown>; readonly claims: Record<string, unknown> } | undefined;
  lastImpersonation: Readonly<Record<string, unknown>> | undefined;
  readonly #now: () => number;
  #public: KeyObject | undefined;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Makes all issued tokens invalid. */
  revoke(): void {
    this.issued.clear();
  }

  /** The content of a key file of the service account. */
  async keyFile(changes: Readonly<Record<string, unknown>> = {}): Promise<string> {
    const { privateKey, publicKey } = await (pairs[0] ??= generate("rsa", { modulusLength: 2048 }));
    this.#public = publicKey;
    return JSON.stringify({
      type: "service_account",
      project_id: "my-project",
      private_key_id: this.keyId,
      private_key: privateKey.export({ type: "pkcs8", format: "pem" }),
      client_email: this.email,
      client_id: "112233445566778899000",
      auth_uri: "https://accounts.google.com/o/oauth2/auth",
      token_uri: "https://oauth2.googleapis.com/token",
      universe_domain: "googleapis.com",
      ...changes,
    });
  }

  /** A credential configuration as gcloud writes it. */
  federationFile(source: Readonly<Record<string, unknown>>, changes: Readonly<Record<string, unknown>> = {}): string {
    return JSON.stringify({
      universe_domain: "googleapis.com",
      type: "external_account",
      audience: this.audience,
      subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
      token_url: "https://sts.googleapis.com/v1/token",
      credential_source: source,
      ...changes,
    });
  }

  /** The URL in such a file for the impersonation of a service account. */
  impersonationUrl(account = this.kmsUser): string {
    return `https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/${account}:generateAccessToken`;
  }

  /** POST /token of oauth2.googleapis.com. */
  oauth(text: string): GcpReply {
    this.logins++;
    const fields = new URLSearchParams(text);
    if (fields.get("grant_type") !== "urn:ietf:params:oauth:grant-type:jwt-bearer") {
      return refused(400, "unsupported_grant_type");
    }
    const claims = this.checkedJwt(fields.get("assertion") ?? "");
    const sound = claims?.aud === "https://oauth2.googleapis.com/token" && claims.sub === undefined && !this.refuses;
    if (claims === undefined || !sound) return refused(400, "invalid_grant");
    return this.#granted("key", this.email, String(claims.scope).split(" "));
  }

  /** The claims of a JWT, if the service account has signed it. */
  checkedJwt(jwt: string): Record<string, unknown> | undefined {
    const [header = "", claims = "", signature = ""] = jwt.split(".");
    const read = (part: string): Record<string, unknown> => JSON.parse(Buffer.from(part, "base64url").toString());
    try {
      this.lastAssertion = { header: read(header), claims: read(claims) };
    } catch {
      return undefined;
    }
    const { header: { alg, kid }, claims: { iss, iat, exp } } = this.lastAssertion;
    const [now, key] = [this.#now(), this.#public];
    const sound = alg === "RS256" && (kid === undefined || kid === this.keyId) && iss === this.email &&
      key !== undefined &&
      Number(iat) <= now + 1 && Number(exp) > now && Number(exp) - Number(iat) <= 3600 &&
      verify("sha256", Buffer.from(`${header}.${claims}`), key, Buffer.from(signature, "base64url"));
    return sound ? this.lastAssertion.claims : undefined;
  }

  /** POST /v1/token of sts.googleapis.com. */
  sts(text: string): GcpReply {
    this.logins++;
    const fields = new URLSearchParams(text);
    if (fields.get("grant_type") !== "urn:ietf:params:oauth:grant-type:token-exchange") {
      return refused(400, "invalid_request");
    }
    if (fields.get("audience") !== this.audience) return refused(400, "invalid_target");
    if (fields.get("requested_token_type") !== "urn:ietf:params:oauth:token-type:access_token") {
      return refused(400, "invalid_request");
    }
    if (fields.get("subject_token_type") !== "urn:ietf:params:oauth:token-type:jwt") {
      return refused(400, "invalid_request");
    }
    if (this.refuses || fields.get("subject_token") !== this.subjectToken) return refused(400, "invalid_grant");
    const { status, body } = this.#granted("federation", "principal://nodes", (fields.get("scope") ?? "").split(" "));
    return { status, body: { ...body as object, issued_token_type: "urn:ietf:params:oauth:token-type:access_token" } };
  }

  /** POST …:generateAccessToken of iamcredentials.googleapis.com. */
  impersonate(account: string, token: string | undefined, body: Readonly<Record<string, unknown>>): GcpReply {
    this.logins++;
    this.lastImpersonation = body;
    const caller = this.valid(token);
    if (caller === undefined) return failure(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.");
    if (!caller.scopes.some((one) => one === scope.iam || one === scope.all)) {
      const info = detail("ErrorInfo", { reason: "ACCESS_TOKEN_SCOPE_INSUFFICIENT", domain: "googleapis.com" });
      return failure(403, "PERMISSION_DENIED", "Request had insufficient authentication scopes.", info);
    }
    const may = this.mayImpersonate === undefined || this.mayImpersonate.includes(caller.account);
    if (this.refuses || !may || account !== this.kmsUser) {
      const info = detail("ErrorInfo", { reason: "IAM_PERMISSION_DENIED", domain: "iam.googleapis.com" });
      return failure(403, "PERMISSION_DENIED", "Permission 'iam.serviceAccounts.getAccessToken' denied", info);
    }
    const accessToken = this.#issue("impersonation", account, Array.isArray(body.scope) ? body.scope.map(String) : []);
    return {
      status: 200,
      body: { accessToken, expireTime: new Date((this.#now() + this.lifetime) * 1000).toISOString() },
    };
  }

  /** GET …/instance/service-accounts/ACCOUNT/token of the metadata server. */
  metadata(path: string, flavor: string | undefined): GcpReply {
    this.logins++;
    const [, account] = /^\/computeMetadata\/v1\/instance\/service-accounts\/([^/]+)\/token$/.exec(path) ?? [];
    if (flavor !== "Google") return { status: 403, body: {} };
    if (this.busy) return { status: 429, body: {} };
    if (this.refuses || (account !== "default" && account !== this.machine)) return { status: 404, body: {} };
    return this.#granted("metadata", this.machine, this.machineScopes);
  }

  /** A token without a login. */
  give(scopes: readonly string[] = [scope.kms]): string {
    return this.#issue("key", this.email, scopes);
  }

  valid(token: string | undefined): IssuedToken | undefined {
    const found = this.issued.get(token ?? "");
    return found !== undefined && found.expires > this.#now() ? found : undefined;
  }

  #granted(by: IssuedBy, account: string, scopes: readonly string[]): GcpReply {
    const access_token = this.#issue(by, account, scopes);
    return { status: 200, body: { access_token, expires_in: this.lifetime, token_type: "Bearer" } };
  }

  #issue(by: IssuedBy, account: string, scopes: readonly string[]): string {
    const token = `ya29.${randomBytes(32).toString("base64url")}`;
    this.issued.set(token, { by, account, scopes, expires: this.#now() + this.lifetime });
    return token;
  }
}

function refused(status: number, error: string): GcpReply {
  return { status, body: { error, error_description: "a text that nobody should repeat" } };
}
