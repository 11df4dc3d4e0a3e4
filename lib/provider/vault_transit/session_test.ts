import assert from "node:assert/strict";
import type { Event } from "../../events.ts";
import { pause, waitFor } from "../../../tests/support/processes.ts";
import { refuse, VaultDouble } from "../../../tests/support/vault_double.ts";
import {
  MemorySecret,
  openVault,
  patient,
  refusedWith,
  tokenAuth,
  within,
} from "../../../tests/support/vault_settings.ts";
import type { VaultAuth } from "./settings.ts";

const userpass = (password = "right"): VaultAuth => ({
  method: "userpass",
  mount: "userpass",
  username: "trousseau",
  password: new MemorySecret(password),
});

const logins = (vault: VaultDouble) => vault.requests.filter(({ path }) => /^auth\/.+\/login/.test(path));
const results = (events: readonly Event[], type: "login" | "token_renewed") =>
  events.flatMap((event) => event.type === type ? [event.result] : []);

Deno.test("request() logs in once for all calls that come together", async () => {
  await using vault = new VaultDouble();
  await using provider = (await openVault(vault.address, { auth: userpass() })).provider;
  await Promise.all(Array.from({ length: 16 }, () => provider.probe(patient)));
  assert.equal(logins(vault).length, 1);
});

Deno.test("request() logs in once more when the token is revoked, and no call fails", async () => {
  await using vault = new VaultDouble();
  const { provider, events } = await openVault(vault.address, { auth: userpass() });
  await using _provider = provider;
  const at = await provider.probe(patient);
  const wrapped = await provider.wrap(new Uint8Array(32), at, patient);
  vault.valid.clear();
  await Promise.all(Array.from({ length: 40 }, () => provider.unwrap(wrapped, patient)));
  assert.equal(logins(vault).length, 2);
  assert.deepEqual(results(events, "login"), ["ok", "ok"]);
});

Deno.test("request() replays within the caller's deadline", async () => {
  await using vault = new VaultDouble();
  await using provider = (await openVault(vault.address, { auth: userpass() })).provider;
  await provider.probe(patient);
  vault.valid.clear();
  vault.intercept = ({ path }) => path.includes("login") ? vault.hang() : undefined;
  await assert.rejects(provider.probe(within(40)), refusedWith("deadline_exceeded"));
});

Deno.test("request() does not log in again and again for a token that is refused when fresh", async () => {
  await using vault = new VaultDouble();
  await using provider = (await openVault(vault.address, { auth: userpass() })).provider;
  const at = await provider.probe(patient);
  const wrapped = await provider.wrap(new Uint8Array(32), at, patient);
  vault.intercept = ({ path }) => path.startsWith("transit/") ? refuse(403, "permission denied") : undefined;
  for (let tries = 0; tries < 5; tries++) {
    await assert.rejects(provider.unwrap(wrapped, patient), refusedWith("permission_denied", /policies/));
    await assert.rejects(provider.wrap(new Uint8Array(32), at, patient), refusedWith("permission_denied"));
  }
  assert.equal(logins(vault).length, 2);
});

Deno.test("request() says `unauthenticated` when even a fresh token is not valid", async () => {
  await using vault = new VaultDouble();
  await using provider = (await openVault(vault.address, { auth: userpass() })).provider;
  vault.intercept = ({ path }) =>
    path.startsWith("transit/")
      ? refuse(403, "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n")
      : undefined;
  await assert.rejects(provider.probe(patient), refusedWith("unauthenticated", /token is not valid/));
});

Deno.test("request() backs off after a refused login", async () => {
  await using vault = new VaultDouble();
  const { provider, events } = await openVault(vault.address, { auth: userpass("wrong") });
  await using _provider = provider;
  for (let tries = 0; tries < 10; tries++) {
    await assert.rejects(provider.probe(patient), refusedWith("unauthenticated", /refuses the user name/));
  }
  assert.equal(logins(vault).length, 1);
  assert.deepEqual(results(events, "login"), ["unauthenticated"]);
});

