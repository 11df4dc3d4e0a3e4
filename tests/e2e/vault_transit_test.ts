/**
 * The Vault provider against a real Vault or OpenBao, with the policy that `deploy/policies/vault.hcl` gives it.
 */
import assert from "node:assert/strict";
import { utf8, utf8Text } from "../../lib/base/bytes.ts";
import type { Provider } from "../../lib/provider/provider.ts";
import { pause } from "../support/processes.ts";
import {
  makeNamespace,
  startVault,
  testOnVaults,
  type Vault,
  type VaultEngine,
  vaultEngines,
  type VaultOptions,
} from "../support/vault.ts";
import { MemorySecret, openVault, patient, refusedWith, tokenAuth, within } from "../support/vault_settings.ts";

const policyFile = new URL("../../deploy/policies/vault.hcl", import.meta.url);
const dek = Uint8Array.from({ length: 47 }, (_, at) => at);

/** A Vault with the mount, the key and the policy, and a token that has that policy alone. */
async function prepared(options: VaultOptions): Promise<Vault & { readonly limited: string }> {
  const vault = await startVault(options);
  await vault.api("POST", "sys/mounts/transit", { type: "transit" });
  await vault.api("POST", "transit/keys/kubernetes", {});
  await vault.api("POST", "sys/policies/acl/trousseau", { policy: await Deno.readTextFile(policyFile) });
  const { body } = await vault.api("POST", "auth/token/create", {
    policies: ["trousseau"],
    no_default_policy: true,
    ttl: "1h",
  });
  return { ...vault, limited: body.auth.client_token };
}

async function opened(vault: Vault & { readonly limited: string }, key = "kubernetes"): Promise<Provider> {
  return (await openVault(vault.address, { key, auth: tokenAuth(vault.limited), tls: { caFile: vault.caFile } }))
    .provider;
}

/** Creation times count in seconds: a key made again within one is the same to everybody. */
async function remake(vault: Vault, key = "kubernetes"): Promise<void> {
  await vault.api("POST", `transit/keys/${key}/config`, { deletion_allowed: true });
  await vault.api("DELETE", `transit/keys/${key}`);
  await pause(1100);
  await vault.api("POST", `transit/keys/${key}`, {});
}

testOnVaults("wrap() and unwrap() with least rights, through a rotation", async (engine) => {
  await using vault = await prepared({ engine });
  await using provider = await opened(vault);
  const first = await provider.probe(patient);
  const before = await provider.wrap(dek, first, patient);
  await vault.api("POST", "transit/keys/kubernetes/rotate");
  const pinned = await provider.wrap(dek, first, patient);
  const second = await provider.probe(patient);
  const after = await provider.wrap(dek, second, patient);
  assert.match(first.version, /^1@\d+$/);
  assert.match(second.version, /^2@\d+$/);
  assert(first.order !== undefined && second.order !== undefined && second.order > first.order);
  assert.deepEqual([before, pinned, after].map(({ ciphertext }) => utf8Text(ciphertext)?.slice(0, 9)), [
    "vault:v1:",
    "vault:v1:",
    "vault:v2:",
  ]);
  for (const wrapped of [before, pinned, after]) assert.deepEqual(await provider.unwrap(wrapped, patient), dek);
});

