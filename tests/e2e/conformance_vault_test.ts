/**
 * The conformance suite against a real Vault or OpenBao, with the rights of the policy that is shipped and no more.
 *
 * @module
 */
import assert from "node:assert/strict";
import { openVaultTransit } from "../../lib/provider/vault_transit/provider.ts";
import { Secret, type SecretSource } from "../../lib/base/secret.ts";
import type { Cannot, ConformanceBench } from "../conformance/bench.ts";
import { conformance, loginConformance } from "../conformance/conformance.ts";
import { startVault, type Vault, type VaultEngine, vaultEngines } from "../support/vault.ts";
import { openVault } from "../support/vault_settings.ts";
import { serviceAccountJwt, TokenReviewDouble, type Way, ways, write } from "../support/vault_ways.ts";

/** One test's own mounts, key, policy and role in the Vault that all of them share. */
interface Tenant extends AsyncDisposable {
  readonly vault: Vault;
  /** Names its transit mount, its AppRole mount and its policy. */
  readonly id: string;
  readonly roleId: string;
  secretId: string;
}

const key = "kubernetes";
const policyFile = new URL("../../deploy/policies/vault.hcl", import.meta.url);

/** Started before the first test and ended after the last; a test that comes without it fails. */
const shared = new Map<VaultEngine, Vault>();
Deno.test.beforeAll(async () => {
  for (const engine of vaultEngines) shared.set(engine, await startVault({ engine }));
});
Deno.test.afterAll(async () => {
  for (const vault of shared.values()) await vault[Symbol.asyncDispose]();
});

async function newTenant(engine: VaultEngine, type: string): Promise<Tenant> {
  const vault = shared.get(engine);
  if (vault === undefined) throw new Error(`${engine.name} was not started`);
  const id = `tenant-${crypto.randomUUID().slice(0, 8)}`;
  const tenant = {
    vault,
    id,
    roleId: crypto.randomUUID(),
    secretId: crypto.randomUUID(),
    async [Symbol.asyncDispose]() {
      await vault.api("DELETE", `sys/mounts/${id}`);
      await vault.api("DELETE", `sys/auth/${id}`);
    },
  };
  await vault.api("POST", `sys/mounts/${id}`, { type: "transit" });
  await vault.api("POST", `${id}/keys/${key}`, { type });
  await vault.api("POST", `sys/auth/${id}`, { type: "approle" });
  await grantRights(tenant);
  await makeRole(tenant);
  return tenant;
}

async function grantRights({ vault, id }: Tenant): Promise<void> {
  const policy = (await Deno.readTextFile(policyFile)).replaceAll('"transit/', `"${id}/`);
  await vault.api("POST", `sys/policies/acl/${id}`, { policy });
}

async function makeRole({ vault, id, roleId, secretId }: Tenant): Promise<void> {
  const role = `auth/${id}/role/trousseau`;
  await vault.api("POST", role, { token_policies: id, token_no_default_policy: true, token_ttl: "1h" });
  await vault.api("POST", `${role}/role-id`, { role_id: roleId });
  await vault.api("POST", `${role}/custom-secret-id`, { secret_id: secretId });
}

function known(value: () => string): SecretSource {
  return { description: "a value of this test", read: () => Promise.resolve(new Secret(value())) };
}

/** A fault that one call brings and another ends. */
async function until(begin: Promise<unknown>, end: () => Promise<unknown>): Promise<AsyncDisposable> {
  await begin;
  return { [Symbol.asyncDispose]: async () => void await end() };
}

async function refuseLogin(tenant: Tenant): Promise<AsyncDisposable> {
  const { vault, id } = tenant;
  await vault.api("DELETE", `auth/${id}/role/trousseau`);
  return await until(vault.api("POST", `sys/leases/revoke-prefix/auth/${id}/login`), () => {
    // A refused secret ID is not sent again soon, so a different one makes the login succeed again.
    tenant.secretId = crypto.randomUUID();
    return makeRole(tenant);
  });
}

async function throttle({ vault, id }: Tenant): Promise<AsyncDisposable> {
  const quota = `sys/quotas/rate-limit/${id}`;
  await vault.api("POST", quota, { path: `${id}/`, rate: 1, interval: "1h" });
  // This is the one request that the quota lets through.
  return await until(vault.api("GET", `${id}/keys/${key}`), () => vault.api("DELETE", quota));
}

/** A signal takes a moment to reach every thread; it has when Vault does not answer any more. */
async function stop({ address, process }: Vault): Promise<void> {
  Deno.kill(process.pid, "SIGSTOP");
  for (let answers = true; answers;) {
    const health = fetch(`${address}/v1/sys/health`, { signal: AbortSignal.timeout(200) });
    answers = await health.then((response) => response.text()).then(() => true, () => false);
  }
}

function onlyTheDouble({ isOpenBao }: VaultEngine): Cannot {
  const why = isOpenBao
    ? "a sound OpenBao does not; the double of Vault does"
    : "a sound Vault does not; its double does";
  return { cannot: why };
}

function kept({ isKept }: VaultEngine): Pick<ConformanceBench<Tenant>, "recorded"> {
  return isKept ? {} : { recorded: { cannot: "rows are kept of the engines installed here alone" } };
}

