/**
 * A double of Microsoft Entra ID's token endpoint and of a virtual machine's metadata service: the client credentials
 * grant with a secret, a certificate or another issuer's token, and managed identities.
 *
 * Written from "OAuth 2.0 client credentials flow", "Application authentication certificate credentials" and "Use managed
 * identities on a virtual machine to acquire access token".
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { constants, randomBytes, verify, X509Certificate } from "node:crypto";
import type { VaultReply } from "./key_vault_keys.ts";
import { thumbprint } from "./key_vault_keys.ts";

/** An issued token. */
export interface Issued {
  readonly resource: string;
  readonly by: "client-secret" | "client-certificate" | "workload-identity" | "managed-identity" | "azure-arc";
  /** Seconds since the epoch. */
  readonly expires: number;
}

/** One tenant with one application, and one machine with a system-assigned and a user-assigned identity. */
export class EntraDouble {
  readonly tenantId = crypto.randomUUID();
  readonly clientId = crypto.randomUUID();
  clientSecret = newSecret();
  /** The client ID of a user-assigned identity of the machine. */
  readonly identityId = crypto.randomUUID();
  /** The token that the federated credential accepts. */
  federatedToken = randomBytes(40).toString("base64url");
  /** The application's certificate, PEM. */
  certificate: string | undefined;
  /** Whether it trusts the issuer of the certificate and requires the chain. */
  wantsChain = false;
  /** The lifetime of a token in seconds. */
  lifetime = 3599;
  refuses = false;
  /** Whether it throttles requests. */
  busy = false;
  /** Whether it issues tokens that are not valid. */
  forgets = false;
  readonly tokens = new Map<string, Issued>();
  /** The folder of the Arc agent's key files. */
  arcFolder = "";
  /** The path of the next key file in the agent's answer; the real path if `undefined`. */
  arcRealm: string | undefined;
  /** Number of requests for a token, refused ones included. */
  logins = 0;
  /** The content of the last client assertion. */
  lastAssertion: { readonly header: Record<string, unknown>; readonly claims: Record<string, unknown> } | undefined;
  readonly #now: () => number;
  #arcKey: string | undefined;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Replaces the secret of the application. */
  renewSecret(): void {
    this.clientSecret = newSecret();
  }

  /** Makes all issued tokens invalid. */
  revoke(): void {
    this.tokens.clear();
  }

  /** GET /{tenant}/v2.0/.well-known/openid-configuration, the first request of Microsoft's own library. */
  discover(origin: string, path: string): VaultReply {
    if (!path.startsWith(`/${this.tenantId}/v2.0/.well-known/openid-configuration`)) return { status: 404, body: {} };
    const base = `${origin}/${this.tenantId}`;
    return {
      status: 200,
      body: {
        issuer: `${base}/v2.0`,
        token_endpoint: `${base}/oauth2/v2.0/token`,
        authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
        jwks_uri: `${base}/discovery/v2.0/keys`,
        end_session_endpoint: `${base}/oauth2/v2.0/logout`,
        token_endpoint_auth_methods_supported: ["client_secret_post", "private_key_jwt"],
        response_types_supported: ["token"],
      },
    };
  }

  /** POST /{tenant}/oauth2/v2.0/token */
  token(origin: string, path: string, text: string): VaultReply {
    this.logins++;
    if (this.busy) return refused(429, "temporarily_unavailable", 90055);
    const fields = new URLSearchParams(text);
    const [, tenant] = /^\/([^/]+)\/oauth2\/v2\.0\/token$/.exec(path) ?? [];
    if (tenant !== this.tenantId) return refused(400, "invalid_request", 90002);
    if (fields.get("grant_type") !== "client_credentials") return refused(400, "unsupported_grant_type", 70003);
    if (fields.get("client_id") !== this.clientId) return refused(400, "unauthorized_client", 700016);
    const by = this.#proof(fields, `${origin}${path}`);
    if (typeof by === "number") return refused(401, "invalid_client", by);
    if (this.refuses) return refused(401, "invalid_client", 7000222);
    const resource = fields.get("scope")?.replace(/\/\.default$/, "") ?? "";
    const access_token = this.#issue(resource, by);
    const body = { token_type: "Bearer", expires_in: this.lifetime, ext_expires_in: this.lifetime, access_token };
    return { status: 200, body };
  }

