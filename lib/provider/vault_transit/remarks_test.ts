import assert from "node:assert/strict";
import { VaultDouble } from "../../../tests/support/vault_double.ts";
import { openVault, patient, refusedWith } from "../../../tests/support/vault_settings.ts";

const remarks = async (vault: VaultDouble, ...versions: readonly string[]) => {
  await using provider = (await openVault(vault.address)).provider;
  return await provider.remarks?.(versions, patient);
};

Deno.test("remarks() is empty for a key whose versions all decrypt, and needs only the permissions of a probe", async () => {
  await using vault = new VaultDouble();
  vault.versions.push(1_700_000_500);
  assert.deepEqual(await remarks(vault, "1@1700000000", "2@1700000500", "not one of ours"), []);
  assert.deepEqual(vault.asked("transit/").map(({ method, path }) => `${method} ${path}`), [
    "GET transit/keys/kubernetes",
  ]);
});

Deno.test("remarks() names versions that are retired, trimmed, or of a key that no longer exists", async () => {
  await using vault = new VaultDouble();
  vault.versions.push(1_700_000_500, 1_700_000_900);
  vault.minDecryption = 2;
  const lost = (version: string, why: string) =>
    `Version ${version}, which this node has sealed with, does not open any more: ${why}.`;
  assert.deepEqual(await remarks(vault, "1@1700000000", "2@1700000500"), [
    lost("1@1700000000", "the key's min_decryption_version is 2"),
  ]);
  vault.minDecryption = 1;
  vault.properties = { keys: { "2": 1_700_000_500, "3": 1_700_000_900 }, min_available_version: 2 };
  assert.deepEqual(await remarks(vault, "1@1700000000"), [
    lost("1@1700000000", "the key has no such version any more"),
  ]);
  vault.properties = {};
  vault.remake(1_700_001_000);
  const remade = "the key was deleted and made again, or Vault was taken back to before a rotation";
  assert.deepEqual(await remarks(vault, "1@1700000000", "3@1700000900"), [
    lost("1@1700000000", remade),
    lost("3@1700000900", remade),
  ]);
});

Deno.test("remarks() names the ways in which the key could leave Vault in plain text", async () => {
  await using vault = new VaultDouble();
  vault.properties = { exportable: true };
  assert.match((await remarks(vault))?.join() ?? "", /^The key is exportable: [^.]*\.$/);
  vault.properties = { allow_plaintext_backup: true };
  assert.match((await remarks(vault))?.join() ?? "", /^The key has allow_plaintext_backup: [^.]*\.$/);
});

Deno.test("remarks() reports a soft-deleted key, and fails as a probe does if it is missing", async () => {
  await using vault = new VaultDouble();
  vault.properties = { soft_deleted: true };
  assert.match((await remarks(vault, "1@1700000000"))?.join() ?? "", /^The key is soft-deleted: [^.]*\.$/);
  vault.versions = [];
  await assert.rejects(remarks(vault), refusedWith("key_unknown"));
});
