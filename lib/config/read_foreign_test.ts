import assert from "node:assert/strict";
import { complaints, loadFake, localProvider, vaultProvider } from "../../tests/support/fake_files.ts";

const vault = vaultProvider("    address: https://vault:8200");

Deno.test("foreignSources() is empty by default", async () => {
  assert.deepEqual((await loadFake(vault)).readForeign, []);
  assert.deepEqual((await loadFake(`${vault}readForeign: []\n`)).readForeign, []);
});

Deno.test("foreignSources() accepts formats with the providers that support them", async () => {
  const { readForeign } = await loadFake(`${vault}readForeign:
  - { format: vault-kubernetes-kms, providers: [vault] }
  - { format: trousseau-v2, providers: [{ name: vault, as: vault }, { name: vault, as: vault-old }] }
`);
  assert.deepEqual(readForeign, [
    { format: "vault-kubernetes-kms", providers: [{ written: "", name: "vault" }] },
    {
      format: "trousseau-v2",
      providers: [{ written: "vault", name: "vault" }, { written: "vault-old", name: "vault" }],
    },
  ]);
});

Deno.test("foreignSources() accepts a retired provider: it may only be needed for another plugin's data", async () => {
  const { readForeign } = await loadFake(
    `${localProvider}${
      vault.replace("providers:", "retired:")
    }readForeign: [{ format: trousseau-v1, providers: [vault] }]\n`,
  );
  assert.deepEqual(readForeign, [{ format: "trousseau-v1", providers: [{ written: "", name: "vault" }] }]);
});

Deno.test("foreignSources() passes the encryption context to keys in AWS KMS, and bare blobs only if they are configured", async () => {
  const aws = `providers:
  - name: aws
    kind: aws-kms
    key: arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
    auth: { method: instance-metadata }
readForeign:
`;
  const bare = await loadFake(`${aws}  - { format: aws-encryption-provider, providers: [aws] }\n`);
  const key = { written: "", name: "aws" };
  assert.deepEqual(bare.readForeign, [{ format: "aws-encryption-provider", providers: [key], unprefixed: false }]);
  const full = await loadFake(
    `${aws}  - { format: aws-encryption-provider, providers: [aws], encryptionContext: { a: b }, unprefixed: true }\n`,
  );
  assert.deepEqual(full.readForeign, [
    { format: "aws-encryption-provider", providers: [{ ...key, context: { a: "b" } }], unprefixed: true },
  ]);
});

const azure = `providers:
  - name: azure
    kind: azure-key-vault
    vault: https://team-a.vault.azure.net
    key: kms
    auth: { method: managed-identity }
`;

Deno.test("foreignSources() accepts Azure with the key version of the original's configuration, and requires it", async () => {
  const lines = (rest: string) =>
    `readForeign: [{ format: trousseau-v2, providers: [{ name: azure, as: azurekms${rest} }] }]\n`;
  const keyVersion = "0123456789abcdef0123456789abcdef";
  assert.deepEqual((await loadFake(azure + lines(`, keyVersion: ${keyVersion}`))).readForeign, [
    { format: "trousseau-v2", providers: [{ written: "azurekms", name: "azure", keyVersion }] },
  ]);
  assert.deepEqual(await complaints(azure + lines("")), [
    "7:53: readForeign[0].providers[0].name: needs keyVersion beside it: the version that the original was told to use",
  ]);
});

const mistakes: readonly (readonly [criterion: string, lines: string, expected: readonly string[]])[] = [
  ["what is no list", "readForeign: trousseau-v1", ["7:1: readForeign: must be a list of formats"]],
  ["an unknown format", "readForeign: [{ format: trousseau-v3, providers: [vault] }]", [
    "7:17: readForeign[0].format: must be trousseau-v1, trousseau-v2, vault-kubernetes-kms or aws-encryption-provider; " +
    'did you mean "trousseau-v1"?',
  ]],
  ["no provider", "readForeign: [{ format: trousseau-v1, providers: [] }]", [
    "7:39: readForeign[0].providers: must name a provider",
  ]],
  ["a missing list of providers", "readForeign: [{ format: trousseau-v1 }]", [
    "7:15: readForeign[0].providers: must be a list of providers' names",
  ]],
  ["a provider that is not there", "readForeign: [{ format: trousseau-v1, providers: [vault, other] }]", [
    "7:58: readForeign[0].providers[1]: no provider has this name",
  ]],
  ["a provider of the wrong kind", "readForeign: [{ format: aws-encryption-provider, providers: [vault] }]", [
    "7:62: readForeign[0].providers[0]: must be of kind aws-kms",
  ]],
  [
    "a format that stands there twice",
    "readForeign: [{ format: trousseau-v1, providers: [vault] }, { format: trousseau-v1, providers: [vault] }]",
    ["7:63: readForeign[1].format: stands in the list twice"],
  ],
  [
    "two formats of one form",
    "readForeign: [{ format: vault-kubernetes-kms, providers: [vault] }, { format: trousseau-v1, providers: [vault] }]",
    ["7:71: readForeign[1].format: vault-kubernetes-kms, which has the same form, reads this too; leave it out"],
  ],
  [
    "an encryption context for Vault",
    "readForeign: [{ format: trousseau-v2, providers: [{ name: vault, as: vault }], encryptionContext: { a: b } }]",
    ["7:80: readForeign[0].encryptionContext: is for providers of kind aws-kms, and none is named here"],
  ],
  [
    "a version of the key for Vault",
    `readForeign: [{ format: trousseau-v2, providers: [{ name: vault, as: vault, keyVersion: ${"a".repeat(32)} }] }]`,
    ["7:77: readForeign[0].providers[0].keyVersion: is for providers of kind azure-key-vault"],
  ],
  ["an unknown key", "readForeign: [{ format: trousseau-v1, providers: [vault], key: other }]", [
    "7:59: readForeign[0].key: unknown key; known here: format, providers",
  ]],
];

for (const [criterion, lines, expected] of mistakes) {
  Deno.test(`foreignSources() reports ${criterion}`, async () => {
    assert.deepEqual(await complaints(`${vault}${lines}\n`), expected);
  });
}

Deno.test("foreignSources() adds no complaint about a provider that has its own", async () => {
  const broken = vaultProvider("    address: vault");
  const found = await complaints(`${broken}readForeign: [{ format: trousseau-v1, providers: [vault] }]\n`);
  assert.equal(found.length, 1);
  assert.match(found[0] ?? "", /providers\[0\]\.address/);
});

Deno.test("foreignSources() refuses local keys: no other plugin has encrypted with them", async () => {
  const lines = "readForeign: [{ format: vault-kubernetes-kms, providers: [local] }]\n";
  assert.deepEqual(await complaints(localProvider + lines), [
    "2:59: readForeign[0].providers[0]: must be of kind vault-transit",
  ]);
});
