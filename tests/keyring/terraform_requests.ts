/**
 * The requests of HashiCorp's Terraform provider `vault`, as its releases 3 to 5 send them for a login, for the resource,
 * the data sources and the ephemeral resource of KV version 2, and the answers of the keyring.
 *
 * @module
 */

/** One request and its answer. */
export interface TerraformRequest {
  /** The object of Terraform that sends it. */
  readonly of: string;
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  /** Below `/v1/`. */
  readonly path: string;
  readonly body?: unknown;
  readonly status: number;
  /** The members that the provider reads, by their path from the root of the answer. */
  readonly reads?: Readonly<Record<string, unknown>>;
}

const app = { data: "secret/data/db/app", metadata: "secret/metadata/db/app" } as const;

/** In the order in which they are sent. A token of the login is sent with all but the login. */
export const terraformRequests: readonly TerraformRequest[] = [
  {
    of: "provider, auth_login_jwt",
    method: "PUT",
    path: "auth/jwt/login",
    body: { role: "terraform", jwt: "a.good.jwt" },
    status: 200,
    reads: { "auth.token_type": "service" },
  },
  {
    of: "provider",
    method: "GET",
    path: "auth/token/lookup-self",
    status: 200,
    reads: { "data.policies": ["terraform"], "data.renewable": true },
  },
  {
    of: "provider without skip_child_token",
    method: "POST",
    path: "auth/token/create",
    body: {
      display_name: "terraform",
      ttl: "1200s",
      explicit_max_ttl: "1200s",
      num_uses: 0,
      renewable: false,
      type: "",
      entity_alias: "",
    },
    status: 405,
    reads: {
      "errors.0":
        "The keyring makes no child tokens; set skip_child_token = true in Terraform's provider, or take a token of clectl token create.",
    },
  },
  { of: "provider", method: "GET", path: "sys/seal-status", status: 200, reads: { "sealed": false } },
  {
    of: "vault_kv_secret_v2: create",
    method: "PUT",
    path: app.data,
    body: { data: { user: "app", password: "one", port: 5432 }, cas: 0, options: {} },
    status: 200,
    reads: { "data.version": 1 },
  },
  {
    of: "vault_kv_secret_v2: create, custom_metadata",
    method: "PUT",
    path: app.metadata,
    body: { max_versions: 5, custom_metadata: { team: "shop" } },
    status: 204,
  },
  {
    of: "vault_kv_secret_v2: read",
    method: "GET",
    path: app.data,
    status: 200,
    reads: {
      "data.data": { user: "app", password: "one", port: 5432 },
      "data.metadata.custom_metadata": { team: "shop" },
    },
  },
  {
    of: "vault_kv_secret_v2: read, custom_metadata",
    method: "GET",
    path: app.metadata,
    status: 200,
    reads: {
      "data.max_versions": 5,
      "data.cas_required": false,
      "data.delete_version_after": "0s",
      "data.custom_metadata": { team: "shop" },
    },
  },
  {
    of: "vault_kv_secret_v2: update, cas = 7",
    method: "PUT",
    path: app.data,
    body: { data: { password: "x" }, cas: 7, options: {} },
    status: 400,
    reads: { "errors.0": "check-and-set parameter did not match the current version" },
  },
  {
    of: "vault_kv_secret_v2: update, options = { cas = 0 }",
    method: "PUT",
    path: app.data,
    body: { data: { password: "x" }, cas: 0, options: { cas: "0" } },
    status: 400,
    reads: { "errors.0": "check-and-set parameter did not match the current version" },
  },
  {
    of: "vault_kv_secret_v2: update, options = { cas = 1 }",
    method: "PUT",
    path: app.data,
    body: { data: { password: "two" }, cas: 0, options: { cas: "1" } },
    status: 200,
    reads: { "data.version": 2 },
  },
  {
    of: "data vault_kv_secret_v2",
    method: "GET",
    path: app.data,
    status: 200,
    reads: { "data.data.password": "two", "data.metadata.destroyed": false, "data.metadata.deletion_time": "" },
  },
  {
    of: "data vault_kv_secret_v2, version = 1",
    method: "GET",
    path: `${app.data}?version=1`,
    status: 200,
    reads: { "data.data.password": "one" },
  },
  {
    of: "ephemeral vault_kv_secret_v2, version = 2",
    method: "GET",
    path: `${app.data}?version=2`,
    status: 200,
    reads: { "data.data.password": "two", "data.metadata.version": 2 },
  },
  {
    of: "data vault_kv_secrets_list_v2",
    method: "GET",
    path: "secret/metadata/db?list=true",
    status: 200,
    reads: { "data.keys": ["app"] },
  },
  {
    of: "data vault_kv_subkeys_v2",
    method: "GET",
    path: "secret/subkeys/db/app",
    status: 405,
    reads: { "errors.0": "Subkeys are not answered; read the secret itself below data/." },
  },
  {
    of: "data vault_generic_secret",
    method: "GET",
    path: "sys/internal/ui/mounts/secret/db/app",
    status: 200,
    reads: { "data.path": "secret/", "data.options.version": "2" },
  },
  {
    of: "vault_mount",
    method: "POST",
    path: "sys/mounts/other",
    body: { type: "kv-v2" },
    status: 405,
    reads: { "errors.0": "The only mount is keyring.kvMount in the configuration of the server." },
  },
  { of: "vault_kv_secret_v2: delete", method: "DELETE", path: app.data, status: 204 },
  {
    of: "vault_kv_secret_v2: read after delete",
    method: "GET",
    path: app.data,
    status: 404,
    reads: { "data.data": null, "data.metadata.destroyed": false },
  },
  { of: "vault_kv_secret_v2: delete, delete_all_versions", method: "DELETE", path: app.metadata, status: 204 },
  {
    of: "vault_kv_secret_v2: read after delete_all_versions",
    method: "GET",
    path: app.data,
    status: 404,
    reads: { "data.data": null, "data.metadata.destroyed": true },
  },
];
