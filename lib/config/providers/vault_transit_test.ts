import assert from "node:assert/strict";
import type { VaultTransitSettings } from "../../provider/vault_transit/settings.ts";
import { complaints, type FakeFiles, loadFake, vaultProvider } from "../../../tests/support/fake_files.ts";

async function settings(
  lines: string,
  auth?: string,
  variables?: Record<string, string>,
  fake?: FakeFiles,
): Promise<VaultTransitSettings> {
  const { providers: [provider] } = await loadFake(vaultProvider(lines, auth), variables, fake);
  assert.ok(provider?.settings.kind === "vault-transit");
  return provider.settings;
}

const address = "    address: https://vault:8200";

Deno.test("vaultTransitSettings() fills in defaults", async () => {
  const found = await settings("    address: https://Vault.Example/");
  assert.equal(found.auth.method === "token" && found.auth.token.description, "file /etc/trousseau/token");
  assert.deepEqual({ ...found, auth: undefined }, {
    kind: "vault-transit",
    name: "vault",
    addresses: ["https://vault.example"],
    mount: "transit",
    key: "k",
    auth: undefined,
    tls: {},
  });
});

Deno.test("vaultTransitSettings() accepts an agent on a socket or a loopback address, and a token through it", async () => {
  const socket = "    address: unix:///run/vault/agent.sock";
  const { addresses, auth } = await settings(socket, "{ method: agent }");
  assert.deepEqual([addresses, auth], [["unix:///run/vault/agent.sock"], { method: "agent" }]);
  const local = await settings('    addresses: ["http://127.0.0.1:8100/a/", https://localhost]', "{ method: agent }");
  assert.deepEqual(local.addresses, ["http://127.0.0.1:8100/a", "https://localhost"]);
  assert.equal((await settings(socket)).auth.method, "token");
});

Deno.test("vaultTransitSettings() reads every field except auth", async () => {
  const found = await settings(`
    addresses: [https://a:8200, "http://127.0.0.1:8200", "http://[::1]:8200", http://localhost]
    namespace: team-a/sub/
    mount: /kms/transit/
    tls: { caFile: ca.pem, serverName: vault.example, certificateFile: tls.pem, keyFile: tls.key }`);
  assert.deepEqual({ ...found, auth: undefined }, {
    kind: "vault-transit",
    name: "vault",
    addresses: ["https://a:8200", "http://127.0.0.1:8200", "http://[::1]:8200", "http://localhost"],
    namespace: "team-a/sub",
    mount: "kms/transit",
    key: "k",
    auth: undefined,
    tls: {
      caFile: "/etc/trousseau/ca.pem",
      serverName: "vault.example",
      certificateFile: "/etc/trousseau/tls.pem",
      keyFile: "/etc/trousseau/tls.key",
    },
  });
});

const jwtFile = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/** Each method as written, and as settings with the descriptions of its sources. */
const methods: readonly (readonly [written: string, expected: Record<string, unknown>])[] = [
  ["{ method: token, token: { variable: BAO_TOKEN } }", {
    method: "token",
    token: "variable BAO_TOKEN",
    wrapped: false,
    keepUnwrapped: false,
  }],
  ["{ method: token, token: { file: token }, wrapped: true, keepUnwrapped: true }", {
    method: "token",
    token: "file /etc/trousseau/token",
    wrapped: true,
    keepUnwrapped: true,
  }],
  ["{ method: approle, roleId: { file: token } }", {
    method: "approle",
    mount: "approle",
    roleId: "file /etc/trousseau/token",
    wrapped: false,
    keepUnwrapped: false,
  }],
  ["{ method: approle, roleId: { file: token }, secretId: { file: token }, mount: a/b, wrapped: true }", {
    method: "approle",
    mount: "a/b",
    roleId: "file /etc/trousseau/token",
    secretId: "file /etc/trousseau/token",
    wrapped: true,
    keepUnwrapped: false,
  }],
  ["{ method: approle, roleId: 1b2c-3d, secretId: { variable: TROUSSEAU_SECRET_ID } }", {
    method: "approle",
    mount: "approle",
    roleId: "the config",
    secretId: "variable TROUSSEAU_SECRET_ID",
    wrapped: false,
    keepUnwrapped: false,
  }],
  ["{ method: kubernetes, role: kms }", {
    method: "kubernetes",
    mount: "kubernetes",
    role: "kms",
    jwt: `file ${jwtFile}`,
  }],
  ["{ method: kubernetes, role: kms, jwt: { file: token } }", {
    method: "kubernetes",
    mount: "kubernetes",
    role: "kms",
    jwt: "file /etc/trousseau/token",
  }],
  ["{ method: jwt, role: kms, jwt: { file: token } }", {
    method: "jwt",
    mount: "jwt",
    role: "kms",
    jwt: "file /etc/trousseau/token",
  }],
  ["{ method: cert }", { method: "cert", mount: "cert" }],
  ["{ method: cert, role: kms, mount: c }", { method: "cert", mount: "c", role: "kms" }],
  ["{ method: userpass, username: kms@example.com, password: { file: token } }", {
    method: "userpass",
    mount: "userpass",
    username: "kms@example.com",
    password: "file /etc/trousseau/token",
  }],
];

