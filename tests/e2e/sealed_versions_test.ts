/**
 * A real Vault or OpenBao that no longer opens data that a node has sealed with it: the output of `check` and of the
 * running plugin.
 *
 * @module
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { pause, waitFor } from "../support/processes.ts";
import { startVault, testOnVaults, type Vault } from "../support/vault.ts";
import { printFigure } from "./harness/figures.ts";
import { Node, type PluginConfig } from "./harness/plugin.ts";

const call = { signal: new AbortController().signal };

/** A policy for one key, with or without the right to decrypt. */
function policy(key: string, decrypt = true): string {
  const verbs = ["encrypt", "rewrap", ...(decrypt ? ["decrypt"] : [])];
  return [
    ...verbs.map((verb) => `path "transit/${verb}/${key}" { capabilities = ["update"] }`),
    `path "transit/keys/${key}" { capabilities = ["read"] }`,
    'path "auth/token/lookup-self" { capabilities = ["read"] }',
  ].join("\n");
}

/** A change in Vault after a node has sealed with the first version of a key. @returns the key to configure. */
type Damage = (vault: Vault, key: string, backup: string) => Promise<string | void>;

async function remake(vault: Vault, key: string): Promise<void> {
  await vault.api("POST", `transit/keys/${key}/config`, { deletion_allowed: true });
  await vault.api("DELETE", `transit/keys/${key}`);
  await pause(1100);
  await vault.api("POST", `transit/keys/${key}`, {});
}

const damages: Readonly<Record<string, { readonly damage: Damage; readonly version: string }>> = {
  "a key that was deleted and made again": { damage: remake, version: "1" },
  "a version that was retired before the rewrite": {
    damage: async (vault, key) => {
      await vault.api("POST", `transit/keys/${key}/rotate`);
      await vault.api("POST", `transit/keys/${key}/config`, { min_decryption_version: 2 });
    },
    version: "1",
  },
  "a name mistyped to another key that is there": {
    damage: async (vault, key) => {
      await pause(1100);
      await vault.api("POST", `transit/keys/${key}-other`, {});
      return `${key}-other`;
    },
    version: "1",
  },
  "a Vault restored from before a rotation": {
    damage: async (vault, key, backup) => {
      await vault.api("POST", `transit/restore/${key}`, { backup, force: true });
    },
    version: "2",
  },
  "a right to decrypt that was taken away": {
    damage: async (vault, key) => {
      await vault.api("POST", "sys/policies/acl/trousseau", { policy: policy(key, false) });
    },
    version: "1",
  },
};

for (const [what, { damage, version }] of Object.entries(damages)) {
  testOnVaults(`${what}: check ends with 77, and the plugin shows it within a minute and serves on`, async (engine) => {
    await using vault = await startVault({ engine });
    await using node = await Node.make();
    await vault.api("POST", "sys/mounts/transit", { type: "transit" });
    await vault.api("POST", "transit/keys/prod", { exportable: true, allow_plaintext_backup: true });
    const { backup } = (await vault.api("GET", "transit/backup/prod")).body.data;
    if (version === "2") {
      await pause(1100);
      await vault.api("POST", "transit/keys/prod/rotate");
    }
    const given = async (key: string): Promise<PluginConfig> => {
      await vault.api("POST", "sys/policies/acl/trousseau", { policy: policy(key) });
      const { body } = await vault.api("POST", "auth/token/create", { policies: ["trousseau"], ttl: "1h" });
      const token = { file: await node.write("token", body.auth.client_token) };
      const auth = { method: "token", token };
      const tls = vault.address.startsWith("https") ? { tls: { caFile: vault.caFile } } : {};
      return { providers: [{ name: "vault", kind: "vault-transit", address: vault.address, key, auth, ...tls }] };
    };
    const file = async (config: unknown) => await node.write("check.yaml", JSON.stringify(config));
    const check = async (given: PluginConfig, more: Record<string, unknown> = {}) => {
      const path = await file({ ...node.config(given) as Record<string, unknown>, ...more });
      const { code, stdout, stderr } = await node.command("check", "--config", path);
      return { code, text: stdout + stderr };
    };
    const before = await given("prod");
    {
      await using plugin = await node.start(before);
      await waitFor("an Encrypt", async () => {
        return await plugin.client.v2.Encrypt({ plaintext: new Uint8Array(randomBytes(32)), uid: "e2e" }, call);
      }, { timeoutMs: 30_000, alive: [plugin.process] });
    }
    const good = await check(before);
    assert.equal(good.code, 0, good.text);
    assert.match(good.text, new RegExp(`that open: vault@${version}@\\d+\\.`));

    await vault.seal();
    const outage = await check(before);
    assert.equal(outage.code, 69, outage.text);
    assert.match(outage.text, /could not be tried now: vault@/);
    await vault.unseal();

    const other = await damage(vault, "prod", backup);
    const after = other === undefined ? before : await given(other);
    const { code, text } = await check(after);
    assert.equal(code, 77, text);
    assert.match(text, new RegExp(`with version ${version}@\\d+ of provider "vault" cannot be read any more: `));
    assert.match(text, new RegExp(`forgotten: \\['vault@${version}(@\\d+)?'\\]`));
    assert.doesNotMatch(text, /objects are rewritten at their next update/);

    await using plugin = await node.start(after);
    const { value: shown } = await waitFor("a refused version", async () => {
      const answer = await plugin.http("/status");
      const found = JSON.parse(answer?.body ?? "{}").sealedVersions ?? [];
      return found.find(({ state }: { state: string }) => state === "refused");
    }, { timeoutMs: 60_000, alive: [plugin.process] });
    assert.deepEqual([shown.provider, shown.announced], ["vault", true]);
    assert.match((await plugin.http("/metrics"))?.body ?? "", /^trousseau_unopenable_versions\{.*\} 1$/m);
    printFigure(`${what} (${engine.name})`, `${shown.code}: ${shown.message}`);

    const accepted = await check(after, { forgotten: [`vault@${shown.version}`] });
    assert.doesNotMatch(accepted.text, /cannot be read any more/);
    if (what.startsWith("a right")) assert.notEqual(accepted.code, 0, "the probe itself is refused");
    else if (what.startsWith("a Vault restored")) {
      // The node counts a version that this Vault does not have, and a plugin that runs cannot encrypt under it.
      assert.equal(accepted.code, 77, accepted.text);
      assert.match(accepted.text, /wrap quorum of 1 is missed/);
      assert.match(accepted.text, /never goes back: .* rotate the key, or give the provider a new name/);
      await vault.api("POST", "transit/keys/prod/rotate");
      const rotated = await check(after, { forgotten: [`vault@${shown.version}`] });
      assert.equal(rotated.code, 0, rotated.text);
    } else assert.equal(accepted.code, 0, accepted.text);
  });
}
