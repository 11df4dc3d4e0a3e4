/**
 * Sets up each login method in a Vault of the test, as an administrator does.
 *
 * @module
 */
import { createSign, generateKeyPairSync, type KeyObject } from "node:crypto";
import { join } from "node:path";
import type { VaultAuth, VaultTls } from "../../lib/provider/vault_transit/settings.ts";
import { pause } from "./processes.ts";
import type { Vault } from "./vault.ts";
import { fileSecret, MemorySecret } from "./vault_settings.ts";

/** The lifetimes of tokens, in seconds. */
export interface Lifetimes {
  readonly ttl: number;
  readonly max: number;
}

/** A login method that is set up. */
export interface Way {
  /** The mount, by which the audit file names the method. */
  readonly mount: string;
  readonly auth: VaultAuth;
  readonly tls?: VaultTls;
  /** The path of a login in the audit file. */
  readonly loginPath: string;
  /** Makes Vault refuse the login and revokes its tokens. @returns a function that permits it again. */
  readonly refuse: () => Promise<() => Promise<void>>;
  /** Work of another program during the test, such as Vault's agent, which renews a token file. */
  readonly tend?: (signal: AbortSignal) => Promise<void>;
}

/** The TokenReview API that Vault's Kubernetes auth method calls. It accepts the token of one service account. */
export class TokenReviewDouble implements AsyncDisposable {
  readonly #server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => this.#review(request));
  readonly address = `http://127.0.0.1:${this.#server.addr.port}`;
  readonly #jwt: string;
  reviews = 0;