Deno.test("request() tells of a refused login once while it is held, and sends a changed password", async () => {
  await using vault = new VaultDouble();
  const password = new MemorySecret("wrong");
  const auth: VaultAuth = { method: "userpass", mount: "userpass", username: "trousseau", password };
  const { provider, events } = await openVault(vault.address, { auth });
  await using _provider = provider;
  await assert.rejects(provider.probe(patient), refusedWith("unauthenticated", /Since refused logins lock an account/));
  await waitFor("the held login", async () => {
    await assert.rejects(provider.probe(patient), ({ message }: Error) => message !== "");
    const said = await provider.probe(patient).catch(({ message }: Error) => message);
    return typeof said === "string" && /it was refused just now and is not repeated/.test(said);
  }, { timeoutMs: 5000, everyMs: 50 });
  assert.deepEqual(results(events, "login"), ["unauthenticated"]);
  password.value = "right";
  await waitFor("a probe", () => provider.probe(patient), { timeoutMs: 5000, everyMs: 20 });
  assert.deepEqual([results(events, "login"), logins(vault).length], [["unauthenticated", "ok"], 2]);
});

Deno.test("request() logs in by itself once Vault is back", async () => {
  await using vault = new VaultDouble();
  await using provider = (await openVault(vault.address, { auth: userpass() })).provider;
  vault.intercept = () => refuse(503, "Vault is sealed");
  await assert.rejects(provider.probe(patient), refusedWith("unreachable", /^Cannot log in .*sealed/));
  vault.intercept = undefined;
  await waitFor("a probe", () => provider.probe(patient), { timeoutMs: 5000, everyMs: 20 });
});

Deno.test("request() renews the token before it expires, and goes on with it", async () => {
  await using vault = new VaultDouble();
  vault.tokens = { ttl: 1, renewable: true };
  const { provider, events } = await openVault(vault.address, { auth: userpass() });
  await using _provider = provider;
  await provider.probe(patient);
  await waitFor("two renewals", () => vault.asked("auth/token/renew-self").length >= 2, {
    timeoutMs: 5000,
    everyMs: 20,
  });
  await provider.probe(patient);
  assert.equal(logins(vault).length, 1);
  assert.deepEqual(new Set(results(events, "token_renewed")), new Set(["ok"]));
  const lifetimes = events.flatMap((event) => event.type === "token_lifetime" ? [event.expiresAt] : []);
  assert(lifetimes.length >= 3 && lifetimes.every((at) => at !== undefined && at < Date.now() + 1100));
});

Deno.test("request() replaces a token whose renewals no longer extend it, before it expires", async () => {
  await using vault = new VaultDouble();
  vault.tokens = { ttl: 2, renewable: true };
  vault.intercept = ({ path, token }) =>
    path === "auth/token/renew-self"
      ? Response.json({ auth: { client_token: token, lease_duration: 1, renewable: true } })
      : undefined;
  await using provider = (await openVault(vault.address, { auth: userpass() })).provider;
  await provider.probe(patient);
  await waitFor("another login", () => logins(vault).length === 2, { timeoutMs: 5000, everyMs: 20 });
  const used = new Set<string | undefined>(vault.asked("auth/token/renew-self").map(({ token }) => token));
  assert.equal(used.size, 1);
  await provider.probe(patient);
  assert.equal(logins(vault).length, 2);
});

Deno.test("request() replaces a token that cannot be renewed", async () => {
  await using vault = new VaultDouble();
  vault.tokens = { ttl: 1, renewable: false };
  await using provider = (await openVault(vault.address, { auth: userpass() })).provider;
  await provider.probe(patient);
  await waitFor("another login", () => logins(vault).length === 2, { timeoutMs: 5000, everyMs: 20 });
  assert.equal(vault.asked("auth/token/renew-self").length, 0);
});

