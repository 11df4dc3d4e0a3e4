import assert from "node:assert/strict";
import fc from "fast-check";
import { KmsError } from "../../base/errors.ts";
import type { FileKind } from "../files.ts";
import { loadFake } from "../../../tests/support/fake_files.ts";
import { convert } from "./convert.ts";

/** Files that the converted configs name and that the user must create. */
const made: Record<string, FileKind> = Object.fromEntries(
  [
    "vault-token",
    "vault-2-token",
    "vault-secret-id",
    "azure-secret",
    "client.pem",
    "client.key",
    "ca.pem",
    "azure.pem",
    "aws-credentials",
    "aws-config",
  ].map((name) => [`/etc/trousseau/${name}`, "file"]),
);

async function loaded(texts: Readonly<Record<string, string>>, readForeign = true) {
  const files = Object.entries(texts).map(([path, text]) => ({ path, text }));
  const { config, notes } = convert(files, readForeign);
  return { config, notes, ours: await loadFake(config, {}, { kinds: made }) };
}

function settingsOf({ ours }: Awaited<ReturnType<typeof loaded>>, index = 0) {
  const settings = ours.providers[index]?.settings;
  assert.ok(settings);
  return settings;
}

const secret = "s.3cr3tV4lu3";

Deno.test("convert() turns config.yaml of version 1 into a config that can be loaded, without its token", async () => {
  const found = await loaded({
    "config.yaml":
      `provider: vault\nvault:\n  keynames:\n  - old-key\n  address: https://vault.example:8200\n  token: ${secret}\n`,
  });
  const settings = settingsOf(found);
  assert.ok(settings.kind === "vault-transit" && settings.auth.method === "token");
  assert.deepEqual([settings.addresses, settings.mount, settings.key, settings.auth.token.description], [
    ["https://vault.example:8200"],
    "transit",
    "old-key",
    "file /etc/trousseau/vault-token",
  ]);
  assert.deepEqual(found.ours.readForeign, [{ format: "trousseau-v1", providers: [{ written: "", name: "vault" }] }]);
  assert.deepEqual(found.notes, [
    "config.yaml:6:3: vault.token: is a secret and is not written: put it into /etc/trousseau/vault-token (mode 0600), " +
    "and a new one there soon, for it stood in a config",
  ]);
  assert.ok(!found.config.includes(secret) && !found.notes.join().includes(secret));
});

Deno.test("convert() converts every field of vault.yaml", async () => {
  const found = await loaded({
    "vault.yaml": `keyNames: [k8s, other]
address: https://vault.example:8200/ui
roleID: 1b2c-3d
secretID: ${secret}
vaultCACert: /etc/trousseau/ca.pem
tlsServerName: vault.internal
transitPath: /kms/transit/
authPath: auth/team
`,
  });
  const settings = settingsOf(found);
  assert.ok(settings.kind === "vault-transit" && settings.auth.method === "approle");
  assert.deepEqual(
    { mount: settings.mount, key: settings.key, tls: settings.tls, at: settings.auth.mount },
    {
      mount: "kms/transit",
      key: "k8s",
      tls: { caFile: "/etc/trousseau/ca.pem", serverName: "vault.internal" },
      at: "team/approle",
    },
  );
  assert.deepEqual(found.ours.readForeign, [
    { format: "trousseau-v2", providers: [{ written: "vault", name: "vault" }] },
  ]);
  assert.deepEqual(found.notes.map((note) => note.slice(0, 30)), [
    "vault.yaml:1:1: keyNames: all ",
    "vault.yaml:2:1: address: is ca",
    "vault.yaml:4:1: secretID: is a",
  ]);
  assert.ok(!found.config.includes(secret) && !found.notes.join().includes(secret));
});

Deno.test("convert() logs in by certificate if the original did, and writes plain http as https", async () => {
  const found = await loaded({
    "vault.yaml": "keyNames: [k]\naddress: http://vault:8200\nclientCert: client.pem\nclientKey: client.key\n",
  });
  const settings = settingsOf(found);
  assert.ok(settings.kind === "vault-transit" && settings.auth.method === "cert");
  assert.deepEqual(settings.addresses, ["https://vault:8200"]);
  assert.equal(settings.tls.certificateFile, "/etc/trousseau/client.pem");
  assert.deepEqual(found.notes, [
    "vault.yaml:2:1: address: is written with https://: plain http is taken for this machine only",
  ]);
});

Deno.test("convert() keeps an address with a path, and the socket of an agent", async () => {
  for (const address of ["https://example.com/team/vault", "unix:///run/vault/agent.sock"]) {
    const found = await loaded({
      "vault.yaml": `keyNames: [k]\naddress: ${address}\nroleID: r\nsecretID: ${secret}\n`,
    });
    const settings = settingsOf(found);
    assert.ok(settings.kind === "vault-transit");
    assert.deepEqual(settings.addresses, [address]);
    assert.ok(!found.notes.join().includes("address"));
  }
});