  constructor(jwt: string) {
    this.#jwt = jwt;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  async #review(request: Request): Promise<Response> {
    this.reviews++;
    const { spec } = await request.json();
    const user = {
      username: "system:serviceaccount:kube-system:trousseau",
      uid: "0f5e3bb8-3c8a-4f2f-9d55-000000000001",
      groups: ["system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"],
    };
    const status = spec.token === this.#jwt
      ? { authenticated: true, user, audiences: ["vault"] }
      : { authenticated: false };
    return Response.json({ apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", status }, { status: 201 });
  }
}

/** A JWT signed with ES256. */
function signed(key: KeyObject, claims: Record<string, unknown>): string {
  const part = (value: unknown) =>
    new TextEncoder().encode(JSON.stringify(value)).toBase64({ alphabet: "base64url", omitPadding: true });
  const head = `${part({ alg: "ES256", typ: "JWT" })}.${part(claims)}`;
  const signature = createSign("sha256").update(head).sign({ key, dsaEncoding: "ieee-p1363" });
  return `${head}.${new Uint8Array(signature).toBase64({ alphabet: "base64url", omitPadding: true })}`;
}

const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
const publicKey = keys.publicKey.export({ type: "spki", format: "pem" }).toString();

/** A token that {@linkcode TokenReviewDouble} accepts, and that Vault's JWT method verifies itself. */
export function serviceAccountJwt(): string {
  const now = Math.floor(Date.now() / 1000);
  return signed(keys.privateKey, {
    iss: "https://kubernetes.default.svc.cluster.local",
    sub: "system:serviceaccount:kube-system:trousseau",
    aud: ["vault"],
    iat: now,
    exp: now + 3600,
    "kubernetes.io": {
      namespace: "kube-system",
      serviceaccount: { name: "trousseau", uid: "0f5e3bb8-3c8a-4f2f-9d55-000000000001" },
    },
  });
}

/** Replaces a file in the Vault's folder atomically. */
export async function write(vault: Vault, name: string, text: string): Promise<string> {
  const path = join(vault.folder, name);
  await Deno.writeTextFile(`${path}.new`, text);
  await Deno.rename(`${path}.new`, path);
  return path;
}

const policies = { token_policies: "trousseau", token_no_default_policy: true };

/** An address from which no client connects: a role that is bound to it refuses every login. */
const elsewhere = "192.0.2.1/32";

/**
 * Makes a role.
 *
 * @param renew sets a new secret: a refused one is not sent again soon.
 * @returns the function for {@linkcode Way.refuse}.
 */
async function makeRole(
  vault: Vault,
  mount: string,
  path: string,
  role: object,
  renew: () => Promise<object> = () => Promise.resolve({}),
): Promise<Way["refuse"]> {
  await vault.api("POST", path, role);
  return async () => {
    await vault.api("POST", path, { ...role, token_bound_cidrs: elsewhere });
    await vault.api("POST", `sys/leases/revoke-prefix/auth/${mount}`);
    return async () => void await vault.api("POST", path, { ...role, token_bound_cidrs: "", ...await renew() });
  };
}

const given = ({ ttl, max }: Lifetimes) => ({ ...policies, token_ttl: `${ttl}s`, token_max_ttl: `${max}s` });

/** Sets a method up. The policy `trousseau` must exist. */
export type SetUp = (vault: Vault, lifetimes: Lifetimes, review: TokenReviewDouble) => Promise<Way>;

async function approle(vault: Vault, lifetimes: Lifetimes, mount: string, wrapped: boolean): Promise<Way> {
  await vault.api("POST", `sys/auth/${mount}`, { type: "approle" });
  const refuse = await makeRole(vault, mount, `auth/${mount}/role/trousseau`, given(lifetimes));
  const roleId = (await vault.api("GET", `auth/${mount}/role/trousseau/role-id`)).body.data.role_id;
  const headers = { "x-vault-token": vault.token, ...(wrapped ? { "x-vault-wrap-ttl": "60s" } : {}) };
  const { body } = await vault.ask("POST", `auth/${mount}/role/trousseau/secret-id`, {}, headers);
  const file = await write(vault, `secret-id-${wrapped}`, wrapped ? body.wrap_info.token : body.data.secret_id);
  const auth: VaultAuth = {
    method: "approle",
    mount,
    roleId: new MemorySecret(roleId),
    secretId: fileSecret(file),
    wrapped,
  };
  return { mount, auth, loginPath: `auth/${mount}/login`, refuse };
}

/** The set-up functions, by the method's name. The second variant of a method has a longer name. */
export const ways: Readonly<Record<string, SetUp>> = {
  token: async (vault, { ttl, max }) => {
    const make = async () =>
      (await vault.api("POST", "auth/token/create", {
        policies: ["trousseau"],
        no_default_policy: true,
        ttl: `${ttl}s`,
        explicit_max_ttl: `${max}s`,
      })).body.auth.client_token;
    const file = await write(vault, "token", await make());
    return {
      mount: "token",
      auth: { method: "token", token: fileSecret(file) },
      loginPath: "auth/token/lookup-self",
      refuse: async () => {
        await vault.api("POST", "auth/token/revoke", { token: (await Deno.readTextFile(file)).trim() });
        return async () => void await write(vault, "token", await make());
      },
      tend: async (signal) => {
        while (!signal.aborted) {
          await pause(Math.min(max / 2, 3600) * 1000);
          await write(vault, "token", await make());
        }
      },
    };
  },
  approle: (vault, lifetimes) => approle(vault, lifetimes, "approle", false),
  "approle, wrapped": (vault, lifetimes) => approle(vault, lifetimes, "teams/approle", true),
  "approle, without secret ID": async (vault, lifetimes) => {
    await vault.api("POST", "sys/auth/bare", { type: "approle" });
    const role = { ...given(lifetimes), bind_secret_id: false, secret_id_bound_cidrs: "127.0.0.0/8" };
    const refuse = await makeRole(vault, "bare", "auth/bare/role/trousseau", role);
    const roleId = (await vault.api("GET", "auth/bare/role/trousseau/role-id")).body.data.role_id;
    const auth: VaultAuth = { method: "approle", mount: "bare", roleId: new MemorySecret(roleId) };
    return { mount: "bare", auth, loginPath: "auth/bare/login", refuse };
  },
  kubernetes: async (vault, lifetimes, review) => {
    await vault.api("POST", "sys/auth/kubernetes", { type: "kubernetes" });
    await vault.api("POST", "auth/kubernetes/config", {
      kubernetes_host: review.address,
      // The double uses plain HTTP, but OpenBao still requires an authority.
      kubernetes_ca_cert: vault.authority.certificate,
      disable_local_ca_jwt: true,
      token_reviewer_jwt: serviceAccountJwt(),
    });
    const refuse = await makeRole(vault, "kubernetes", "auth/kubernetes/role/trousseau", {
      ...given(lifetimes),
      bound_service_account_names: ["trousseau"],
      bound_service_account_namespaces: ["kube-system"],
      audience: "vault",
    });
    const jwt = fileSecret(join(vault.folder, "service-account"));
    return {
      mount: "kubernetes",
      auth: { method: "kubernetes", mount: "kubernetes", role: "trousseau", jwt },
      loginPath: "auth/kubernetes/login",
      refuse,
    };
  },
  jwt: async (vault, lifetimes) => {
    await vault.api("POST", "sys/auth/jwt", { type: "jwt" });
    await vault.api("POST", "auth/jwt/config", { jwt_validation_pubkeys: [publicKey] });
    const refuse = await makeRole(vault, "jwt", "auth/jwt/role/trousseau", {
      ...given(lifetimes),
      role_type: "jwt",
      user_claim: "sub",
      bound_audiences: ["vault"],
    });
    const file = await write(vault, "jwt", serviceAccountJwt());
    return {
      mount: "jwt",
      auth: { method: "jwt", mount: "jwt", role: "trousseau", jwt: fileSecret(file) },
      loginPath: "auth/jwt/login",
      refuse,
    };
  },
  cert: async (vault, lifetimes) => {
    await vault.api("POST", "sys/auth/cert", { type: "cert" });
    const refuse = await makeRole(vault, "cert", "auth/cert/certs/trousseau", {
      ...given(lifetimes),
      certificate: vault.authority.certificate,
    });
    const pair = vault.authority.issue({ commonName: "trousseau" });
    const certificateFile = await write(vault, "client.pem", pair.certificate);
    const keyFile = await write(vault, "client.key", pair.key);
    return {
      mount: "cert",
      auth: { method: "cert", mount: "cert", role: "trousseau" },
      tls: { certificateFile, keyFile },
      loginPath: "auth/cert/login",
      refuse,
    };
  },
  userpass: async (vault, lifetimes) => {
    await vault.api("POST", "sys/auth/userpass", { type: "userpass" });
    const user = { ...given(lifetimes), password: "a password" };
    const refuse = await makeRole(vault, "userpass", "auth/userpass/users/trousseau", user, async () => {
      await write(vault, "password", "another password\n");
      return { password: "another password" };
    });
    const file = await write(vault, "password", "a password\n");
    return {
      mount: "userpass",
      auth: { method: "userpass", mount: "userpass", username: "trousseau", password: fileSecret(file) },
      loginPath: "auth/userpass/login/trousseau",
      refuse,
    };
  },
};