testOnVaults("wrap() and unwrap() say why when versions are retired or the key is made again", async (engine) => {
  await using vault = await prepared({ engine });
  await using provider = await opened(vault);
  const first = await provider.probe(patient);
  const wrapped = await provider.wrap(dek, first, patient);
  await vault.api("POST", "transit/keys/kubernetes/rotate");
  await vault.api("POST", "transit/keys/kubernetes/config", { min_encryption_version: 2 });
  await assert.rejects(provider.wrap(dek, first, patient), refusedWith("key_unusable", /min_encryption_version/));
  assert.deepEqual(await provider.unwrap(wrapped, patient), dek);
  await vault.api("POST", "transit/keys/kubernetes/config", { min_decryption_version: 2 });
  await assert.rejects(provider.unwrap(wrapped, patient), refusedWith("key_unusable", /min_decryption_version/));
  const second = await provider.probe(patient);
  assert.match(second.version, /^2@/);

  const kept = await provider.wrap(dek, second, patient);
  await remake(vault);
  await assert.rejects(provider.unwrap(kept, patient), refusedWith("integrity", /never had this version/));
  await assert.rejects(provider.wrap(dek, second, patient), refusedWith("key_unusable", /no such version/));
  const third = await provider.probe(patient);
  assert.match(third.version, /^1@/);
  assert.notEqual(third.version, first.version);
  assert(second.order !== undefined && third.order !== undefined && third.order > second.order);
  await assert.rejects(provider.wrap(dek, first, patient), refusedWith("key_unusable", /deleted and made again/));
  await assert.rejects(provider.unwrap(wrapped, patient), refusedWith("key_unknown", /another one has its name/));
  assert.deepEqual(await provider.unwrap(await provider.wrap(dek, third, patient), patient), dek);
});

testOnVaults("unwrap() tells a deleted key from bytes that it did not make", async (engine) => {
  await using vault = await prepared({ engine });
  await using provider = await opened(vault);
  const at = await provider.probe(patient);
  const wrapped = await provider.wrap(dek, at, patient);
  const text = utf8Text(wrapped.ciphertext) ?? "";
  const flipped = text.slice(0, 20) + (text[20] === "A" ? "B" : "A") + text.slice(21);
  const bad: readonly (readonly [string, RegExp])[] = [
    [flipped, /not made by this key/],
    ["vault:v1:AAAA", /no transit ciphertext/],
    ["vault:v1:A", /no transit ciphertext/],
    [text.slice(0, -8), /not made by this key|no transit ciphertext/],
  ];
  const outcomes = await Promise.allSettled(
    bad.flatMap(([ciphertext]) => [
      provider.unwrap({ version: at.version, ciphertext: utf8(ciphertext) }, patient),
      provider.unwrap(wrapped, patient),
    ]),
  );
  bad.forEach(([, sentence], at) => {
    const [refused, good] = outcomes.slice(2 * at);
    assert(refused?.status === "rejected" && refusedWith("integrity", sentence)(refused.reason));
    assert(good?.status === "fulfilled");
    assert.deepEqual(good.value, dek);
  });
  const ahead = { version: "9@1700000000", ciphertext: utf8(text.replace("v1", "v9")) };
  await assert.rejects(provider.unwrap(ahead, patient), refusedWith("integrity", /never had this version/));

  await vault.api("POST", "transit/keys/kubernetes/config", { deletion_allowed: true });
  await vault.api("DELETE", "transit/keys/kubernetes");
  await assert.rejects(provider.unwrap(wrapped, patient), refusedWith("key_unknown", /no such key/));
  await assert.rejects(provider.probe(patient), refusedWith("key_unknown"));
});

testOnVaults("wrap() to a missing key makes none, and the policy gives away no key", async (engine) => {
  await using vault = await prepared({ engine });
  const own = await opened(vault);
  const at = await own.probe(patient);
  await own[Symbol.asyncDispose]();
  await vault.api("POST", "transit/keys/kubernetes/config", { deletion_allowed: true, exportable: true });
  await vault.api("DELETE", "transit/keys/kubernetes");
  await using provider = await opened(vault);
  await assert.rejects(provider.wrap(dek, at, patient), refusedWith("key_unknown"));
  await assert.rejects(provider.probe(patient), refusedWith("key_unknown"));
  const headers = { "x-vault-token": vault.limited };
  const encrypt = await vault.ask("POST", "transit/encrypt/kubernetes", { plaintext: "AAAA" }, headers);
  assert.equal(encrypt.status, 403);
  assert.equal((await vault.ask("GET", "transit/keys/kubernetes", undefined, { "x-vault-token": "root" })).status, 404);

  await vault.api("POST", "transit/keys/kubernetes", { exportable: true });
  const refused: readonly (readonly [string, string, unknown?])[] = [
    ["GET", "transit/export/encryption-key/kubernetes"],
    ["GET", "transit/backup/kubernetes"],
    ["POST", "transit/keys/kubernetes/rotate"],
    ["POST", "transit/keys/kubernetes/config", { deletion_allowed: true }],
    ["DELETE", "transit/keys/kubernetes"],
    ["POST", "transit/keys/another", {}],
    ["POST", "transit/encrypt/another", { plaintext: "AAAA" }],
    ["POST", "transit/datakey/plaintext/kubernetes"],
    ["GET", "sys/policies/acl/trousseau"],
  ];
  for (const [method, path, body] of refused) {
    assert.equal((await vault.ask(method, path, body, headers)).status, 403, `${method} ${path}`);
  }
});

