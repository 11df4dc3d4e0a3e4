import assert from "node:assert/strict";
import { openAzure } from "../../tests/support/azure_settings.ts";
import { encryptionUser, KeyVaultDouble } from "../../tests/support/key_vault_double.ts";
import { newDek, probe, refuses, unwrap, wrap } from "../../tests/conformance/stage.ts";

const role: { readonly [field: string]: readonly string[] } = JSON.parse(
  await Deno.readTextFile(new URL("azure-key-vault.json", import.meta.url)),
);
const allowed = role.DataActions ?? [];

/** Everything that a provider does in its life: probe, wrap, unwrap, and follow a rotation. */
async function live(vault: KeyVaultDouble): Promise<void> {
  await using provider = (await openAzure(vault)).provider;
  const dek = newDek();
  const state = await probe(provider);
  const wrapped = await wrap(provider, dek, state);
  vault.advance(1);
  await vault.keys.create("kubernetes");
  for (let probes = 0; probes < 11; probes++) await probe(provider);
  assert.deepEqual(await unwrap(provider, wrapped), dek);
}

Deno.test("azure-key-vault.json allows what the provider does, and nothing that it does not", async () => {
  await using vault = await KeyVaultDouble.start();
  vault.fault = { kind: "rights", actions: allowed };
  await live(vault);
  const used = new Set(vault.requests.flatMap(({ action }) => action === undefined ? [] : [action]));
  assert.deepEqual([...used].toSorted(), allowed);
});

for (const action of allowed) {
  Deno.test(`azure-key-vault.json: without ${action} a probe is refused`, async () => {
    await using vault = await KeyVaultDouble.start();
    vault.fault = { kind: "rights", actions: allowed.filter((one) => one !== action) };
    await using provider = (await openAzure(vault)).provider;
    await refuses(provider, probe(provider), ["permission_denied"], action);
  });
}

Deno.test("azure-key-vault.json has the data actions of the built-in role for service encryption, and none of its others", () => {
  assert.deepEqual(allowed, encryptionUser.toSorted());
  for (const field of ["Actions", "NotActions", "NotDataActions"]) assert.deepEqual(role[field], []);
});
