import assert from "node:assert/strict";
import { keyNameOf, keyUri, vaultKeyOf } from "./key_uri.ts";

const names = ["default", "apps"];
const refused = /^Cannot decrypt: .*\.$/;

Deno.test("keyNameOf() returns configured names, from keys in the form that sops makes of keyUri()", () => {
  for (const name of names) {
    const { host, pathname, protocol } = new URL(keyUri(name));
    const { vault_address, engine_path, key_name } = vaultKeyOf(name);
    assert.equal(vault_address, `${protocol}//${host}`);
    assert.equal(pathname, `/v1/${engine_path}/keys/${key_name}`);
    assert.equal(keyNameOf("encrypt", { vault_key: vaultKeyOf(name) }, names), name);
  }
});

Deno.test("keyNameOf() lists its keys for an unknown name, and repeats only a short name of plain characters", () => {
  const asked = (key_name: string) => () =>
    keyNameOf("decrypt", { vault_key: { ...vaultKeyOf("default"), key_name } }, names);
  const message = 'Cannot decrypt: this key service has no key "other"; it has "default", "apps".';
  assert.throws(asked("other"), { code: "key_unknown", message });
  for (const name of ["", "a b", "x".repeat(64), "\u001b[31m", "default\n"]) {
    assert.throws(asked(name), { code: "key_unknown", message: /has no key of that name; it has/ });
  }
});

for (
  const [field, kind] of [
    ["kms_key", "AWS KMS"],
    ["pgp_key", "PGP"],
    ["gcp_kms_key", "Google Cloud KMS"],
    ["azure_keyvault_key", "Azure Key Vault"],
    ["age_key", "age"],
    ["hckms_key", "Huawei Cloud KMS"],
  ] as const
) {
  Deno.test(`keyNameOf() refuses a key of ${kind}, alone and beside ours`, () => {
    const message =
      `Cannot decrypt: this key service has no keys of ${kind}; its own are trousseau://keyring/v1/sops/keys/NAME.`;
    const alone = { code: "key_unknown", message };
    assert.throws(() => keyNameOf("decrypt", { [field]: {} }, names), alone);
    const both = { vault_key: vaultKeyOf("default"), [field]: {} };
    assert.throws(() => keyNameOf("decrypt", both, names), {
      code: "request_invalid",
      message: /names several keys\.$/,
    });
  });
}

Deno.test("keyNameOf() refuses keys of a real Vault, even with a similar address", () => {
  const ours = vaultKeyOf("default");
  const others = [
    { ...ours, vault_address: "https://vault.example.com:8200" },
    { ...ours, vault_address: "https://keyring" },
    { ...ours, vault_address: "trousseau://keyring/" },
    { ...ours, vault_address: "TROUSSEAU://keyring" },
    { ...ours, vault_address: "" },
    { ...ours, engine_path: "transit" },
    { ...ours, engine_path: "/sops" },
  ];
  for (const vault_key of others) {
    assert.throws(() => keyNameOf("decrypt", { vault_key }, names), { code: "key_unknown", message: refused });
  }
});

Deno.test("keyNameOf() refuses a request without a key", () => {
  for (const key of [undefined, {}]) {
    assert.throws(() => keyNameOf("decrypt", key, names), { code: "request_invalid", message: /names no key\.$/ });
  }
});

Deno.test("keyUri() is the form of a key in .sops.yaml", () => {
  assert.equal(keyUri("apps"), "trousseau://keyring/v1/sops/keys/apps");
  assert.deepEqual(vaultKeyOf("apps"), {
    vault_address: "trousseau://keyring",
    engine_path: "sops",
    key_name: "apps",
  });
});
