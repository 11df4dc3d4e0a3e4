/**
 * Logins to a real Vault that depend on its answers about wrapping tokens, mounts and policies, and the sentences of
 * those that fail.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { VaultAuth } from "../../lib/provider/vault_transit/settings.ts";
import { waitFor } from "../support/processes.ts";
import { startVault, type Vault } from "../support/vault.ts";
import { fileSecret, MemorySecret, openVault, patient, refusedWith } from "../support/vault_settings.ts";
import { serviceAccountJwt, TokenReviewDouble, ways, write } from "../support/vault_ways.ts";
import { Node, type PluginConfig } from "./harness/plugin.ts";

const policyFile = new URL("../../deploy/policies/vault.hcl", import.meta.url);

/** A Vault with the key, the policy `trousseau`, and a role `trousseau` of AppRole. */
interface Site extends AsyncDisposable {
  readonly vault: Vault;
  readonly roleId: string;
  /** Has Vault wrap its answer, and gives the wrapping token. */
  wrap(path: string, body?: unknown): Promise<string>;
  /** Whether a wrapping token can still be opened, by a lookup that needs no login. */
  isGood(wrappingToken: string): Promise<boolean>;
}

const secretIdPath = "auth/approle/role/trousseau/secret-id";
const tokenBody = { policies: ["trousseau"], no_default_policy: true, ttl: "1h" };

async function newSite(tls = false): Promise<Site> {
  const vault = await startVault({ tls });
  await vault.api("POST", "sys/mounts/transit", { type: "transit" });
  await vault.api("POST", "transit/keys/kubernetes", {});
  await vault.api("POST", "sys/policies/acl/trousseau", { policy: await Deno.readTextFile(policyFile) });
  await vault.api("POST", "sys/auth/approle", { type: "approle" });
  const role = { token_policies: "trousseau", token_no_default_policy: true };
  await vault.api("POST", "auth/approle/role/trousseau", role);
  const roleId = (await vault.api("GET", "auth/approle/role/trousseau/role-id")).body.data.role_id;
  return {
    vault,
    roleId,
    wrap: async (path, body = {}) => {
      const headers = { "x-vault-token": vault.token, "x-vault-wrap-ttl": "300s" };
      return (await vault.ask("POST", path, body, headers)).body.wrap_info.token;
    },
    isGood: async (token) => (await vault.ask("POST", "sys/wrapping/lookup", { token })).status === 200,
    [Symbol.asyncDispose]: () => vault[Symbol.asyncDispose](),
  };
}

/** The two secrets that may be wrapped: the request that wraps them, and the plugin's configuration. */
const kinds = {
  "secret ID": {
    wrap: (site: Site) => site.wrap(secretIdPath),
    auth: (site: Site, file: string) => ({ method: "approle", roleId: site.roleId, secretId: { file } }),
  },
  token: {
    wrap: (site: Site) => site.wrap("auth/token/create-orphan", tokenBody),
    auth: (_site: Site, file: string) => ({ method: "token", token: { file } }),
  },
} as const;

function configOf({ vault }: Site, auth: unknown): PluginConfig {
  return { providers: [{ name: "vault", kind: "vault-transit", address: vault.address, key: "kubernetes", auth }] };
}

/** The status of a `check` and its output. */
async function check(node: Node, config: PluginConfig): Promise<{ readonly code: number; readonly said: string }> {
  const file = await node.write("check.yaml", JSON.stringify(node.config(config)));
  const { code, stdout, stderr } = await node.command("check", "--config", file);
  return { code, said: stdout + stderr };
}

async function serves(node: Node, config: PluginConfig): Promise<void> {
  await using plugin = await node.start(config);
  await waitFor("a key ID", async () => (await plugin.status()).healthz === "ok", {
    timeoutMs: 30_000,
    everyMs: 200,
    alive: [plugin.process],
  });
}

