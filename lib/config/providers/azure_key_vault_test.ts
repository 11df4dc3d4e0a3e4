import assert from "node:assert/strict";
import type { AzureKeyVaultSettings } from "../../provider/azure_key_vault/settings.ts";
import { azureProvider, complaints, type FakeFiles, loadFake } from "../../../tests/support/fake_files.ts";

const id = "2ad86d5c-0ecc-4ae4-b2b5-0f3e0c9c1a11";
const vault = "    vault: https://team-a.vault.azure.net\n    key: kubernetes";

async function settings(
  lines: string,
  auth?: string,
  variables?: Record<string, string>,
  fake?: FakeFiles,
): Promise<AzureKeyVaultSettings> {
  const { providers: [provider] } = await loadFake(azureProvider(lines, auth), variables, fake);
  assert.ok(provider?.settings.kind === "azure-key-vault");
  return provider.settings;
}

Deno.test("azureKeyVaultSettings() fills in defaults, and writes names in the form that the vault compares", async () => {
  assert.deepEqual(await settings("    vault: https://Team-A.vault.azure.net/\n    key: Kubernetes"), {
    kind: "azure-key-vault",
    name: "azure",
    vault: "https://team-a.vault.azure.net",
    key: "kubernetes",
    cloud: { resource: "https://vault.azure.net", authority: "https://login.microsoftonline.com" },
    unwrapAlgorithms: [],
    auth: { method: "managed-identity", metadata: "http://169.254.169.254" },
    tls: {},
  });
});

const places: readonly (readonly [vault: string, resource: string, authority: string])[] = [
  ["https://a.managedhsm.azure.net", "https://managedhsm.azure.net", "https://login.microsoftonline.com"],
  ["https://a.vault.azure.cn", "https://vault.azure.cn", "https://login.chinacloudapi.cn"],
  ["https://a.managedhsm.azure.cn", "https://managedhsm.azure.cn", "https://login.chinacloudapi.cn"],
  ["https://a.vault.usgovcloudapi.net", "https://vault.usgovcloudapi.net", "https://login.microsoftonline.us"],
  [
    "https://a.managedhsm.usgovcloudapi.net",
    "https://managedhsm.usgovcloudapi.net",
    "https://login.microsoftonline.us",
  ],
];

for (const [origin, resource, authority] of places) {
  Deno.test(`azureKeyVaultSettings() finds the cloud of ${origin}`, async () => {
    assert.deepEqual((await settings(`    vault: ${origin}\n    key: k`)).cloud, { resource, authority });
  });
}

Deno.test("azureKeyVaultSettings() accepts another cloud if it is configured explicitly", async () => {
  const cloud = "{ resource: https://vault.stack.example, authority: https://login.stack.example }";
  const found = await settings(`    vault: https://a.vault.stack.example\n    key: k\n    cloud: ${cloud}`);
  assert.deepEqual(found.cloud, { resource: "https://vault.stack.example", authority: "https://login.stack.example" });
});

Deno.test("azureKeyVaultSettings() reads every field except auth", async () => {
  const version = "0123456789abcdef0123456789abcdef";
  const found = await settings(`${vault}
    version: "${version}"
    unwrapAlgorithms: [RSA-OAEP, RSA1_5]
    tls: { caFile: ca.pem }`);
  assert.deepEqual([found.version, found.unwrapAlgorithms, found.tls], [version, ["RSA-OAEP", "RSA1_5"], {
    caFile: "/etc/trousseau/ca.pem",
  }]);
});