const azure =
  "keyVaultName: team-a\nkeyName: kms\nkeyVersion: 0123456789abcdef0123456789abcdef\nconfigFilePath: azure.json\n";

Deno.test("convert() turns azurekms.yaml into a provider, with the login of azure.json if that is given", async () => {
  const alone = await loaded({ "azurekms.yaml": azure });
  const settings = settingsOf(alone);
  assert.ok(settings.kind === "azure-key-vault" && settings.auth.method === "managed-identity");
  assert.deepEqual([settings.vault, settings.key, settings.version], [
    "https://team-a.vault.azure.net",
    "kms",
    "0123456789abcdef0123456789abcdef",
  ]);
  assert.deepEqual(alone.ours.readForeign, [{
    format: "trousseau-v2",
    providers: [{ written: "azurekms", name: "azure", keyVersion: "0123456789abcdef0123456789abcdef" }],
  }]);
  assert.deepEqual(alone.notes.map((note) => note.split(": ").slice(0, 2).join(": ")), [
    "azurekms.yaml:3:1: keyVersion",
    "azurekms.yaml:4:1: configFilePath",
  ]);

  const guid = "2ad86d5c-0ecc-4ae4-b2b5-0f3e0c9c1a11";
  const login = { cloud: "AzureUSGovernmentCloud", tenantId: guid, aadClientId: guid, aadClientSecret: secret, x: 1 };
  const both = await loaded({ "azurekms.yaml": `${azure}managedHSM: true\n`, "azure.json": JSON.stringify(login) });
  const full = settingsOf(both);
  assert.ok(full.kind === "azure-key-vault" && full.auth.method === "client-secret");
  assert.equal(full.vault, "https://team-a.managedhsm.usgovcloudapi.net");
  assert.equal(full.auth.clientSecret.description, "file /etc/trousseau/azure-secret");
  assert.ok(!both.config.includes(secret) && !both.notes.join().includes(secret));
});

Deno.test("convert() does not enable reading the original's Azure data if its key version is missing", async () => {
  const { ours, notes } = await loaded({ "azurekms.yaml": "keyVaultName: team-a\nkeyName: kms\n" });
  assert.deepEqual(ours.readForeign, []);
  assert.match(notes.join("\n"), /keyVersion: is missing: what the original wrote with Azure is not read without it/);
});

const keyArn = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const roleArn = "arn:aws:iam::111122223333:role/trousseau";

Deno.test("convert() turns awskms.yaml into a provider, with the encryption context of its data", async () => {
  const found = await loaded({
    "awskms.yaml": `endpoint: https://vpce-1.kms.eu-west-1.vpce.amazonaws.com
profile: node
keyArn: ${keyArn}
roleArn: ${roleArn}
encryptionContext: { cluster: prod, Env: "1" }
`,
  });
  const settings = settingsOf(found);
  assert.ok(settings.kind === "aws-kms" && settings.auth.method === "profile");
  const { key, region, encryptionContext, endpoint, stsEndpoint, assumeRole, auth } = settings;
  assert.deepEqual({ key, region, encryptionContext, endpoint, stsEndpoint, assumeRole, profile: auth.profile }, {
    key: keyArn,
    region: "eu-west-1",
    encryptionContext: { cluster: "prod", Env: "1" },
    endpoint: "https://vpce-1.kms.eu-west-1.vpce.amazonaws.com",
    stsEndpoint: "https://vpce-1.kms.eu-west-1.vpce.amazonaws.com",
    assumeRole: { roleArn, sessionName: "trousseau" },
    profile: "node",
  });
  assert.deepEqual(found.ours.readForeign, [{
    format: "trousseau-v2",
    providers: [{ written: "awskms", name: "aws", context: { cluster: "prod", Env: "1" } }],
  }]);
  assert.deepEqual(found.notes, [
    "awskms.yaml:2:1: profile: was looked for in ~/.aws: copy credentials and config to /etc/trousseau/aws-credentials " +
    "and /etc/trousseau/aws-config (mode 0600)",
  ]);
});

Deno.test("convert() notes the decisions that awskms.yaml leaves to the user, and omits a code for MFA", async () => {
  const found = await loaded({
    "awskms.yaml": `keyArn: ${keyArn.replace("key/", "alias/")}\nassumeRoleMFAToken: "${secret}"\nother: 1\n`,
  });
  const settings = settingsOf({ ...found });
  assert.ok(settings.kind === "aws-kms" && settings.auth.method === "instance-metadata");
  assert.deepEqual(found.notes.map((note) => note.slice(0, 47)), [
    "awskms.yaml:1:1: keyArn: is an alias, which is ",
    "awskms.yaml:1:1: the original logged in with wh",
    "awskms.yaml:2:1: assumeRoleMFAToken: is not car",
    "awskms.yaml:3:1: other: is not carried over: no",
  ]);
  assert.ok(!found.config.includes(secret) && !found.notes.join().includes(secret));
});