for (const [content, { wrap, auth }] of Object.entries(kinds)) {
  Deno.test(`a wrapped ${content} survives checks, and serves one start, or every start if it is stored`, async () => {
    await using site = await newSite();
    await using node = await Node.make();
    const token = await wrap(site);
    const file = await node.write("wrapping-token", `${token}\n`);
    const settings = { ...auth(site, file), wrapped: true };
    for (let tries = 0; tries < 2; tries++) {
      const { code, said } = await check(node, configOf(site, settings));
      assert.equal(code, 0, said);
      assert.match(said, /did not log in with provider "vault", since that would spend the wrapping token in file /);
    }
    assert(await site.isGood(token));
    await serves(node, configOf(site, settings));
    assert(!await site.isGood(token));
    const spent = await check(node, configOf(site, settings));
    assert.equal(spent.code, 77, spent.said);
    assert.match(spent.said, /was used already, or has expired; this node opened it at \d{4}-/);

    const kept = configOf(site, { ...settings, keepUnwrapped: true });
    await node.write("wrapping-token", await wrap(site));
    for (let starts = 0; starts < 3; starts++) await serves(node, kept);
    const { code, said } = await check(node, kept);
    assert.equal(code, 0, said);
    assert.match(said, /^vault +vault-transit +ok .* +ok .* +ok /m);
    const { mode } = await Deno.stat(join(node.folder, "state", "wrapping-tokens.json"));
    assert.equal((mode ?? 0) & 0o777, 0o600);
  });

  Deno.test(`a ${content} that was intercepted and wrapped again is not opened, by check and by serve`, async () => {
    await using site = await newSite();
    await using node = await Node.make();
    const unwrap = { "x-vault-token": await wrap(site) };
    const { data, auth: held } = (await site.vault.ask("POST", "sys/wrapping/unwrap", undefined, unwrap)).body;
    const forged = await site.wrap("sys/wrapping/wrap", data ?? { client_token: held.client_token });
    const settings = { ...auth(site, await node.write("wrapping-token", forged)), wrapped: true };
    const { code, said } = await check(node, configOf(site, settings));
    assert.equal(code, 77, said);
    assert.match(said, /was made by sys\/wrapping\/wrap, not by auth\/.*: it may have been intercepted/);
    await using plugin = await node.start(configOf(site, settings));
    await waitFor("the log", () => plugin.process.output.includes("was made by sys/wrapping/wrap"), {
      timeoutMs: 15_000,
    });
    assert(await site.isGood(forged));
  });
}

Deno.test("a wrapped token is renewed, and another wrapping token is opened while the first token lives", async () => {
  await using site = await newSite();
  const short = () => site.wrap("auth/token/create-orphan", { ...tokenBody, ttl: "3s", explicit_max_ttl: "60s" });
  const file = await write(site.vault, "wrapping-token", await short());
  const auth: VaultAuth = { method: "token", token: fileSecret(file), wrapped: true };
  const { provider, events } = await openVault(site.vault.address, { auth });
  await using _provider = provider;
  await provider.probe(patient);
  await waitFor("renewals", () => events.filter(({ type }) => type === "token_renewed").length >= 2, {
    timeoutMs: 15_000,
  });
  await provider.probe(patient);
  const second = await short();
  await write(site.vault, "wrapping-token", second);
  await waitFor("the second to be opened", async () => (await provider.probe(patient), !await site.isGood(second)), {
    timeoutMs: 15_000,
  });
  assert(events.every((event) => event.type !== "login" || event.result === "ok"));
});

Deno.test("a missing auth mount is distinguished from refused credentials and from a locked account, for every method", async () => {
  await using site = await newSite(true);
  await using review = new TokenReviewDouble("");
  await write(site.vault, "service-account", serviceAccountJwt());
  for (const method of ["kubernetes", "jwt", "cert", "userpass"]) {
    const way = await ways[method]?.(site.vault, { ttl: 60, max: 60 }, review) ?? assert.fail();
    const tls = { caFile: site.vault.caFile, ...way.tls };
    const auth = way.auth;
    assert("mount" in auth);
    const said = async (changed: VaultAuth) => {
      await using provider = (await openVault(site.vault.address, { auth: changed, tls })).provider;
      return await provider.probe(patient).then(() => "", ({ message }: Error) => message);
    };
    assert.match(await said({ ...auth, mount: "nowhere" }), /no such auth mount: .* answers at auth\/nowhere\/login/);
    // The mount of another method takes no logins of this one.
    if (method === "userpass") {
      assert.match(
        await said({ ...auth, mount: "approle" }),
        /no such auth mount: .* at auth\/approle\/login\/trousseau/,
      );
    }
    const wrong = auth.method === "userpass"
      ? { ...auth, password: new MemorySecret("wrong") }
      : auth.method === "cert"
      ? { ...auth, role: "nobody" }
      : "jwt" in auth
      ? { ...auth, jwt: new MemorySecret("e30.e30.e30") }
      : auth;
    const refused = await said(wrong);
    assert.match(refused, new RegExp(`it refuses the .* at auth/${auth.mount}/login`), method);
    assert.doesNotMatch(refused, /no such auth mount/);
  }
  const login = (user: string) => site.vault.ask("POST", `auth/userpass/login/${user}`, { password: "wrong" });
  for (let tries = 0; tries < 6; tries++) await login("trousseau");
  const password = new MemorySecret("a password");
  const auth: VaultAuth = { method: "userpass", mount: "userpass", username: "trousseau", password };
  await using provider = (await openVault(site.vault.address, { auth, tls: { caFile: site.vault.caFile } })).provider;
  await assert.rejects(
    provider.probe(patient),
    refusedWith("unauthenticated", /has locked it \(sys\/locked-users\)\)/),
  );
});

