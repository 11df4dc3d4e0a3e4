/**
 * The Vault or OpenBao of the scenarios, and a key in it for each plugin.
 *
 * By default a new Vault is started. `TROUSSEAU_E2E_VAULT_ADDR` names a running one: `…_TOKEN` has the rights to write
 * policies and to mount engines, `…_NAMESPACE` is the namespace for them, `…_CACERT` is a file with the authority of its
 * certificate. With `…_UNSEAL_KEY` an outage seals and unseals it; otherwise its connections are closed.
 * `TROUSSEAU_E2E_VAULT_BIN` names a program that is started as `server -dev`.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { makeNamespace, startVault, type Vault } from "../../support/vault.ts";
import { waitFor } from "../../support/processes.ts";
import { Gate } from "./gate.ts";
import type { Node } from "./plugin.ts";

/** The login of a plugin: AppRole, which logs in again by itself, or a token, which can be revoked permanently. */
export type Login = "approle" | "token";

/** A transit key and the settings of one plugin for it. */
export interface VaultKey {
  /** The entry of `providers`. */
  readonly provider: { readonly name: string; readonly kind: string; readonly address: string };
  readonly gate: Gate;
  rotate(): Promise<void>;
  /** Makes every existing version unusable. */
  disable(): Promise<void>;
  /** Revokes the plugin's token. */
  revoke(): Promise<void>;
  /** Takes the rights away from the plugin's login. */
  withdraw(): Promise<void>;
  /** Gives them back. */
  grant(): Promise<void>;
  /** Number of this plugin's requests in Vault's audit log; `undefined` if there is no readable log. */
  audited(): Promise<number | undefined>;
}

/** A server. Disposing of it removes the keys and policies that were made there. */
export interface VaultUnderTest extends AsyncDisposable {
  /** Its name in figures. */
  readonly name: string;
  /** Makes a key, a minimal policy and a login, and writes the files of the configuration to the node's folder. */
  key(node: Node, login?: Login): Promise<VaultKey>;
  /** Makes the server unavailable to every plugin. @returns the method. */
  leave(): Promise<"sealed" | "cut off">;
  /** Brings it back. */
  comeBack(): Promise<void>;
}