  /** GET /metadata/identity/oauth2/token */
  metadata(query: URLSearchParams, header: string | undefined): VaultReply {
    this.logins++;
    const bad = (description: string) => ({
      status: 400,
      body: { error: "invalid_request", error_description: description },
    });
    if (header !== "true") return bad("Required metadata header not specified");
    if (query.get("api-version") !== "2018-02-01") return bad("Required query variable 'api-version' is missing");
    const client = query.get("client_id");
    if (this.refuses || (client !== null && client !== this.identityId)) return bad("Identity not found");
    const access_token = this.#issue(query.get("resource") ?? "", "managed-identity");
    const expires_on = `${Math.floor(this.#now() + this.lifetime)}`;
    const resource = query.get("resource");
    return {
      status: 200,
      body: { access_token, expires_in: `${this.lifetime}`, expires_on, resource, token_type: "Bearer" },
    };
  }

  /** The same for an Azure Arc agent: 401 with the path of a key file, then a token for a request with its content. */
  async arc(
    query: URLSearchParams,
    authorization: string | undefined,
  ): Promise<VaultReply & { readonly realm?: string }> {
    const proven = !this.refuses && this.#arcKey !== undefined && authorization === `Basic ${this.#arcKey}`;
    if (!proven) {
      this.#arcKey = randomBytes(32).toString("base64");
      const realm = `${this.arcFolder}/${crypto.randomUUID()}.key`;
      await Deno.writeTextFile(realm, this.#arcKey, { mode: 0o640 });
      return { status: 401, body: {}, realm: this.arcRealm ?? realm };
    }
    this.logins++;
    this.#arcKey = undefined;
    const access_token = this.#issue(query.get("resource") ?? "", "azure-arc");
    return { status: 200, body: { access_token, expires_in: `${this.lifetime}`, token_type: "Bearer" } };
  }

  /** A token without a login. */
  give(resource: string): string {
    return this.#issue(resource, "client-secret");
  }

  #issue(resource: string, by: Issued["by"]): string {
    const token = `eyJ.${randomBytes(24).toString("base64url")}.${randomBytes(24).toString("base64url")}`;
    if (!this.forgets) this.tokens.set(token, { resource, by, expires: this.#now() + this.lifetime });
    return token;
  }

  /** The method by which the application authenticated, or the number of the error. */
  #proof(fields: URLSearchParams, audience: string): Issued["by"] | number {
    const secret = fields.get("client_secret");
    if (secret !== null) return secret === this.clientSecret ? "client-secret" : 7000215;
    const assertion = fields.get("client_assertion") ?? "";
    if (fields.get("client_assertion_type") !== "urn:ietf:params:oauth:client-assertion-type:jwt-bearer") {
      return 7000218;
    }
    if (assertion === this.federatedToken) return "workload-identity";
    if (assertion.split(".").length !== 3) return 700211;
    return this.#checkAssertion(assertion, audience) ? "client-certificate" : 700027;
  }

  #checkAssertion(jwt: string, audience: string): boolean {
    const [header = "", claims = "", signature = ""] = jwt.split(".");
    const read = (part: string): Record<string, unknown> => JSON.parse(Buffer.from(part, "base64url").toString());
    this.lastAssertion = { header: read(header), claims: read(claims) };
    if (this.certificate === undefined) return false;
    const certificate = new X509Certificate(this.certificate);
    const { header: { alg, x5c, ["x5t#S256"]: print }, claims: { aud, iss, sub, exp, nbf, jti } } = this.lastAssertion;
    const now = this.#now();
    const named = this.wantsChain
      ? Array.isArray(x5c) && x5c[0] === certificate.raw.toString("base64")
      : print === thumbprint(certificate.raw);
    const key = {
      key: certificate.publicKey,
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
    };
    return named && alg === "PS256" && aud === audience && iss === this.clientId && sub === this.clientId &&
      typeof jti === "string" && Number(nbf) <= now + 1 && Number(exp) > now && Number(exp) <= now + 600 &&
      verify("sha256", Buffer.from(`${header}.${claims}`), key, Buffer.from(signature, "base64url"));
  }
}

/** An error as Entra ID writes it. */
function refused(status: number, error: string, number: number): VaultReply {
  const error_description = `AADSTS${number}: a text that nobody should repeat. Trace ID: ${crypto.randomUUID()}`;
  return { status, body: { error, error_description, error_codes: [number], correlation_id: crypto.randomUUID() } };
}

function newSecret(): string {
  return randomBytes(20).toString("base64url");
}