for (const [written, expected] of methods) {
  Deno.test(`vaultTransitSettings() reads auth: ${written}`, async () => {
    const tls = "    tls: { certificateFile: tls.pem, keyFile: tls.key }";
    const found = await settings(
      `${address}\n${tls}`,
      written,
      { BAO_TOKEN: "t", TROUSSEAU_SECRET_ID: "s" },
      { kinds: { [jwtFile]: "file" } },
    );
    const shown = Object.entries(found.auth).map(([key, value]) => [
      key,
      typeof value === "object" ? value.description : value,
    ]);
    assert.deepEqual(Object.fromEntries(shown), expected);
  });
}

const token = "{ method: token, token: { file: token } }";
const variableRule = "must be named TROUSSEAU_SECRET_… (capital letters, digits, _), VAULT_TOKEN or BAO_TOKEN; " +
  "no other variable can be read";
const originRule =
  "must be an address such as https://vault.example:8200, https://example.com/vault or unix:///run/vault/agent.sock";
const agentRule =
  "agent needs addresses of this machine, such as unix:///run/vault/agent.sock or http://127.0.0.1:8100";
const mountRule = "must be a path of letters, digits, _, - and ., such as transit";

const mistakes: readonly (readonly [criterion: string, lines: string, auth: string, expected: readonly string[]])[] = [
  ["no address", "", token, ["2:5: providers[0].address: is missing"]],
  ["two kinds of address", `${address}\n    addresses: [https://b]`, token, [
    "7:5: providers[0].addresses: address is given too; write one of the two",
  ]],
  ["an empty list of addresses", "    addresses: []", token, ["6:5: providers[0].addresses: must have an address"]],
  ["the same address twice", "    addresses: [https://b, https://B/]", token, [
    "6:28: providers[0].addresses[1]: stands in the list twice",
  ]],
  ["an address with the path of the API", "    address: https://vault/v1", token, [
    "6:5: providers[0].address: must not end in /v1, which is added to it",
  ]],
  ["an address with an empty segment", "    addresses: [https://a, https://vault//x]", token, [
    "6:28: providers[0].addresses[1]: must have a plain path such as /vault: no empty segment, no . or .. and no escapes",
  ]],
  ["an address with a query", "    address: https://vault?x", token, [
    "6:5: providers[0].address: must not have a query or a fragment",
  ]],
  ["an address with a fragment", "    address: https://vault/vault#x", token, [
    "6:5: providers[0].address: must not have a query or a fragment",
  ]],
  ["a socket outside of /run", "    address: unix:///tmp/agent.sock", token, [
    "6:5: providers[0].address: must be a socket below /run or /var/run, such as unix:///run/vault/agent.sock; " +
    "Trousseau's permissions reach no other",
  ]],
  ["an agent on another machine", "    addresses: [unix:///run/a.sock, https://vault]", "{ method: agent }", [
    `5:13: providers[0].auth.method: ${agentRule}`,
  ]],
  ["a token beside an agent", "    address: unix:///run/a.sock", "{ method: agent, token: { file: token } }", [
    "5:28: providers[0].auth: unknown key; known here: method",
  ]],
  ["a certificate over a socket", "    address: unix:///run/a.sock", "{ method: cert }", [
    "5:13: providers[0].auth.method: cert needs tls.certificateFile and tls.keyFile",
    "5:13: providers[0].auth.method: cert needs addresses that begin with https://",
  ]],
  ["an address without a scheme", "    address: vault:8200", token, [`6:5: providers[0].address: ${originRule}`]],
  ["an address with another scheme", "    address: ftp://vault", token, [`6:5: providers[0].address: ${originRule}`]],
  ["an address with a port that is none", "    address: https://vault:99999", token, [
    `6:5: providers[0].address: ${originRule}`,
  ]],
  ["an address with a password", "    address: https://a:b@vault", token, [
    "6:5: providers[0].address: must not hold a user name or password; take them out and change them, " +
    "for they stood in a file",
  ]],
  ["plain http to another machine", "    address: http://127.0.0.1.example:8200", token, [
    "6:5: providers[0].address: must begin with https://; plain http is taken for loopback addresses only",
  ]],
  ["a namespace that is a way up", `${address}\n    namespace: a/../b`, token, [
    `7:5: providers[0].namespace: ${mountRule}`,
  ]],
  ["a mount that holds a query", `${address}\n    mount: transit?x`, token, [`7:5: providers[0].mount: ${mountRule}`]],
  ["a key that holds a slash", `${address}\n    key: a/b`, token, [
    "7:5: this key stands in the same mapping twice",
    "7:5: providers[0].key: must be a key's name of letters, digits, _, - and .",
  ]],
  ["an unknown method", address, "{ method: aprole }", [
    "5:13: providers[0].auth.method: must be token, approle, kubernetes, jwt, cert, userpass or agent; " +
    'did you mean "approle"?',
  ]],
  ["a method that is missing", address, "{ token: { file: token } }", [
    "5:5: providers[0].auth.method: is missing; it is token, approle, kubernetes, jwt, cert, userpass or agent",
  ]],
  ["an auth mount that begins with auth/", address, "{ method: approle, mount: auth/approle, roleId: r }", [
    "5:30: providers[0].auth.mount: must be without auth/ at its beginning; write approle",
  ]],
  ["a longer auth mount that begins with auth/", address, "{ method: cert, mount: /auth/a/cert/ }", [
    "5:13: providers[0].auth.method: cert needs tls.certificateFile and tls.keyFile",
    "5:27: providers[0].auth.mount: must be without auth/ at its beginning; write the rest of it alone",
  ]],
  ["a wrapping token without a secret ID", address, "{ method: approle, roleId: r, wrapped: true }", [
    "5:41: providers[0].auth.wrapped: needs secretId, which holds the wrapping token",
  ]],
  [
    "a secret to be kept that is not wrapped",
    address,
    "{ method: token, token: { file: token }, keepUnwrapped: true }",
    [
      "5:52: providers[0].auth.keepUnwrapped: needs wrapped: true",
    ],
  ],
  ["auth that is a text", address, "token", ["5:5: providers[0].auth: must be a mapping"]],
  [
    "an unknown key in auth, without repeating it",
    address,
    "{ method: token, tokn: { file: token } }",
    [
      "5:5: providers[0].auth.token: is missing",
      '5:28: providers[0].auth: unknown key; did you mean "token"?',
    ],
  ],
  ["a secret by two references", address, "{ method: token, token: { file: token, variable: VAULT_TOKEN } }", [
    "5:28: providers[0].auth.token: must be { file: PATH } or { variable: NAME }",
  ]],
  ["a secret's file that is not there", address, "{ method: token, token: { file: absent } }", [
    "5:37: providers[0].auth.token.file: the file is not there",
  ]],
  ["a secret's file that is a folder", address, "{ method: token, token: { file: / } }", [
    "5:37: providers[0].auth.token.file: the file is a folder, not a file",
  ]],
  ["a secret's variable that cannot be read", address, "{ method: token, token: { variable: MY_TOKEN } }", [
    `5:37: providers[0].auth.token.variable: ${variableRule}`,
  ]],
  ["a secret's variable that is not set", address, "{ method: token, token: { variable: TROUSSEAU_SECRET_X } }", [
    "5:37: providers[0].auth.token.variable: the variable is not set, or empty",
  ]],
  ["a ServiceAccount's token that is not there", address, "{ method: kubernetes, role: a }", [
    `5:5: providers[0].auth.jwt: ${jwtFile} is not there`,
  ]],
  ["a certificate login without a certificate", address, "{ method: cert }", [
    "5:13: providers[0].auth.method: cert needs tls.certificateFile and tls.keyFile",
  ]],
  [
    "a certificate login over plain http",
    "    address: http://localhost\n    tls: { certificateFile: tls.pem, keyFile: tls.key }",
    "{ method: cert }",
    ["5:13: providers[0].auth.method: cert needs addresses that begin with https://"],
  ],
  ["a certificate without its key", `${address}\n    tls: { certificateFile: tls.pem }`, token, [
    "7:12: providers[0].tls.certificateFile: needs keyFile too",
  ]],
  ["a key without its certificate", `${address}\n    tls: { keyFile: tls.key }`, token, [
    "7:12: providers[0].tls.keyFile: needs certificateFile too",
  ]],
  ["files for TLS that are not there", `${address}\n    tls: { caFile: a, certificateFile: b, keyFile: / }`, token, [
    "7:12: providers[0].tls.caFile: /etc/trousseau/a is not there",
    "7:23: providers[0].tls.certificateFile: /etc/trousseau/b is not there",
    "7:43: providers[0].tls.keyFile: / is a folder, not a file",
  ]],
];

Deno.test("vaultTransitSettings() reports an inaccessible file, with the owner of the folder that denies access", async () => {
  const config = vaultProvider(address, "{ method: token, token: { file: /nowhere/t } }");
  const [complaint = ""] = await complaints(config, {}, { kinds: { "/nowhere/t": "forbidden" } });
  assert.match(
    complaint,
    /^5:37: .*token\.file: the file cannot be read: this user may not read it; its folder \/ is owned/,
  );
});

Deno.test("vaultTransitSettings() reports a variable that cannot be a secret, without showing it", async () => {
  const config = vaultProvider(address, "{ method: token, token: { variable: VAULT_TOKEN } }");
  assert.deepEqual(await complaints(config, { VAULT_TOKEN: "canary\ncanary" }), [
    "5:37: providers[0].auth.token.variable: the variable is not read: it has 2 lines, and only one is wanted; " +
    "leave the line of the secret alone in it",
  ]);
});

for (const [criterion, lines, auth, expected] of mistakes) {
  Deno.test(`vaultTransitSettings() reports ${criterion}`, async () => {
    const kinds = { "/": "folder" } as const;
    assert.deepEqual(await complaints(vaultProvider(lines, auth), {}, { kinds }), expected);
  });
}