/** The server that the environment names, or a new one. */
export async function vaultUnderTest(): Promise<VaultUnderTest> {
  const address = Deno.env.get("TROUSSEAU_E2E_VAULT_ADDR");
  const server = address === undefined ? await ownServer() : await givenServer(address);
  try {
    await server.prepare();
    return server;
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

interface Access {
  readonly name: string;
  readonly address: string;
  readonly token: string;
  readonly namespace: string | undefined;
  readonly authority: string | undefined;
  readonly unsealKey: string | undefined;
  readonly own: Vault | undefined;
}

async function ownServer(): Promise<Server> {
  const own = await startVault();
  const namespace = Deno.env.get("TROUSSEAU_E2E_VAULT_NAMESPACE");
  const name = namespace === undefined ? "a Vault of its own" : `a Vault of its own, namespace ${namespace}`;
  const { address, token } = own;
  return new Server({ name, address, token, namespace, own, authority: undefined, unsealKey: undefined });
}

async function givenServer(address: string): Promise<Server> {
  const variable = (name: string) => Deno.env.get(`TROUSSEAU_E2E_VAULT_${name}`);
  const authorityFile = variable("CACERT");
  return new Server({
    name: `the Vault at ${address}`,
    address,
    token: variable("TOKEN") ?? "",
    namespace: variable("NAMESPACE"),
    authority: authorityFile === undefined ? undefined : await Deno.readTextFile(authorityFile),
    unsealKey: variable("UNSEAL_KEY"),
    own: undefined,
  });
}

class Server implements VaultUnderTest {
  readonly name: string;
  readonly #access: Access;
  readonly #client: Deno.HttpClient;
  readonly #gates: Gate[] = [];
  readonly #made: string[] = [];
  #auditFile: string | undefined;

  constructor(access: Access) {
    this.name = access.name;
    this.#access = access;
    this.#client = Deno.createHttpClient(access.authority === undefined ? {} : { caCerts: [access.authority] });
  }

  /** Makes the namespace, and an audit log if the server runs on this machine. */
  async prepare(): Promise<void> {
    const { namespace, own } = this.#access;
    if (namespace !== undefined) {
      const ask: Vault["ask"] = (method, path, body, headers) =>
        this.#send(method, path, body, headers?.["x-vault-namespace"] ?? "");
      await makeNamespace({ ask, token: this.#access.token }, namespace);
    }
    if (own === undefined) return;
    const file = join(own.folder, "audit.log");
    const audit = { type: "file", options: { file_path: file } };
    // OpenBao accepts audit devices only from its configuration.
    if ((await this.#send("POST", "sys/audit/file", audit, "")).status < 300) this.#auditFile = file;
  }

  async key(node: Node, login: Login = "approle"): Promise<VaultKey> {
    const { address, authority, namespace } = this.#access;
    const id = `trousseau-e2e-${randomBytes(5).toString("hex")}`;
    await this.#make(`sys/mounts/${id}`, { type: "transit" });
    await this.#do("POST", `${id}/keys/seeds`, {});
    const policy = `sys/policies/acl/${id}`;
    const rights = { policy: await leastRight(id, "seeds") };
    await this.#make(policy, rights);
    const gate = await Gate.open(address, authority);
    this.#gates.push(gate);
    const { auth, revoke } = login === "approle" ? await this.#approle(node, id) : await this.#token(node, id);
    const { address: at } = gate;
    const where = namespace === undefined ? {} : { namespace };
    return {
      provider: { name: "vault", kind: "vault-transit", address: at, ...where, ...{ mount: id, key: "seeds", auth } },
      gate,
      rotate: async () => await this.#do("POST", `${id}/keys/seeds/rotate`, {}),
      disable: async () => {
        await this.#do("POST", `${id}/keys/seeds/config`, { deletion_allowed: true });
        await this.#do("DELETE", `${id}/keys/seeds`);
      },
      revoke,
      withdraw: async () => await this.#do("DELETE", policy),
      grant: async () => await this.#do("POST", policy, rights),
      audited: async () => await this.#audited(id),
    };
  }

  async leave(): Promise<"sealed" | "cut off"> {
    const { own, unsealKey } = this.#access;
    if (own === undefined && unsealKey === undefined) {
      for (const gate of this.#gates) await gate.shut();
      return "cut off";
    }
    await this.#do("POST", "sys/seal", {}, "");
    return "sealed";
  }

  async comeBack(): Promise<void> {
    const { own, unsealKey } = this.#access;
    for (const gate of this.#gates) await gate.open();
    if (own !== undefined) return await own.unseal();
    if (unsealKey === undefined) return;
    await this.#send("POST", "sys/unseal", { key: unsealKey }, "");
    const active = async () => (await this.#send("GET", "sys/health", undefined, "")).status === 200;
    await waitFor("the unsealed Vault", active, { timeoutMs: 60_000 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const gate of this.#gates) await gate[Symbol.asyncDispose]();
    const { own } = this.#access;
    if (own === undefined) { for (const path of this.#made.reverse()) await this.#send("DELETE", path); }
    await own?.[Symbol.asyncDispose]();
    this.#client.close();
  }

  async #approle(node: Node, id: string): Promise<{ auth: unknown; revoke: () => Promise<void> }> {
    await this.#make(`sys/auth/${id}`, { type: "approle" });
    const role = `auth/${id}/role/plugin`;
    await this.#do("POST", role, { token_policies: [id], token_ttl: "20m", token_max_ttl: "1h" });
    const { role_id } = (await this.#send("GET", `${role}/role-id`)).body.data;
    const { secret_id } = (await this.#send("POST", `${role}/secret-id`, {})).body.data;
    const file = await node.write("secret-id", secret_id);
    return {
      auth: { method: "approle", mount: id, roleId: role_id, secretId: { file } },
      revoke: async () => await this.#do("POST", `sys/leases/revoke-force/auth/${id}`, {}),
    };
  }

  async #token(node: Node, id: string): Promise<{ auth: unknown; revoke: () => Promise<void> }> {
    const created = await this.#send("POST", "auth/token/create", { policies: [id], period: "24h", no_parent: true });
    const { client_token: token } = created.body.auth;
    const file = await node.write("token", token);
    return {
      auth: { method: "token", token: { file } },
      revoke: async () => await this.#do("POST", "auth/token/revoke", { token }),
    };
  }

  async #audited(id: string): Promise<number | undefined> {
    if (this.#auditFile === undefined) return undefined;
    const lines = (await Deno.readTextFile(this.#auditFile)).trimEnd().split("\n").map((line) => JSON.parse(line));
    const mine = lines.filter(({ type, auth, request }) =>
      type === "request" && (auth?.policies?.includes(id) || request.path.startsWith(`auth/${id}/login`))
    );
    return mine.length;
  }

  async #make(path: string, body: unknown): Promise<void> {
    await this.#do("POST", path, body);
    this.#made.push(path);
  }

  async #do(method: string, path: string, body?: unknown, namespace?: string): Promise<void> {
    const { status } = await this.#send(method, path, body, namespace);
    if (status >= 300) throw new Error(`Cannot prepare ${this.name}: ${method} ${path} answered ${status}.`);
  }

  async #send(
    method: string,
    path: string,
    body?: unknown,
    namespace = this.#access.namespace ?? "",
    // deno-lint-ignore no-explicit-any
  ): Promise<{ status: number; body: any }> {
    const headers: Record<string, string> = { "x-vault-token": this.#access.token };
    if (namespace !== "") headers["x-vault-namespace"] = namespace;
    const response = await fetch(`${this.#access.address}/v1/${path}`, {
      method,
      headers,
      client: this.#client,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
  }
}

/** The policy in `deploy`, for this mount and key. */
async function leastRight(mount: string, key: string): Promise<string> {
  const file = join(import.meta.dirname ?? ".", "../../../deploy/policies/vault.hcl");
  const policy = await Deno.readTextFile(file);
  return policy.replaceAll(/"transit\/(\w+)\/kubernetes"/g, `"${mount}/$1/${key}"`);
}
