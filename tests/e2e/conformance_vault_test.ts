/**
 * The conformance suite against a real Vault or OpenBao, with the rights of the policy that is shipped and no more.
 *
 * @module
 */
import { openVaultTransit } from "../../lib/provider/vault_transit/provider.ts";
import { Secret, type SecretSource } from "../../lib/secret.ts";
import type { ConformanceBench } from "../conformance/bench.ts";
import { conformance } from "../conformance/conformance.ts";
import { startVault, type Vault } from "../support/vault.ts";

/** One test's own mounts, key, policy and role in the Vault that all of them share. */
interface Tenant extends AsyncDisposable {
  readonly vault: Vault;
  /** Names its transit mount, its AppRole mount and its policy. */
  readonly id: string;
  readonly roleId: string;
  readonly secretId: string;
}

const key = "kubernetes";
const policyFile = new URL("../../deploy/policies/vault.hcl", import.meta.url);

/** Started before the first test and ended after the last; a test that comes without it fails. */
const shared: { vault?: Vault } = {};
Deno.test.beforeAll(async () => {
  shared.vault = await startVault();
});
Deno.test.afterAll(async () => {
  await shared.vault?.[Symbol.asyncDispose]();
});

async function newTenant(): Promise<Tenant> {
  const { vault } = shared;
  if (vault === undefined) throw new Error("Vault was not started");
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
  await vault.api("POST", `${id}/keys/${key}`, {});
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

function known(value: string): SecretSource {
  return { description: "a value of this test", read: () => Promise.resolve(new Secret(value)) };
}

/** A fault that one call brings and another ends. */
async function until(begin: Promise<unknown>, end: () => Promise<unknown>): Promise<AsyncDisposable> {
  await begin;
  return { [Symbol.asyncDispose]: async () => void await end() };
}

async function refuseLogin(tenant: Tenant): Promise<AsyncDisposable> {
  const { vault, id } = tenant;
  await vault.api("DELETE", `auth/${id}/role/trousseau`);
  return await until(vault.api("POST", `sys/leases/revoke-prefix/auth/${id}/login`), () => makeRole(tenant));
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

const onlyTheDouble = { cannot: "a sound Vault does not; its double does" };

const bench: ConformanceBench<Tenant> = {
  start: newTenant,
  open: ({ vault, id, roleId, secretId }) =>
    openVaultTransit({
      kind: "vault-transit",
      name: "vault-eu",
      addresses: [vault.address],
      mount: id,
      key,
      auth: { method: "approle", mount: id, roleId: known(roleId), secretId: known(secretId), wrapped: false },
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
    await vault.api("POST", `${id}/keys/${key}`, {});
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
    "half an answer": onlyTheDouble,
    "garbage answer": onlyTheDouble,
  },
};

conformance("vault-transit", bench);
