import assert from "node:assert/strict";
import { FakeClock } from "../../../tests/support/fake_clock.ts";
import { refuse, VaultDouble } from "../../../tests/support/vault_double.ts";
import { openVault, patient, tokenAuth } from "../../../tests/support/vault_settings.ts";
import { logins, refusals, results, until, userpass } from "../../../tests/support/vault_session.ts";

/** Advances a clock to the session's next timer. @returns the advance in milliseconds. */
async function toNextTimer(clock: FakeClock): Promise<number> {
  const due = clock.untilNext();
  await clock.advance(due);
  return due;
}

Deno.test("request() renews the token before it expires, and continues to use it", async () => {
  await using vault = new VaultDouble();
  const clock = new FakeClock();
  const { provider, events } = await openVault(vault.address, { auth: userpass() }, { clock });
  await using _provider = provider;
  await provider.probe(patient);
  for (let renewals = 1; renewals <= 2; renewals++) {
    const due = await toNextTimer(clock);
    assert(due > 0.49 * 3_600_000 && due < 0.61 * 3_600_000, `${due}`);
    await until("a renewal", () => results(events, "token_renewed").length === renewals);
  }
  await provider.probe(patient);
  assert.equal(logins(vault).length, 1);
  assert.deepEqual(results(events, "token_renewed"), ["ok", "ok"]);
  const lifetimes = events.flatMap((event) => event.type === "token_lifetime" ? [event.expiresAt] : []);
  assert.equal(lifetimes.length, 3);
  assert.equal(lifetimes.at(-1), clock.now() + 3_600_000);
});

Deno.test("request() replaces a token whose renewals no longer extend it, before it expires", async () => {
  await using vault = new VaultDouble();
  const clock = new FakeClock();
  vault.intercept = ({ path, token }) =>
    path === "auth/token/renew-self"
      ? Response.json({ auth: { client_token: token, lease_duration: 1800, renewable: true } })
      : undefined;
  await using provider = (await openVault(vault.address, { auth: userpass() }, { clock })).provider;
  await provider.probe(patient);
  await toNextTimer(clock);
  await until("another login", () => logins(vault).length === 2);
  assert.equal(vault.asked("auth/token/renew-self").length, 1);
  await provider.probe(patient);
  assert.equal(logins(vault).length, 2);
});

Deno.test("request() replaces a token that cannot be renewed", async () => {
  await using vault = new VaultDouble();
  const clock = new FakeClock();
  vault.tokens = { ttl: 100, renewable: false };
  await using provider = (await openVault(vault.address, { auth: userpass() }, { clock })).provider;
  await provider.probe(patient);
  const due = await toNextTimer(clock);
  assert(due > 62_000 && due < 78_000, `${due}`);
  await until("another login", () => logins(vault).length === 2);
  assert.equal(vault.asked("auth/token/renew-self").length, 0);
});

Deno.test("request() retries a renewal that failed because Vault was sealed, and logs in if it is refused", async () => {
  await using vault = new VaultDouble();
  const clock = new FakeClock();
  const answers = [refuse(503, "Vault is sealed"), refuse(403, "permission denied")];
  vault.intercept = ({ path }) => path === "auth/token/renew-self" ? answers.shift() : undefined;
  const { provider, events } = await openVault(vault.address, { auth: userpass() }, { clock });
  await using _provider = provider;
  await provider.probe(patient);
  await toNextTimer(clock);
  await until("a failed renewal", () => clock.untilNext() < Infinity && results(events, "token_renewed").length === 1);
  await toNextTimer(clock);
  await until("another login", () => logins(vault).length === 2);
  assert.deepEqual(results(events, "token_renewed"), ["unreachable", "permission_denied"]);
});

Deno.test("request() looks up the lifetime of a given token once, and renews it", async () => {
  await using vault = new VaultDouble();
  const clock = new FakeClock();
  await using provider = (await openVault(vault.address, { auth: tokenAuth("root") }, { clock })).provider;
  await provider.probe(patient);
  await toNextTimer(clock);
  await until("a renewal", () => vault.asked("auth/token/renew-self").length === 1);
  assert.equal(vault.asked("auth/token/lookup-self").length, 1);
});

Deno.test("request() counts a renewal as a use, and logs in instead if it would be the last", async () => {
  await using vault = new VaultDouble();
  const clock = new FakeClock();
  const refused = refusals(vault);
  vault.tokens = { ttl: 3600, renewable: true, uses: 6 };
  const { provider, events } = await openVault(vault.address, { auth: userpass() }, { clock });
  await using _provider = provider;
  // Three of six uses.
  await provider.probe(patient);
  for (const renewals of [1, 2]) {
    await toNextTimer(clock);
    await until("a renewal", () => results(events, "token_renewed").length === renewals);
  }
  await toNextTimer(clock);
  await until("a login", () => logins(vault).length === 2);
  await provider.probe(patient);
  assert.deepEqual([results(events, "token_renewed"), refused()], [["ok", "ok"], 0]);
});

Deno.test("request() does not renew a token that never expires", async () => {
  await using vault = new VaultDouble();
  vault.tokens = { ttl: 0, renewable: false };
  const { provider, events } = await openVault(vault.address, { auth: tokenAuth("root") });
  await using _provider = provider;
  await provider.probe(patient);
  assert.deepEqual(events.filter(({ type }) => type === "token_lifetime"), [
    { type: "token_lifetime", provider: "vault-eu", expiresAt: undefined },
  ]);
});
