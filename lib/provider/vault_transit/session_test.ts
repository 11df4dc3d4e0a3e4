import assert from "node:assert/strict";
import { FakeClock } from "../../../tests/support/fake_clock.ts";
import { waitFor } from "../../../tests/support/processes.ts";
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
import { logins, refusals, results, until, userpass } from "../../../tests/support/vault_session.ts";

Deno.test("request() logs in once for concurrent calls", async () => {
  await using vault = new VaultDouble();
  await using provider = (await openVault(vault.address, { auth: userpass() })).provider;
  await Promise.all(Array.from({ length: 16 }, () => provider.probe(patient)));
  assert.equal(logins(vault).length, 1);
});

Deno.test("request() logs in once more if the token is revoked, and no call fails", async () => {
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

Deno.test("request() repeats a request within the caller's deadline", async () => {
  await using vault = new VaultDouble();
  await using provider = (await openVault(vault.address, { auth: userpass() })).provider;
  await provider.probe(patient);
  vault.valid.clear();
  vault.intercept = ({ path }) => path.includes("login") ? vault.hang() : undefined;
  await assert.rejects(provider.probe(within(40)), refusedWith("deadline_exceeded"));
});

Deno.test("request() does not log in repeatedly for a token that is refused when fresh", async () => {
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

Deno.test("request() fails with `unauthenticated` if even a fresh token is not valid", async () => {
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

Deno.test("request() reports a refused login once while it is held back, and sends a changed password", async () => {
  await using vault = new VaultDouble();
  const password = new MemorySecret("wrong");
  const auth: VaultAuth = { method: "userpass", mount: "userpass", username: "trousseau", password };
  const clock = new FakeClock();
  const { provider, events } = await openVault(vault.address, { auth }, { clock });
  await using _provider = provider;
  const refused = refusedWith("unauthenticated", /Since refused logins lock an account/);
  await assert.rejects(provider.probe(patient), refused);
  await assert.rejects(provider.probe(patient), refused);
  const held = refusedWith("unauthenticated", /it was refused just now and is not repeated/);
  for (let looks = 0; looks < 3; looks++) {
    await clock.advance(1_000);
    await assert.rejects(provider.probe(patient), held);
  }
  assert.deepEqual(results(events, "login"), ["unauthenticated"]);
  password.value = "right";
  await clock.advance(1_000);
  await provider.probe(patient);
  assert.deepEqual([results(events, "login"), logins(vault).length], [["unauthenticated", "ok"], 2]);
});

Deno.test("request() logs in by itself as soon as Vault is available again", async () => {
  await using vault = new VaultDouble();
  const clock = new FakeClock();
  await using provider = (await openVault(vault.address, { auth: userpass() }, { clock })).provider;
  vault.intercept = () => refuse(503, "Vault is sealed");
  await assert.rejects(provider.probe(patient), refusedWith("unreachable", /^Cannot log in .*sealed/));
  vault.intercept = undefined;
  await clock.advance(121);
  await provider.probe(patient);
});

Deno.test("request() logs in before a token's last use, so that no call fails: one login for ten calls", async () => {
  await using vault = new VaultDouble();
  const refused = refusals(vault);
  vault.tokens = { ttl: 3600, renewable: true, uses: 10 };
  await using provider = (await openVault(vault.address, { auth: userpass() })).provider;
  const at = await provider.probe(patient);
  const wrapped = await provider.wrap(new Uint8Array(32), at, patient);
  for (let calls = 0; calls < 40; calls++) await provider.unwrap(wrapped, patient);
  const used = vault.requests.length - logins(vault).length;
  assert.equal(used, 44, "reading the key, encrypt and rewrap, a wrap, and 40 unwraps");
  assert.equal(logins(vault).length, 5);
  assert.equal(refused(), 0);
});

Deno.test("request() shares each login among many concurrent calls, however few uses a token has", async () => {
  for (const uses of [1, 3, 10]) {
    await using vault = new VaultDouble();
    const refused = refusals(vault);
    vault.tokens = { ttl: 3600, renewable: false, uses };
    await using provider = (await openVault(vault.address, { auth: userpass() })).provider;
    await Promise.all(Array.from({ length: 40 }, () => provider.probe(patient)));
    const calls = vault.requests.length - logins(vault).length;
    assert(calls >= 80, `${calls}`);
    assert.equal(refused(), 0);
    // The last use triggers the next login.
    await until("the last login", () => logins(vault).length >= Math.floor(calls / uses) + 1);
    assert.equal(logins(vault).length, Math.floor(calls / uses) + 1);
  }
});

Deno.test("request() replaces a token that was used up by another client, every time at once", async () => {
  await using vault = new VaultDouble();
  await using provider = (await openVault(vault.address, { auth: userpass() })).provider;
  const at = await provider.probe(patient);
  const wrapped = await provider.wrap(new Uint8Array(32), at, patient);
  for (let times = 2; times <= 6; times++) {
    vault.valid.clear();
    await Promise.all(Array.from({ length: 8 }, () => provider.unwrap(wrapped, patient)));
    assert.equal(logins(vault).length, times);
  }
});

Deno.test("request() does not log in for each call that a policy forbids, and continues to serve permitted ones", async () => {
  await using vault = new VaultDouble();
  const clock = new FakeClock();
  await using provider = (await openVault(vault.address, { auth: userpass() }, { clock })).provider;
  const at = await provider.probe(patient);
  const wrapped = await provider.wrap(new Uint8Array(32), at, patient);
  vault.intercept = ({ path }) => path.includes("/decrypt/") ? refuse(403, "permission denied") : undefined;
  const forbidden = async () => {
    for (let tries = 0; tries < 5; tries++) {
      await assert.rejects(provider.unwrap(wrapped, patient), refusedWith("permission_denied"));
      await provider.wrap(new Uint8Array(32), at, patient);
    }
  };
  await forbidden();
  assert.equal(logins(vault).length, 2);
  await clock.advance(9_000);
  await forbidden();
  assert.equal(logins(vault).length, 2);
  await clock.advance(1_001);
  await forbidden();
  assert.equal(logins(vault).length, 3, "the right may have been given to the role since");
  await clock.advance(10_001);
  await forbidden();
  assert.equal(logins(vault).length, 3, "each time it waits twice as long");
  vault.intercept = undefined;
  await provider.unwrap(wrapped, patient);
  vault.valid.clear();
  await provider.unwrap(wrapped, patient);
  assert.equal(logins(vault).length, 4, "what was served is worth a login again");
});

Deno.test("request() keeps a token that is refused for one call while no login succeeds", async () => {
  const whys: readonly (readonly [Response, string])[] = [
    [refuse(403, "permission denied"), "unauthenticated"],
    [refuse(400, "invalid username or password"), "unauthenticated"],
    [refuse(503, "Vault is sealed"), "unreachable"],
    [refuse(429, "request path rate limited"), "throttled"],
  ];
  for (const [answer, code] of whys) {
    await using vault = new VaultDouble();
    await using provider = (await openVault(vault.address, { auth: userpass() })).provider;
    const at = await provider.probe(patient);
    const wrapped = await provider.wrap(new Uint8Array(32), at, patient);
    vault.intercept = ({ path }) => {
      if (path.includes("/decrypt/")) return refuse(403, "permission denied");
      return path.includes("login") ? answer.clone() : undefined;
    };
    for (let tries = 0; tries < 3; tries++) {
      await assert.rejects(provider.unwrap(wrapped, patient), refusedWith(code, /^Cannot log in with provider/));
      await provider.wrap(new Uint8Array(32), at, patient);
    }
    assert.equal(logins(vault).length, 2);
  }
});

Deno.test("request() uses a replaced token without a failed call", async () => {
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
  name: "asyncDispose leaves no timer and no connection open",
  sanitizeOps: true,
  sanitizeResources: true,
  fn: async () => {
    await using vault = new VaultDouble();
    const { provider } = await openVault(vault.address, { auth: userpass() });
    await Promise.all([provider.probe(patient), provider.probe(patient)]);
    await provider[Symbol.asyncDispose]();
  },
});

Deno.test("asyncDispose stops renewals, and later calls fail at once", async () => {
  await using vault = new VaultDouble();
  const clock = new FakeClock();
  const { provider } = await openVault(vault.address, { auth: userpass() }, { clock });
  await provider.probe(patient);
  assert(clock.untilNext() < 3_600_000);
  await provider[Symbol.asyncDispose]();
  const before = vault.requests.length;
  assert.equal(clock.untilNext(), Infinity);
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