/** Each method as written, and as settings with the descriptions of its sources. */
const methods: readonly (readonly [written: string, expected: Record<string, unknown>])[] = [
  [`{ method: client-secret, tenantId: contoso.example, clientId: ${id}, clientSecret: { file: token } }`, {
    method: "client-secret",
    tenantId: "contoso.example",
    clientId: id,
    clientSecret: "file /etc/trousseau/token",
  }],
  [`{ method: client-certificate, tenantId: ${id}, clientId: ${id}, certificateFile: tls.pem }`, {
    method: "client-certificate",
    tenantId: id,
    clientId: id,
    certificateFile: "/etc/trousseau/tls.pem",
    sendChain: false,
  }],
  [
    `{ method: client-certificate, tenantId: ${id}, clientId: ${id}, certificateFile: tls.pem, keyFile: tls.key, sendChain: true }`,
    {
      method: "client-certificate",
      tenantId: id,
      clientId: id,
      certificateFile: "/etc/trousseau/tls.pem",
      keyFile: "/etc/trousseau/tls.key",
      sendChain: true,
    },
  ],
  [`{ method: managed-identity, clientId: ${id} }`, {
    method: "managed-identity",
    clientId: id,
    metadata: "http://169.254.169.254",
  }],
  ["{ method: azure-arc }", {
    method: "azure-arc",
    metadata: "http://127.0.0.1:40342",
    keyFolder: "/var/opt/azcmagent/tokens",
  }],
  [`{ method: workload-identity, tenantId: ${id}, clientId: ${id}, tokenFile: token }`, {
    method: "workload-identity",
    tenantId: id,
    clientId: id,
    token: "file /etc/trousseau/token",
  }],
];

function shown(auth: AzureKeyVaultSettings["auth"]): Record<string, unknown> {
  const entries = Object.entries(auth).map(([key, value]) => [key, value.description ?? value]);
  return Object.fromEntries(entries);
}

for (const [written, expected] of methods) {
  Deno.test(`azureKeyVaultSettings() reads auth: ${written}`, async () => {
    assert.deepEqual(shown((await settings(vault, written)).auth), expected);
  });
}

Deno.test("azureKeyVaultSettings() reads a workload identity from the environment", async () => {
  const variables = {
    AZURE_TENANT_ID: id,
    AZURE_CLIENT_ID: id,
    AZURE_FEDERATED_TOKEN_FILE: "/etc/trousseau/token",
    AZURE_AUTHORITY_HOST: "https://login.microsoftonline.com/",
  };
  const found = await settings(vault, "{ method: workload-identity }", variables);
  assert.deepEqual(shown(found.auth), {
    method: "workload-identity",
    tenantId: id,
    clientId: id,
    token: "file /etc/trousseau/token",
  });
  const chinese = vault.replace(".net", ".cn");
  const partner = "https://login.partner.microsoftonline.cn";
  const there = await settings(chinese, "{ method: workload-identity }", {
    ...variables,
    AZURE_AUTHORITY_HOST: partner,
  });
  assert.equal(there.cloud.authority, partner);
  assert.deepEqual(await complaints(azureProvider(chinese, "{ method: workload-identity }"), variables), [
    "4:13: providers[0].auth.method: AZURE_AUTHORITY_HOST is not https://login.chinacloudapi.cn or " +
    "https://login.partner.microsoftonline.cn, which the vault's cloud has",
  ]);
  assert.deepEqual(
    await complaints(azureProvider(vault, "{ method: workload-identity }"), { ...variables, AZURE_CLIENT_ID: "me" }),
    ["4:5: providers[0].auth.clientId: AZURE_CLIENT_ID does not hold one"],
  );
});

const managed = "{ method: managed-identity }";
const keyRule = "must be a key's name of 1 to 127 letters, digits and -, without a version";
const noCloud =
  "5:5: providers[0].vault: is in no domain of Azure's clouds; for another one, such as Azure Stack, write cloud";

