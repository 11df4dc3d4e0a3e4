/**
 * The user lockout of Vault and OpenBao, which counts refused logins of a role over all nodes: plugins with a wrong
 * secret ID must neither lock the role nor stay out for long once the secret ID is right.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { pause, waitFor } from "../support/processes.ts";
import { startVault, testOnVaults, type Vault, type VaultEngine, vaultEngines } from "../support/vault.ts";
import { Node, type PluginConfig } from "./harness/plugin.ts";

const policyFile = new URL("../../deploy/policies/vault.hcl", import.meta.url);

/** A Vault with the key, the policy and a role of AppRole. */
interface Site extends AsyncDisposable {
  readonly vault: Vault;
  readonly roleId: string;
  newSecretId(): Promise<string>;
  login(secretId: string): Promise<number>;
  /** Refused logins of all processes so far, by status. */
  refused(): Promise<Record<string, number>>;
}

async function newSite(engine: VaultEngine): Promise<Site> {
  const vault = await startVault({ engine });
  const audit = join(vault.folder, "audit.log");
  await vault.api("POST", "sys/audit/file", { type: "file", options: { file_path: audit } });
  await vault.api("POST", "sys/mounts/transit", { type: "transit" });
  await vault.api("POST", "transit/keys/kubernetes", {});
  await vault.api("POST", "sys/policies/acl/trousseau", { policy: await Deno.readTextFile(policyFile) });
  await vault.api("POST", "sys/auth/approle", { type: "approle" });
  const role = "auth/approle/role/trousseau";
  await vault.api("POST", role, { token_policies: "trousseau", token_no_default_policy: true });
  const roleId = (await vault.api("GET", `${role}/role-id`)).body.data.role_id;
  return {
    vault,
    roleId,
    newSecretId: async () => (await vault.api("POST", `${role}/secret-id`, {})).body.data.secret_id,
    login: async (secretId) =>
      (await vault.ask("POST", "auth/approle/login", { role_id: roleId, secret_id: secretId })).status,
    refused: async () => {
      const found: Record<string, number> = {};
      for (const line of (await Deno.readTextFile(audit)).trim().split("\n")) {
        const { type, error, request } = JSON.parse(line);
        if (type !== "response" || request.path !== "auth/approle/login" || error === undefined) continue;
        // A look whether the mount is there is a GET and no login.
        if (request.operation !== "update") continue;
        const kind = String(error).includes("permission denied") ? "403" : "400";
        found[kind] = (found[kind] ?? 0) + 1;
      }
      return found;
    },
    [Symbol.asyncDispose]: () => vault[Symbol.asyncDispose](),
  };
}

async function withNodes(
  engine: VaultEngine,
  count: number,
  secretId: string,
  use: (site: Site, nodes: readonly { readonly node: Node; readonly config: PluginConfig }[]) => Promise<void>,
): Promise<void> {
  await using site = await newSite(engine);
  const nodes = await Promise.all(Array.from({ length: count }, () => Node.make()));
  try {
    const made = await Promise.all(nodes.map(async (node) => {
      const auth = {
        method: "approle",
        roleId: { file: await node.write("role-id", site.roleId) },
        secretId: { file: await node.write("secret-id", secretId) },
      };
      const provider = { name: "vault", kind: "vault-transit", address: site.vault.address, key: "kubernetes", auth };
      return { node, config: { providers: [provider] } };
    }));
    await use(site, made);
  } finally {
    await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()));
  }
}

/** The exit status of a `check` and its output. */
async function check(node: Node, config: PluginConfig): Promise<{ readonly code: number; readonly said: string }> {
  const file = await node.write("check.yaml", JSON.stringify(node.config(config)));
  const { code, stdout, stderr } = await node.command("check", "--config", file);
  return { code, said: stdout + stderr };
}

// On all servers at once: nearly all of it is waiting.
Deno.test("three plugins with one wrong secret ID make three refused logins and do not lock the role", async () => {
  const outcomes = await Promise.allSettled(vaultEngines.map((engine) => threeWithOneWrongSecretId(engine)));
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
});

function threeWithOneWrongSecretId(engine: VaultEngine): Promise<void> {
  return withNodes(engine, 3, "wrong", async (site, nodes) => {
    for (let restarts = 0; restarts < 2; restarts++) {
      const plugins = await Promise.all(nodes.map(({ node, config }) => node.start(config)));
      // Without the wait five refused logins, and the lock, came within 38 s of one plugin.
      await pause(20_000);
      await Promise.all(plugins.map((plugin) => plugin[Symbol.asyncDispose]()));
    }
    const [{ node, config } = assert.fail()] = nodes;
    const { code, said } = await check(node, config);
    assert.notEqual(code, 0);
    assert.match(
      said,
      /was refused (just now|\d+ minutes? ago) and is not repeated before \d\d:\d\d UTC: Vault answered 400 /,
    );
    assert.match(
      said,
      /; to try now, change it or remove \S+\/state\/refused-logins\.json\./,
    );
    assert.deepEqual(await site.refused(), { "400": 3 }, engine.name);
    assert.equal(await site.login(await site.newSecretId()), 200);
    // A changed secret ID is tried at once, by a plugin that runs.
    await using plugin = await node.start(config);
    await node.write("secret-id", await site.newSecretId());
    await waitFor("a key ID", async () =>
      (await plugin.client.v2.Status({}, {
        signal: AbortSignal.timeout(3000),
      })).healthz === "ok", { timeoutMs: 80_000, everyMs: 200, alive: [plugin.process] });
  });
}

testOnVaults(
  "a role that others have locked is told by check, and let in again when the file was removed",
  (engine) =>
    withNodes(engine, 1, "unset", async (site, [{ node, config } = assert.fail()]) => {
      for (let tries = 0; tries < 5; tries++) assert.equal(await site.login("wrong"), 400);
      await node.write("secret-id", await site.newSecretId());
      const { said } = await check(node, config);
      assert.match(said, /Vault answered 403 \(.*\(sys\/locked-users\)/);
      await check(node, config);
      assert.deepEqual(await site.refused(), { "400": 5, "403": 1 });
      const [{ mount_accessor: accessor, alias_identifiers: [alias] }] =
        (await site.vault.api("GET", "sys/locked-users")).body.data.by_namespace[0].mount_accessors;
      await site.vault.api("POST", `sys/locked-users/${accessor}/unlock/${alias}`, {});
      await Deno.remove(join(node.folder, "state", "refused-logins.json"));
      const { code, said: now } = await check(node, config);
      assert.equal(code, 0, now);
    }),
);
