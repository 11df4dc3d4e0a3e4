/**
 * Each way to log in, against a real Vault and OpenBao with tokens that live for seconds: no call may fail, and the server's own audit
 * must show that the logins never overlap.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { equalBytes } from "../../lib/base/bytes.ts";
import type { Provider } from "../../lib/provider/provider.ts";
import { pause } from "../support/processes.ts";
import { startVault, testOnVaults, type Vault, type VaultEngine, vaultEngines } from "../support/vault.ts";
import { openVault, patient, within } from "../support/vault_settings.ts";
import { type Lifetimes, serviceAccountJwt, TokenReviewDouble, type Way, ways, write } from "../support/vault_ways.ts";

const policyFile = new URL("../../deploy/policies/vault.hcl", import.meta.url);
const dek = Uint8Array.from({ length: 47 }, (_, at) => at);

/** A Vault with the key and the policy that writes down every request. */
async function audited(engine: VaultEngine): Promise<Vault & { readonly audit: string }> {
  const vault = await startVault({ engine, tls: true, latencyMs: 50 });
  await vault.api("POST", "sys/mounts/transit", { type: "transit" });
  await vault.api("POST", "transit/keys/kubernetes", {});
  await vault.api("POST", "sys/policies/acl/trousseau", { policy: await Deno.readTextFile(policyFile) });
  const audit = join(vault.folder, "audit.log");
  await vault.api("POST", "sys/audit/file", { type: "file", options: { file_path: audit } });
  return { ...vault, audit };
}

/** When one request came in and when its answer went out, in milliseconds since the epoch. */
interface Span {
  readonly from: number;
  until: number;
}

/** The requests to one path that Vault has written down. */
async function spans(audit: string, path: string): Promise<Span[]> {
  const found = new Map<string, Span>();
  for await (const line of lines(audit)) {
    if (!line.includes(`"${path}"`)) continue;
    const entry = JSON.parse(line);
    if (entry.request.path !== path) continue;
    const at = Date.parse(entry.time);
    const span = found.get(entry.request.id);
    if (span === undefined) found.set(entry.request.id, { from: at, until: at });
    else span.until = Math.max(span.until, at);
  }
  return [...found.values()].sort((a, b) => a.from - b.from);
}

/** A minute's audit file may be larger than any string. */
async function* lines(path: string): AsyncGenerator<string> {
  const file = await Deno.open(path);
  let rest = "";
  for await (const text of file.readable.pipeThrough(new TextDecoderStream())) {
    const [first = "", ...others] = text.split("\n");
    rest += first;
    for (const other of others) {
      yield rest;
      rest = other;
    }
  }
}

function assertNoOverlap(of: string, found: readonly Span[]): void {
  found.forEach((span, at) => {
    const next = found[at + 1];
    assert(next === undefined || next.from >= span.until, `two logins at once by ${of}`);
  });
}

/** Keeps 16 unwraps in flight until `ms` have passed; each has the 3 s that kube-apiserver gives. */
async function load(provider: Provider, ms: number): Promise<{ readonly calls: number; readonly failures: string[] }> {
  const at = await provider.probe(patient);
  const wrapped = await provider.wrap(dek, at, patient);
  const end = Date.now() + ms;
  const failures: string[] = [];
  let calls = 0;
  await Promise.all(Array.from({ length: 16 }, async () => {
    while (Date.now() < end) {
      calls++;
      // A Vault that answers at once would fill the disk with its audit file.
      await pause(10);
      try {
        if (!equalBytes(await provider.unwrap(wrapped, within(3000)), dek)) failures.push("wrong bytes");
      } catch (error) {
        failures.push(String(error));
        await pause(100);
      }
    }
  }));
  return { calls, failures };
}

async function withWays(
  engine: VaultEngine,
  lifetimes: Lifetimes,
  use: (vault: Vault & { readonly audit: string }, name: string, way: Way, provider: Provider) => Promise<void>,
): Promise<void> {
  await using vault = await audited(engine);
  const jwt = serviceAccountJwt();
  await write(vault, "service-account", jwt);
  await using review = new TokenReviewDouble(jwt);
  const opened = [];
  for (const [name, setUp] of Object.entries(ways)) {
    const way = await setUp(vault, lifetimes, review);
    const { provider } = await openVault(vault.address, {
      auth: way.auth,
      tls: { caFile: vault.caFile, serverName: "vault.test", ...way.tls },
    });
    opened.push({ name, way, provider });
  }
  try {
    await Promise.all(opened.map(({ name, way, provider }) => use(vault, name, way, provider)));
  } finally {
    await Promise.all(opened.map(({ provider }) => provider[Symbol.asyncDispose]()));
  }
  assert(review.reviews > 0);
}