Deno.test("convert() puts Vault, AWS KMS and Azure of one plugin into one entry of readForeign", async () => {
  const vault = "keyNames: [k]\naddress: https://vault:8200\ntoken: x\n";
  const aws = `keyArn: ${keyArn}\n`;
  const { ours, notes } = await loaded({ "vault.yaml": vault, "awskms.yaml": aws, "azurekms.yaml": azure });
  assert.deepEqual(ours.readForeign.flatMap(({ providers }) => providers.map(({ name, written }) => [name, written])), [
    ["vault", "vault"],
    ["aws", "awskms"],
    ["azure", "azurekms"],
  ]);
  assert.ok(!notes.join().includes("differs"));
  const other = `${aws}encryptionContext: { a: b }\n`;
  assert.match(
    (await loaded({ "1.yaml": aws, "2.yaml": other })).notes.join("\n"),
    /2\.yaml:2:1: encryptionContext: differs/,
  );
});

Deno.test("convert() puts two providers into one config, with unique names", async () => {
  const vault = "keyNames: [k]\naddress: https://vault:8200\ntoken: x\n";
  const { ours } = await loaded({ "a.yaml": vault, "b.yaml": vault, "c.yaml": azure });
  assert.deepEqual(ours.providers.map(({ name }) => name), ["vault", "vault-2", "azure"]);
});

Deno.test("convert() fails if there is only a login", () => {
  const guid = "2ad86d5c-0ecc-4ae4-b2b5-0f3e0c9c1a11";
  const login = { path: "azure.json", text: JSON.stringify({ tenantId: guid, aadClientId: guid }) };
  assert.throws(() => convert([login], false), { code: "config", message: /There is no provider to convert\.$/ });
});

Deno.test("convert() writes readForeign as a comment that is valid after uncommenting", async () => {
  const vault = "keyNames: [k]\naddress: https://vault:8200\ntoken: x\n";
  const { config, ours } = await loaded({ "vault.yaml": vault }, false);
  assert.deepEqual(ours.readForeign, []);
  const from = config.indexOf("# readForeign:");
  assert.ok(from > 0);
  const uncommented = config.slice(0, from) + config.slice(from).replace(/^# /gm, "");
  assert.equal((await loadFake(uncommented, {}, { kinds: made })).readForeign.length, 1);
});

Deno.test("convert() notes each unknown field, and values that violate the schema", () => {
  const text = "keyNames: [a/b]\naddress: https://vault\ntoken: x\nmfaToken: y\n'very secret key': z\n";
  const { notes } = convert([{ path: "vault.yaml", text }], false);
  assert.deepEqual(notes.filter((note) => !note.includes("token:")), [
    "vault.yaml:4:1: mfaToken: is not carried over: nothing here corresponds to it",
    "vault.yaml:5:1: is not carried over: nothing here corresponds to it",
    "output:8:5: providers[0].key: must be a key's name of letters, digits, _, - and .",
  ]);
});

Deno.test("convert() refuses files that are not the original's, with all of their problems", () => {
  const bad = [
    { path: "a.yaml", text: "providers: []\n" },
    { path: "b.yaml", text: "- x\n" },
    { path: "c.yaml", text: "a: 'b\n" },
  ];
  assert.throws(() => convert(bad, false), (error) => {
    assert.ok(error instanceof KmsError && error.code === "config");
    assert.deepEqual(error.message.split("\n").map((line) => line.split(":").slice(0, 2).join(":")), [
      "a.yaml:1",
      "b.yaml:1",
      "c.yaml:2",
    ]);
    return true;
  });
});

Deno.test("convert() returns a config or complaints, and never repeats a value of a field that can be secret", () => {
  const canary = "kanarienvogel";
  const value = fc.oneof(fc.constant(canary), fc.string().map((text) => `${canary}${text}`), fc.constant([canary]));
  const fields = fc.constantFrom("token", "secretID", "TOKEN", "aadClientSecret", "assumeRoleMFAToken", "authPath");
  const file = fc.dictionary(fields, value).chain((some) =>
    fc.constantFrom({ keyNames: ["k"] }, { keyVaultName: "v" }, { aadClientId: "x" }, { keyArn: "a" }).map((base) =>
      JSON.stringify({ ...base, ...some })
    )
  );
  fc.assert(fc.property(fc.array(file, { minLength: 1, maxLength: 3 }), fc.boolean(), (texts, readForeign) => {
    const files = texts.map((text, index) => ({ path: `${index}.yaml`, text }));
    let all: string;
    try {
      const { config, notes } = convert(files, readForeign);
      all = config + notes.join("\n");
    } catch (thrown) {
      assert.ok(thrown instanceof KmsError && thrown.code === "config", String(thrown));
      all = thrown.message;
    }
    assert.ok(!all.includes(canary), all);
  }));
});