testOnVaults(
  "wrap() says `key_unknown` after a 403 that hides a missing key, and `permission_denied` otherwise",
  async (engine) => {
    await using vault = await prepared({ engine });
    await using provider = await opened(vault);
    const at = await provider.probe(patient);
    await vault.api("POST", "sys/policies/acl/trousseau", {
      policy: 'path "transit/keys/kubernetes" { capabilities = ["read"] }\n' +
        'path "auth/token/lookup-self" { capabilities = ["read"] }',
    });
    await assert.rejects(provider.wrap(dek, at, patient), refusedWith("permission_denied", /policies/));
    await vault.api("POST", "transit/keys/kubernetes/config", { deletion_allowed: true });
    await vault.api("DELETE", "transit/keys/kubernetes");
    await assert.rejects(provider.wrap(dek, at, patient), refusedWith("key_unknown"));
  },
);

testOnVaults("probe() refuses keys of a kind that cannot serve, and takes RSA", async (engine) => {
  await using vault = await prepared({ engine });
  const kinds = [
    ["signing", { type: "ed25519" }, /cannot encrypt/],
    ["derived", { derived: true }, /derived/],
  ] as const;
  for (const [key, options, sentence] of kinds) {
    await vault.api("POST", `transit/keys/${key}`, options);
    await using provider = (await openVault(vault.address, { key, auth: tokenAuth(vault.token) })).provider;
    await assert.rejects(provider.probe(patient), refusedWith("key_unusable", sentence));
  }
  await vault.api("POST", "transit/keys/rsa", { type: "rsa-4096" });
  await using provider = (await openVault(vault.address, { key: "rsa", auth: tokenAuth(vault.token) })).provider;
  const at = await provider.probe(patient);
  const wrapped = await provider.wrap(dek, at, patient);
  assert.deepEqual(await provider.unwrap(wrapped, patient), dek);
  const forged = { ...wrapped, ciphertext: utf8(`vault:v1:${"A".repeat(684)}`) };
  const outcomes = await Promise.allSettled(
    [wrapped, forged, wrapped, forged].map((one) => provider.unwrap(one, patient)),
  );
  assert.deepEqual(outcomes.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled", "rejected"]);
  assert(outcomes[1]?.status === "rejected" && refusedWith("integrity")(outcomes[1].reason));
});

testOnVaults("unwrap() says that the mount is missing", async (engine) => {
  await using vault = await prepared({ engine });
  await using provider =
    (await openVault(vault.address, { mount: "nowhere/at all", auth: tokenAuth("root") })).provider;
  await assert.rejects(provider.probe(patient), refusedWith("key_unknown", /no such key or mount/));
});

testOnVaults("probe() says that Vault is sealed, and is well again when it is unsealed", async (engine) => {
  await using vault = await prepared({ engine });
  await using provider = await opened(vault);
  const at = await provider.probe(patient);
  await vault.seal();
  await assert.rejects(provider.probe(patient), refusedWith("unreachable", /503 \(sealed\)/));
  await assert.rejects(provider.wrap(dek, at, patient), refusedWith("unreachable", /503 \(sealed\)/));
  await vault.unseal();
  assert.deepEqual(await provider.probe(patient), at);
});

testOnVaults("probe() goes to the address whose Vault is not sealed", async (engine) => {
  await using first = await prepared({ engine });
  await using second = await prepared({ engine });
  await first.seal();
  const auth = tokenAuth("root");
  await using provider = (await openVault([first.address, second.address], { auth })).provider;
  assert.match((await provider.probe(patient)).version, /^1@/);
});

testOnVaults("probe() over TLS holds Vault to its certificate", async (engine) => {
  await using vault = await prepared({ engine, tls: true });
  const auth = tokenAuth(vault.limited);
  const { caFile } = vault;
  for (const tls of [{ caFile }, { caFile, serverName: "vault.test" }]) {
    await using provider = (await openVault(vault.address, { auth, tls })).provider;
    const at = await provider.probe(patient);
    assert.deepEqual(await provider.unwrap(await provider.wrap(dek, at, patient), patient), dek);
  }
  await using wrong = (await openVault(vault.address, { auth, tls: { caFile, serverName: "other.test" } })).provider;
  await assert.rejects(wrong.probe(patient), refusedWith("unreachable", /another name/));
  await using plain = (await openVault(vault.address.replace("https:", "http:"), { auth })).provider;
  await assert.rejects(plain.probe(patient), refusedWith("unreachable", /speaks TLS on this port; write https:/));
});

testOnVaults(
  "wrap() and unwrap() of 200 at once travel in six requests each, within their deadline",
  async (engine) => {
    await using vault = await prepared({ engine });
    const { provider, events } = await openVault(vault.address, { auth: tokenAuth(vault.limited) });
    await using _provider = provider;
    const at = await provider.probe(patient);
    const deks = Array.from({ length: 200 }, (_, index) => Uint8Array.from({ length: 47 }, (_, at) => at ^ index));
    const wrapped = await Promise.all(deks.map((one) => provider.wrap(one, at, within(3000))));
    assert.deepEqual(await Promise.all(wrapped.map((one) => provider.unwrap(one, within(3000)))), deks);
    const batches = events.flatMap((event) => event.type === "batch" ? [event.size] : []);
    const shares = [34, 34, 33, 33, 33, 33];
    assert.deepEqual(batches, [...shares, ...shares]);
  },
);

/** Registers a test of something that Vault's core does not have. */
function testOnOpenBao(name: string, run: (engine: VaultEngine) => Promise<void>): void {
  for (const engine of vaultEngines) {
    const reason = engine.isOpenBao ? "" : " (cannot: this Vault has none)";
    Deno.test({ name: `${name} (${engine.name})${reason}`, ignore: !engine.isOpenBao, fn: () => run(engine) });
  }
}

async function inside(vault: Vault, namespace: string, path: string, body: unknown): Promise<void> {
  const headers = { "x-vault-token": vault.token, "x-vault-namespace": namespace };
  const { status } = await vault.ask("POST", path, body, headers);
  assert(status < 400, `POST ${path} answered ${status}`);
}

async function makeKeyInside(vault: Vault, namespace: string): Promise<void> {
  await inside(vault, namespace, "sys/mounts/transit", { type: "transit" });
  await inside(vault, namespace, "transit/keys/kubernetes", {});
}

testOnOpenBao("login, probe(), wrap() and unwrap() inside a namespace", async (engine) => {
  await using vault = await startVault({ engine });
  const namespace = "team-a/cluster-1";
  await makeNamespace(vault, namespace);
  await makeKeyInside(vault, namespace);
  const policy = await Deno.readTextFile(policyFile);
  await inside(vault, namespace, "sys/policies/acl/trousseau", { policy });
  await inside(vault, namespace, "sys/auth/userpass", { type: "userpass" });
  const user = { password: "a password", token_policies: "trousseau", token_ttl: "60s" };
  await inside(vault, namespace, "auth/userpass/users/trousseau", user);
  const password = new MemorySecret("a password");
  const auth = { method: "userpass", mount: "userpass", username: "trousseau", password } as const;
  await using provider = (await openVault(vault.address, { namespace, auth })).provider;
  const at = await provider.probe(patient);
  assert.deepEqual(await provider.unwrap(await provider.wrap(dek, at, patient), patient), dek);
  await using outside = (await openVault(vault.address, { auth })).provider;
  await assert.rejects(outside.probe(patient), refusedWith("unauthenticated"));
});

testOnOpenBao("probe() and unwrap() say that the namespace is locked, sealed or missing", async (engine) => {
  await using vault = await startVault({ engine });
  const seal = 'seal "shamir" {\n  shares = 1\n  threshold = 1\n}';
  const { body: made } = await vault.api("POST", "sys/namespaces/team-a", { seal });
  const unseal = () => vault.api("POST", "sys/namespaces/team-a/unseal", { key: made.data.key_shares[0] });
  await unseal();
  await makeKeyInside(vault, "team-a");
  const auth = tokenAuth(vault.token);
  await using provider = (await openVault(vault.address, { namespace: "team-a", auth })).provider;
  const at = await provider.probe(patient);
  const wrapped = await provider.wrap(dek, at, patient);
  const refused = async (...[code, sentence]: Parameters<typeof refusedWith>) => {
    await assert.rejects(provider.probe(patient), refusedWith(code, sentence));
    await assert.rejects(provider.unwrap(wrapped, patient), refusedWith(code, sentence));
  };
  const { body: locked } = await vault.api("POST", "sys/namespaces/api-lock/lock/team-a", {});
  await refused("permission_denied", /503 \(namespace locked: "team-a"\)/);
  await vault.api("POST", "sys/namespaces/api-lock/unlock/team-a", { unlock_key: locked.data.unlock_key });
  assert.deepEqual(await provider.unwrap(wrapped, patient), dek);

  await vault.api("POST", "sys/namespaces/team-a/seal", {});
  await refused("unreachable", /503 \(namespace sealed: "team-a"\)/);
  await unseal();
  assert.deepEqual(await provider.unwrap(wrapped, patient), dek);

  await using elsewhere = (await openVault(vault.address, { namespace: "team-b", auth })).provider;
  await assert.rejects(elsewhere.probe(patient), refusedWith("key_unknown", /404 \(no such namespace: "team-b"\)/));

  // A namespace without a seal of its own can be sealed all the same, and is as if nothing had ever been in it.
  await vault.api("POST", "sys/namespaces/team-b", {});
  await makeKeyInside(vault, "team-b");
  await using there = (await openVault(vault.address, { namespace: "team-b", auth })).provider;
  assert.match((await there.probe(patient)).version, /^1@/);
  await vault.api("POST", "sys/namespaces/team-b/seal", {});
  await assert.rejects(there.probe(patient), refusedWith("key_unknown", /404 \(there is no such key or mount\)/));
});

testOnOpenBao("probe(), wrap() and unwrap() say that the key is soft-deleted", async (engine) => {
  await using vault = await prepared({ engine });
  await using provider = await opened(vault);
  const at = await provider.probe(patient);
  const wrapped = await provider.wrap(dek, at, patient);
  await vault.api("DELETE", "transit/keys/kubernetes/soft-delete");
  for (const work of [() => provider.wrap(dek, at, patient), () => provider.unwrap(wrapped, patient)]) {
    await assert.rejects(work(), refusedWith("key_unusable", /soft-deleted/));
  }
  await assert.rejects(provider.probe(patient), refusedWith("key_unusable", /soft-deleted/));
  await vault.api("POST", "transit/keys/kubernetes/soft-delete-restore");
  assert.deepEqual(await provider.probe(patient), at);
  assert.deepEqual(await provider.unwrap(wrapped, patient), dek);
});