Deno.test("check names the path of a mistyped auth mount of AppRole", async () => {
  await using site = await newSite();
  await using node = await Node.make();
  const file = await node.write("secret-id", (await site.vault.api("POST", secretIdPath, {})).body.data.secret_id);
  const auth = { method: "approle", mount: "aprole", roleId: site.roleId, secretId: { file } };
  const { code, said } = await check(node, configOf(site, auth));
  assert.equal(code, 77);
  assert.match(said, /no such auth mount|auth\/aprole/);
  assert.match(said, /no such auth mount: no method of this kind answers at auth\/aprole\/login;/);
  const prefixed = await check(node, configOf(site, { ...auth, mount: "auth/approle" }));
  assert.equal(prefixed.code, 78);
  assert.match(prefixed.said, /check\.yaml:\d+:\d+: providers\[0\]\.auth\.mount: .*write approle/);
});

Deno.test("AppRole without a secret ID logs in if the role needs none, and reports it if the role needs one", async () => {
  await using site = await newSite();
  const auth = (roleId: string): VaultAuth => ({
    method: "approle",
    mount: "approle",
    roleId: new MemorySecret(roleId),
  });
  await using wants = (await openVault(site.vault.address, { auth: auth(site.roleId) })).provider;
  await assert.rejects(
    wants.probe(patient),
    refusedWith("unauthenticated", /wants a secret ID besides: set auth\.secretId/),
  );
  const bare = "auth/approle/role/bare";
  const role = { token_policies: "trousseau", bind_secret_id: false };
  await site.vault.api("POST", bare, { ...role, secret_id_bound_cidrs: "127.0.0.0/8" });
  const roleId = (await site.vault.api("GET", `${bare}/role-id`)).body.data.role_id;
  await using provider = (await openVault(site.vault.address, { auth: auth(roleId) })).provider;
  await provider.probe(patient);
  await site.vault.api("POST", bare, { ...role, secret_id_bound_cidrs: "192.0.2.1/32" });
  await using elsewhere = (await openVault(site.vault.address, { auth: auth(roleId) })).provider;
  await assert.rejects(elsewhere.probe(patient), refusedWith("unauthenticated", /bound to other addresses/));
});

Deno.test("a token without the permission to look itself up serves, and an expired one is distinguished from it", async () => {
  await using site = await newSite();
  const full = await Deno.readTextFile(policyFile);
  const rights = { both: [], "no renewal": ["renew-self"], neither: ["lookup-self", "renew-self"] };
  for (const [name, lacks] of Object.entries(rights)) {
    const policy = lacks.reduce((text, one) => text.replace(`path "auth/token/${one}"`, `path "no/${one}"`), full)
      .replace('path "auth/token/lookup-self"', 'path "no/lookup-self"');
    await site.vault.api("POST", "sys/policies/acl/quiet", { policy });
    const made = await site.vault.api("POST", "auth/token/create", { ...tokenBody, policies: ["quiet"] });
    const token = made.body.auth.client_token;
    const auth: VaultAuth = { method: "token", token: new MemorySecret(token) };
    const { provider, events } = await openVault(site.vault.address, { auth });
    await using _provider = provider;
    const at = await provider.probe(patient);
    await provider.unwrap(await provider.wrap(new Uint8Array(32), at, patient), patient);
    const warnings = events.filter((event) =>
      event.type === "lifecycle" && /may not look itself up/.test(event.message)
    );
    assert.equal(warnings.length, 1, name);
    const [lifetime] = events.filter((event) => event.type === "token_lifetime");
    assert.equal(lifetime?.expiresAt === undefined, lacks.length > 0, name);
    await site.vault.api("POST", "auth/token/revoke", { token });
    await using dead = (await openVault(site.vault.address, { auth })).provider;
    await assert.rejects(dead.probe(patient), refusedWith("unauthenticated", /403 \(it refuses the token in file/));
  }
});

Deno.test("a wrapping token in place of a token or a secret ID is detected and not used up", async () => {
  await using site = await newSite();
  const [token, secretId] = [await site.wrap("auth/token/create-orphan", tokenBody), await site.wrap(secretIdPath)];
  const roleId = new MemorySecret(site.roleId);
  const auths: readonly (readonly [VaultAuth, string])[] = [
    [{ method: "token", token: new MemorySecret(token) }, token],
    [{ method: "approle", mount: "approle", roleId, secretId: new MemorySecret(secretId) }, secretId],
  ];
  for (const [auth, wrapping] of auths) {
    await using provider = (await openVault(site.vault.address, { auth })).provider;
    const said =
      /holds a response-wrapping token; set auth\.wrapped: true, or put the unwrapped (token|secret ID) there/;
    await assert.rejects(provider.probe(patient), refusedWith("unauthenticated", said));
    assert(await site.isGood(wrapping));
  }
});