testOnVaults(
  "tokens of 5 s, at most 15 s, by every method: no failure and never two logins at once",
  async (engine) => {
    // The longest of them once, so that the suite stays short: one lifetime and its renewals show the rest.
    const seconds = engine === vaultEngines[0] ? 60 : 25;
    await withWays(engine, { ttl: 5, max: 15 }, async (vault, name, way, provider) => {
      const done = new AbortController();
      const tending = way.tend?.(done.signal);
      const { calls, failures } = await load(provider, seconds * 1000);
      done.abort();
      const logins = await spans(vault.audit, way.loginPath);
      await tending;
      assert.deepEqual(failures.slice(0, 3), [], `${name}: ${failures.length} of ${calls} calls failed`);
      assert(calls > 1000, `${name}: only ${calls} calls`);
      assertNoOverlap(name, logins);
      // A token lives for 15 s at most; one that is given by file is looked up when it is replaced.
      assert(logins.length >= seconds / 15 && logins.length <= seconds / 3, `${name}: ${logins.length} logins`);
      // deno-lint-ignore no-console
      console.log(`${name}: ${calls} unwraps, ${logins.length} logins, no failure`);
    });
  },
);

testOnVaults("a token revoked under load costs exactly one login by every method, and no failure", async (engine) => {
  await withWays(engine, { ttl: 3600, max: 7200 }, async (vault, name, way, provider) => {
    const revoking = pause(2000).then(() => revoke(vault, way));
    const { failures } = await load(provider, 5000);
    const before = await revoking;
    const logins = await spans(vault.audit, way.loginPath);
    assert.deepEqual(failures.slice(0, 3), [], `${name}: ${failures.length} calls failed`);
    assert.deepEqual([before, logins.length], [1, 2], name);
  });
});

/** Revokes whatever token the provider uses, as an administrator would; returns how many logins there were before. */
async function revoke(vault: Vault & { readonly audit: string }, way: Way): Promise<number> {
  const before = (await spans(vault.audit, way.loginPath)).length;
  if (way.auth.method === "token") {
    const old = (await way.auth.token.read()).reveal();
    const { body } = await vault.api("POST", "auth/token/create", {
      policies: ["trousseau"],
      no_default_policy: true,
    });
    await write(vault, "token", body.auth.client_token);
    await vault.api("POST", "auth/token/revoke", { token: old });
  } else {
    await vault.api("POST", `sys/leases/revoke-prefix/auth/${way.mount}`);
  }
  return before;
}

testOnVaults("a client certificate that is replaced is used for the next login", async (engine) => {
  await using vault = await audited(engine);
  await using review = new TokenReviewDouble("");
  const setUp = ways.cert ?? assert.fail();
  const way = await setUp(vault, { ttl: 3600, max: 7200 }, review);
  const tls = { caFile: vault.caFile, ...way.tls };
  const foreign = await openVault(vault.address, { auth: way.auth, tls: { caFile: vault.caFile } }).catch(() =>
    undefined
  );
  assert.equal(foreign, undefined, "auth by certificate opened without one");
  const { provider, events } = await openVault(vault.address, { auth: way.auth, tls });
  await using _provider = provider;
  await provider.probe(patient);
  const pair = vault.authority.issue({ commonName: "trousseau", days: 3 });
  await write(vault, "client.pem", pair.certificate);
  await write(vault, "client.key", pair.key);
  // The files are looked at every ten seconds while Vault can be reached.
  await pause(10_500);
  await vault.api("POST", "sys/leases/revoke-prefix/auth/cert");
  await provider.probe(patient);
  const expiries = events.flatMap((event) => event.type === "certificate_lifetime" ? [event.expiresAt] : []);
  assert.equal(expiries.length, 2);
  assert((expiries[1] ?? 0) < (expiries[0] ?? 0));
});
