/**
 * What a Vault or an OpenBao that refuses or seals shows of a provider's health, through all layers: one change for one
 * cause.
 */
import assert from "node:assert/strict";
import { systemClock } from "../../lib/clock.ts";
import type { Event, HealthState } from "../../lib/events.ts";
import { decorate } from "../../lib/provider/decorated.ts";
import { openService } from "../../lib/service.ts";
import { MemoryStore } from "../support/memory_store.ts";
import { pause, waitFor } from "../support/processes.ts";
import { type Intercept, refuse, VaultDouble } from "../support/vault_double.ts";
import { openVault, patient, userpassAuth } from "../support/vault_settings.ts";

const locked =
  'API access to this namespace has been locked by an administrator - "team-a/" must be unlocked to gain access.';

/** Serves until it is well, lets `intercept` answer, decrypts for a while, and returns what health was told since. */
async function healthUnder(intercept: Intercept, options: { readonly revoked?: boolean } = {}): Promise<{
  readonly states: readonly HealthState[];
  readonly codes: ReadonlySet<unknown>;
}> {
  await using vault = new VaultDouble();
  const events: Event[] = [];
  const notify = (event: Event) => void events.push(event);
  const { provider } = await openVault(vault.address, { namespace: "team-a", auth: userpassAuth() });
  await using decorated = decorate(provider, { notify });
  await using service = await openService({
    providers: [{ provider: decorated, formerly: [] }],
    wrap: "all",
    unwrap: "fastest",
    keyEpoch: 0,
    cache: { entries: 16, maxAgeMs: 1, graceOnOutageMs: 0, lifetimeMs: 60_000 },
    dekMaxAgeMs: 3_600_000,
    probeIntervalMs: 1000,
    store: new MemoryStore(),
    clock: systemClock,
    notify,
  });
  await waitFor("an Encrypt", () => service.peek().canEncrypt, { timeoutMs: 10_000, everyMs: 20 });
  const sealed = service.encrypt(new Uint8Array(32).fill(1), "v2");
  await pause(5);
  await service.decrypt(sealed, "v2", patient);
  vault.intercept = intercept;
  if (options.revoked === true) vault.valid.clear();
  // The data key is fresh for a millisecond.
  await pause(5);
  const before = events.length;
  const codes = new Set<unknown>();
  for (const end = Date.now() + 4000; Date.now() < end;) {
    await service.decrypt(sealed, "v2", patient).then(() => codes.add("ok"), ({ code }) => codes.add(code));
    await pause(20);
  }
  const states = events.slice(before).flatMap((event) => event.type === "provider_health" ? [event.to] : []);
  return { states, codes };
}

Deno.test("a locked namespace is a refusal: every Decrypt says so, and health changes once", async () => {
  const { states, codes } = await healthUnder(() => refuse(503, locked));
  assert.deepEqual([states, [...codes]], [["refusing"], ["permission_denied"]]);
});

Deno.test("a locked namespace found at a login is the same refusal", async () => {
  const { states, codes } = await healthUnder(() => refuse(503, locked), { revoked: true });
  assert.deepEqual([states, [...codes]], [["refusing"], ["permission_denied"]]);
});

Deno.test("a login that is refused is told once, although the breaker answers for it", async () => {
  const refused: Intercept = ({ path }) =>
    path.includes("/login") ? refuse(400, "invalid username or password") : undefined;
  const { states, codes } = await healthUnder(refused, { revoked: true });
  assert.deepEqual([states, [...codes]], [["refusing"], ["unauthenticated"]]);
});

Deno.test("a dead token and a login that is denied are one refusal", async () => {
  const { states } = await healthUnder(() => refuse(403, "permission denied"), { revoked: true });
  assert.deepEqual(states, ["refusing"]);
});

Deno.test("a sealed namespace is an outage, and health changes once", async () => {
  const { states, codes } = await healthUnder(() => refuse(503, "namespace is sealed"));
  assert.deepEqual([states, [...codes]], [["sick"], ["unreachable"]]);
});