const bench = (engine: VaultEngine, type: string): ConformanceBench<Tenant> => ({
  proves: { kind: "vault-transit", engine: engine.name, auth: "approle", key: type },
  ...kept(engine),
  start: () => newTenant(engine, type),
  open: (tenant) =>
    openVaultTransit({
      kind: "vault-transit",
      name: "vault-eu",
      addresses: [tenant.vault.address],
      mount: tenant.id,
      key,
      auth: {
        method: "approle",
        mount: tenant.id,
        roleId: known(() => tenant.roleId),
        secretId: known(() => tenant.secretId),
        wrapped: false,
      },
      tls: {},
    }, { notify: () => {} }),
  rotate: async ({ vault, id }) => void await vault.api("POST", `${id}/keys/${key}/rotate`),
  disable: async ({ vault, id }) => {
    await vault.api("POST", `${id}/keys/${key}/rotate`);
    await vault.api("POST", `${id}/keys/${key}/config`, { min_decryption_version: 2 });
  },
  remove: async ({ vault, id }) => {
    await vault.api("POST", `${id}/keys/${key}/config`, { deletion_allowed: true });
    await vault.api("DELETE", `${id}/keys/${key}`);
  },
  recreate: async ({ vault, id }) => {
    // Vault tells when a version was made to the second.
    await new Promise((resolve) => setTimeout(resolve, 1100));
    await vault.api("POST", `${id}/keys/${key}`, { type });
  },
  faults: {
    "refused login": [{ what: "role deleted, tokens revoked", on: refuseLogin }],
    "withdrawn right": [{
      what: "policy deleted",
      on: (tenant) => until(tenant.vault.api("DELETE", `sys/policies/acl/${tenant.id}`), () => grantRights(tenant)),
    }],
    "throttling": [{ what: "rate limit quota", on: throttle }],
    "5xx": [{ what: "sealed", on: ({ vault }) => until(vault.seal(), () => vault.unseal()) }],
    "hang": [{
      what: "its process is stopped",
      on: ({ vault }) => until(stop(vault), () => Promise.resolve(Deno.kill(vault.process.pid, "SIGCONT"))),
    }],
    "half an answer": onlyTheDouble(engine),
    "garbage answer": onlyTheDouble(engine),
  },
});

/** A Vault of one's own, with one method set up in it. */
interface House extends AsyncDisposable {
  readonly vault: Vault;
  readonly way: Way;
}

async function newHouse(engine: VaultEngine, method: string): Promise<House> {
  const stack = new AsyncDisposableStack();
  const vault = stack.use(await startVault({ engine, tls: true }));
  await vault.api("POST", "sys/mounts/transit", { type: "transit" });
  await vault.api("POST", `transit/keys/${key}`, {});
  await vault.api("POST", "sys/policies/acl/trousseau", { policy: await Deno.readTextFile(policyFile) });
  const jwt = serviceAccountJwt();
  await write(vault, "service-account", jwt);
  const review = stack.use(new TokenReviewDouble(jwt));
  const way = await ways[method]?.(vault, { ttl: 3600, max: 7200 }, review);
  if (way === undefined) throw new Error(`nobody sets up ${method}`);
  return { vault, way, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const elsewhere = { cannot: "not asked of a login" };

const loginBench = (engine: VaultEngine, method: string): ConformanceBench<House> => ({
  proves: { kind: "vault-transit", engine: engine.name, auth: method, key: "aes256-gcm96" },
  ...kept(engine),
  start: () => newHouse(engine, method),
  open: async ({ vault, way: { auth, tls } }) =>
    (await openVault(vault.address, { auth, tls: { caFile: vault.caFile, ...tls } })).provider,
  rotate: elsewhere,
  disable: elsewhere,
  remove: elsewhere,
  recreate: elsewhere,
  faults: {
    "refused login": [{
      what: method === "token" ? "token revoked" : "role bound to another address, tokens revoked",
      on: async ({ way }) => {
        const letIn = await way.refuse();
        return { [Symbol.asyncDispose]: letIn };
      },
    }],
    "withdrawn right": elsewhere,
    "throttling": elsewhere,
    "5xx": elsewhere,
    "hang": elsewhere,
    "half an answer": elsewhere,
    "garbage answer": elsewhere,
  },
});

/** Every kind of key is tried on one server. The other is asked for one kind of each cipher, the quickest. */
function keyTypes(engine: VaultEngine): readonly string[] {
  if (engine !== vaultEngines[0]) return ["aes256-gcm96", "chacha20-poly1305", "rsa-2048"];
  return ["aes128-gcm96", "aes256-gcm96", "chacha20-poly1305", "rsa-2048", "rsa-3072", "rsa-4096"];
}

for (const engine of vaultEngines) {
  for (const type of keyTypes(engine)) conformance(`vault-transit (${engine.name}, ${type})`, bench(engine, type));
  for (const method of ["token", "kubernetes", "jwt", "cert", "userpass"]) {
    loginConformance(`vault-transit by ${method} (${engine.name})`, loginBench(engine, method));
  }

  Deno.test({
    name: `the engine is ${engine.name}${engine.isKept ? "" : " (cannot: the environment names its program alone)"}`,
    ignore: !engine.isKept,
    fn: async () => {
      const { version } = (await shared.get(engine)?.ask("GET", "sys/health"))?.body ?? {};
      const product = engine.isOpenBao ? "OpenBao" : "Vault";
      assert.equal(`${product} ${version.split(".").slice(0, 2).join(".")}`, engine.name, `it is ${version}`);
    },
  });
}