const mistakes: readonly (readonly [criterion: string, lines: string, auth: string, expected: readonly string[]])[] = [
  ["a vault under no domain of Azure's", "    vault: https://vault.example.com\n    key: k", managed, [noCloud]],
  ["a domain that only looks like Azure's", "    vault: https://a.evilvault.azure.net.example\n    key: k", managed, [
    noCloud,
  ]],
  ["a domain that ends like Azure's without a dot", "    vault: https://avault.azure.net\n    key: k", managed, [
    noCloud,
  ]],
  ["plain http", "    vault: http://127.0.0.1:8443\n    key: k", managed, [
    "5:5: providers[0].vault: must begin with https://",
    noCloud,
  ]],
  [
    "another cloud for a vault of Azure's",
    `${vault}\n    cloud: { resource: https://a.example, authority: https://b }`,
    managed,
    [
      "7:5: providers[0].cloud: is not for a vault of one of Azure's clouds; leave it out",
      "7:14: providers[0].cloud.resource: must be the domain that the vault is in",
    ],
  ],
  [
    "a token for another domain",
    "    vault: https://a.example\n    key: k\n    cloud: { resource: https://b.example, authority: https://c.example }",
    managed,
    [
      "7:14: providers[0].cloud.resource: must be the domain that the vault is in",
    ],
  ],
  [
    "a key with its version",
    "    vault: https://a.vault.azure.net\n    key: k/0123456789abcdef0123456789abcdef",
    managed,
    [
      `6:5: providers[0].key: ${keyRule}`,
    ],
  ],
  ["a version that is none", `${vault}\n    version: latest`, managed, [
    "7:5: providers[0].version: must be a version of 32 lowercase hexadecimal digits",
  ]],
  [
    "a key's URL that is too long to be recorded",
    `    vault: https://${"a".repeat(60)}.${"b".repeat(60)}.vault.azure.net\n    key: ${"k".repeat(120)}`,
    managed,
    [
      "5:5: providers[0].vault: with the key's name is too long: 256 bytes are left for a version",
    ],
  ],
  ["an algorithm that cannot be asked for", `${vault}\n    unwrapAlgorithms: [RSA-OAEP-256]`, managed, [
    '7:24: providers[0].unwrapAlgorithms[0]: must be RSA-OAEP or RSA1_5; did you mean "RSA-OAEP"?',
  ]],
  ["an algorithm twice", `${vault}\n    unwrapAlgorithms: [RSA1_5, RSA1_5]`, managed, [
    "7:5: providers[0].unwrapAlgorithms: names an algorithm twice",
  ]],
  ["an unknown method", vault, "{ method: managed-identiti }", [
    "4:13: providers[0].auth.method: must be client-secret, client-certificate, managed-identity, azure-arc or workload-identity; " +
    'did you mean "managed-identity"?',
  ]],
  ["a client ID that is no GUID", vault, "{ method: managed-identity, clientId: me }", [
    `4:39: providers[0].auth.clientId: must be a GUID such as ${id}`,
  ]],
  ["a secret in the config", vault, `{ method: client-secret, tenantId: t, clientId: ${id}, clientSecret: abc }`, [
    "4:97: providers[0].auth.clientSecret: must not stand in the config; put it into a file and write { file: PATH }, or " +
    "into a variable and write { variable: NAME }",
  ]],
  [
    "files that are not there",
    `${vault}\n    tls: { caFile: a }`,
    `{ method: client-certificate, tenantId: t, clientId: ${id}, certificateFile: b }`,
    [
      "4:102: providers[0].auth.certificateFile: /etc/trousseau/b is not there",
      "7:12: providers[0].tls.caFile: /etc/trousseau/a is not there",
    ],
  ],
  ["a workload identity that nobody names", vault, "{ method: workload-identity }", [
    "4:5: providers[0].auth.tokenFile: is missing, and AZURE_FEDERATED_TOKEN_FILE is not set",
    "4:5: providers[0].auth.tenantId: is missing, and AZURE_TENANT_ID is not set",
    "4:5: providers[0].auth.clientId: is missing, and AZURE_CLIENT_ID is not set",
  ]],
];

for (const [criterion, lines, auth, expected] of mistakes) {
  Deno.test(`azureKeyVaultSettings() reports ${criterion}`, async () => {
    assert.deepEqual((await complaints(azureProvider(lines, auth))).toSorted(), [...expected].toSorted());
  });
}