Deno.test("request() tries a renewal again that met a sealed Vault, and logs in where it is refused", async () => {
  await using vault = new VaultDouble();
  vault.tokens = { ttl: 2, renewable: true };
  const answers = [refuse(503, "Vault is sealed"), refuse(403, "permission denied")];
  vault.intercept = ({ path }) => path === "auth/token/renew-self" ? answers.shift() : undefined;
  const { provider, events } = await openVault(vault.address, { auth: userpass() });
  await using _provider = provider;
  await provider.probe(patient);
  await waitFor("another login", () => logins(vault).length === 2, { timeoutMs: 5000, everyMs: 20 });
  assert.deepEqual(results(events, "token_renewed"), ["unreachable", "permission_denied"]);
});

Deno.test("request() asks once how long a given token lives, and renews it", async () => {
  await using vault = new VaultDouble();
  vault.tokens = { ttl: 1, renewable: true };
  await using provider = (await openVault(vault.address, { auth: tokenAuth("root") })).provider;
  await provider.probe(patient);
  await waitFor("a renewal", () => vault.asked("auth/token/renew-self").length > 0, { timeoutMs: 5000, everyMs: 20 });
  assert.equal(vault.asked("auth/token/lookup-self").length, 1);
});

Deno.test("request() leaves a token alone that never expires", async () => {
  await using vault = new VaultDouble();
  vault.tokens = { ttl: 0, renewable: false };
  const { provider, events } = await openVault(vault.address, { auth: tokenAuth("root") });
  await using _provider = provider;
  await provider.probe(patient);
  assert.deepEqual(events.filter(({ type }) => type === "token_lifetime"), [
    { type: "token_lifetime", provider: "vault-eu", expiresAt: undefined },
  ]);
});

Deno.test("request() takes up a replaced token without a failure", async () => {
  await using vault = new VaultDouble();
  vault.valid.add("second");
  const token = new MemorySecret("root");
  await using provider = (await openVault(vault.address, { auth: { method: "token", token } })).provider;
  await provider.probe(patient);
  token.value = "second";
  vault.valid.delete("root");
  await provider.probe(patient);
  assert.equal(vault.requests.at(-1)?.token, "second");
  token.value = undefined;
  await provider.probe(patient);
});

Deno.test("request() stops for a given token that is refused and was not replaced", async () => {
  await using vault = new VaultDouble();
  await using provider = (await openVault(vault.address, { auth: tokenAuth("root") })).provider;
  await provider.probe(patient);
  vault.valid.clear();
  for (let tries = 0; tries < 3; tries++) {
    await assert.rejects(provider.probe(patient), refusedWith("unauthenticated", /file \/etc\/trousseau\/secret/));
  }
  assert.equal(vault.asked("auth/token/lookup-self").length, 2);
});

Deno.test({
  name: "asyncDispose leaves no timer and no connection behind",
  sanitizeOps: true,
  sanitizeResources: true,
  fn: async () => {
    await using vault = new VaultDouble();
    const { provider } = await openVault(vault.address, { auth: userpass() });
    await Promise.all([provider.probe(patient), provider.probe(patient)]);
    await provider[Symbol.asyncDispose]();
  },
});

Deno.test("asyncDispose stops renewals, and calls after it end at once", async () => {
  await using vault = new VaultDouble();
  vault.tokens = { ttl: 1, renewable: true };
  const { provider } = await openVault(vault.address, { auth: userpass() });
  await provider.probe(patient);
  await provider[Symbol.asyncDispose]();
  const before = vault.requests.length;
  await pause(900);
  assert.equal(vault.requests.length, before);
  await assert.rejects(provider.probe(patient), refusedWith("cancelled"));
});

Deno.test("asyncDispose does not wait for a login that hangs", async () => {
  await using vault = new VaultDouble();
  vault.intercept = () => vault.hang();
  const { provider } = await openVault(vault.address, { auth: userpass() });
  const probing = assert.rejects(provider.probe(patient), refusedWith("cancelled"));
  await waitFor("the login", () => vault.requests.length === 1, { timeoutMs: 5000, everyMs: 5 });
  await provider[Symbol.asyncDispose]();
  await probing;
});
