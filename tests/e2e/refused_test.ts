/**
 * Decrypts that a real Vault refuses although the plugin is well: `/readyz` and `status` must not call that well.
 *
 * @module
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import type { EncryptResponse } from "../../lib/api/kms/messages.ts";
import { pause, waitFor } from "../support/processes.ts";
import { startVault, type Vault } from "../support/vault.ts";
import { Node, type Plugin, type PluginConfig } from "./harness/plugin.ts";

const call = { signal: new AbortController().signal };

/** A Vault with two keys, and how a plugin of least right uses one of them. */
async function vaultWithKeys(node: Node): Promise<Vault & { readonly config: (key?: string) => PluginConfig }> {
  const vault = await startVault();
  await vault.api("POST", "sys/mounts/transit", { type: "transit" });
  const rights = await Deno.readTextFile(new URL("../../deploy/policies/vault.hcl", import.meta.url));
  for (const key of ["kubernetes", "another"]) {
    // Versions of two keys that were created in the same second have the same name; then only the sentinel makes
    // /readyz fail, and at once.
    if (key === "another") await pause(1100);
    await vault.api("POST", `transit/keys/${key}`, {});
    await vault.api("POST", `sys/policies/acl/${key}`, { policy: rights.replaceAll("/kubernetes", `/${key}`) });
  }
  const created = await vault.api("POST", "auth/token/create", { policies: ["kubernetes", "another"], period: "24h" });
  const file = await node.write("token", created.body.auth.client_token);
  const auth = { method: "token", token: { file } };
  const provider = (key: string) => ({ name: "vault", kind: "vault-transit", address: vault.address, key, auth });
  return { ...vault, config: (key = "kubernetes") => ({ providers: [provider(key)] }) };
}

async function encrypted(plugin: Plugin): Promise<EncryptResponse> {
  const request = { plaintext: new Uint8Array(randomBytes(32)), uid: "e2e" };
  return (await waitFor("an Encrypt", () => plugin.client.v2.Encrypt(request, call), { timeoutMs: 60_000 })).value;
}

/** Data that a plugin sealed before the event that changes its key. */
async function sealed(node: Node, config: PluginConfig): Promise<readonly EncryptResponse[]> {
  await using plugin = await node.start(config);
  return [await encrypted(plugin), await encrypted(plugin), await encrypted(plugin)];
}

/**
 * The plugin encrypts and decrypts new data; /readyz fails because of the old data, with the reason.
 *
 * @param knows whether a sentinel in the state folder shows it before the first Decrypt.
 */
async function isRed(node: Node, config: PluginConfig, stored: readonly EncryptResponse[], why: RegExp, knows = false) {
  await using plugin = await node.start(config);
  const decrypt = async (one: EncryptResponse) => await plugin.client.v2.Decrypt({ ...one, uid: "e2e" }, call);
  await decrypt(await encrypted(plugin));
  const readyz = async () => {
    const page = await plugin.http("/readyz");
    assert.ok(page);
    return page;
  };
  if (knows) {
    const early = await waitFor("a sentinel that is refused", async () => {
      const page = await readyz();
      return page.status === 503 ? page.body : undefined;
    }, { timeoutMs: 60_000, alive: [plugin.process] });
    assert.match(early.value, /^not ready: What this node has sealed cannot be opened again\./);
  }
  for (const one of [...stored.slice(0, 2), ...stored.slice(0, 2)]) await assert.rejects(decrypt(one), why);
  if (!knows) assert.equal((await readyz()).status, 200, "two envelopes are no sign");
  for (const one of stored) await assert.rejects(decrypt(one), why);
  await decrypt(await encrypted(plugin));
  const { status, body } = await readyz();
  assert.equal(status, 503);
  assert.match(
    body,
    /^not ready: .*Stored data cannot be read: Decrypts of 3 envelopes were refused in the last 5 minutes/,
  );
  assert.match(body, /^quorum: .* held$/m, "and nothing else shows it");
  const found = await node.command("status", "--config", plugin.config);
  assert.equal(found.code, 77, found.stdout);
  assert.match(found.stdout, /^Decrypt: .*Stored data cannot be read/m);
  assert.match(found.stdout, why);
}

Deno.test("/readyz fails for a key in Vault that was deleted and created again", async () => {
  await using node = await Node.make();
  await using vault = await vaultWithKeys(node);
  const stored = await sealed(node, vault.config());
  await vault.api("POST", "transit/keys/kubernetes/config", { deletion_allowed: true });
  await vault.api("DELETE", "transit/keys/kubernetes");
  // Vault tells times of creation in seconds, and by those a key is told from its predecessor.
  await pause(1100);
  await vault.api("POST", "transit/keys/kubernetes", {});
  await isRed(node, vault.config(), stored, /Cannot unwrap with provider "vault"/, true);
});

Deno.test("/readyz of a node with a new state folder fails for a Vault that was restored to a state before a rotation", async () => {
  await using node = await Node.make();
  await using vault = await vaultWithKeys(node);
  const kept = { exportable: true, allow_plaintext_backup: true, deletion_allowed: true };
  await vault.api("POST", "transit/keys/kubernetes/config", kept);
  const { backup } = (await vault.api("GET", "transit/backup/kubernetes")).body.data;
  await vault.api("POST", "transit/keys/kubernetes/rotate", {});
  const stored = await sealed(node, vault.config());
  await vault.api("POST", "transit/restore/kubernetes", { backup, force: true });
  await Deno.remove(`${node.folder}/state`, { recursive: true });
  await isRed(node, vault.config(), stored, /Cannot unwrap with provider "vault"/);
});

Deno.test("/readyz fails for the name of another key of the same Vault", async () => {
  await using node = await Node.make();
  await using vault = await vaultWithKeys(node);
  const stored = await sealed(node, vault.config());
  await isRed(node, vault.config("another"), stored, /Cannot unwrap with provider "vault"/, true);
});

Deno.test("/readyz fails for a provider that was removed too early", async () => {
  await using node = await Node.make();
  await using vault = await vaultWithKeys(node);
  const stored = await sealed(node, vault.config());
  const local = { name: "local", kind: "local", keyFile: `${node.folder}/local.keys`, create: true };
  const config = { providers: [local], forgotten: ["vault"] };
  await isRed(node, config, stored, /no provider is configured that wrapped this data key \("vault"\)/);
});
