import assert from "node:assert/strict";
import { join } from "node:path";
import type { Event } from "../../telemetry/events.ts";
import { Authority } from "../../../tests/support/certificates.ts";
import { pause } from "../../../tests/support/processes.ts";
import { refuse, VaultDouble } from "../../../tests/support/vault_double.ts";
import { openVault, patient, refusedWith, tokenAuth, within } from "../../../tests/support/vault_settings.ts";
import { VaultClient } from "./client.ts";
import { retryAfter } from "../../net/https/endpoint.ts";
import type { VaultTls, VaultTransitSettings } from "./settings.ts";

const health = { method: "GET", path: "auth/token/lookup-self" } as const;
const call = { ...patient, action: 'probe with provider "vault-eu"' };

function settingsOf(addresses: readonly string[], tls: VaultTls = {}): VaultTransitSettings {
  return {
    kind: "vault-transit",
    name: "vault-eu",
    addresses,
    mount: "transit",
    key: "kubernetes",
    auth: tokenAuth("root"),
    tls,
  };
}

async function openClient(addresses: readonly string[], tls?: VaultTls) {
  const events: Event[] = [];
  return { client: await VaultClient.open(settingsOf(addresses, tls), (event) => events.push(event)), events };
}

async function closedAddress(): Promise<string> {
  const double = new VaultDouble();
  await double[Symbol.asyncDispose]();
  return double.address;
}

Deno.test("request() tries the addresses in their order and stays with the one that serves", async () => {
  await using first = new VaultDouble();
  await using second = new VaultDouble();
  const cases = [
    () => refuse(503, "Vault is sealed"),
    () => refuse(500, "internal error"),
    () => new Response(null, { status: 473 }),
    () => new Response(null, { status: 307, headers: { location: "https://elsewhere.invalid/v1/x" } }),
    () => first.hang(),
  ];
  for (const answer of cases) {
    first.intercept = answer;
    using client = (await openClient([await closedAddress(), first.address, second.address])).client;
    first.requests.length = second.requests.length = 0;
    assert.equal((await client.request(health, call)).status, 403);
    assert.equal((await client.request(health, call)).status, 403);
    assert.deepEqual([first.requests.length, second.requests.length], [1, 2]);
  }
});

Deno.test("request() tries the active node that a standby names first, if it is a configured address", async () => {
  await using standby = new VaultDouble();
  await using other = new VaultDouble();
  await using active = new VaultDouble();
  standby.intercept = ({ path }) =>
    new Response(null, { status: 307, headers: { location: `${active.address}/v1/${path}` } });
  using client = (await openClient([standby.address, other.address, active.address])).client;
  assert.equal((await client.request(health, call)).status, 403);
  assert.deepEqual([standby, other, active].map(({ requests }) => requests.length), [1, 0, 1]);
});

Deno.test("request() never follows a redirect to an address that is not configured", async () => {
  await using stranger = new VaultDouble();
  await using standby = new VaultDouble();
  standby.intercept = () => new Response(null, { status: 307, headers: { location: `${stranger.address}/v1/x` } });
  await using provider = (await openVault(standby.address)).provider;
  await assert.rejects(
    provider.probe(patient),
    refusedWith(
      "unreachable",
      /307 \(standby; it redirects to http:\/\/127\.0\.0\.1:\d+, which is not followed: write that into addresses\)\.$/,
    ),
  );
  assert.equal(stranger.requests.length, 0);
});

Deno.test("request() returns the answer with the reason if no address serves", async () => {
  await using vault = new VaultDouble();
  vault.intercept = () => refuse(503, "Vault is sealed");
  using client = (await openClient([vault.address, await closedAddress()])).client;
  assert.equal((await client.request(health, call)).status, 503);
});

Deno.test("request() ends when its signal is aborted, even if addresses are left", async () => {
  await using first = new VaultDouble();
  await using second = new VaultDouble();
  first.intercept = () => first.hang();
  using client = (await openClient([first.address, second.address])).client;
  await assert.rejects(client.request(health, { ...call, ...within(30) }), refusedWith("deadline_exceeded"));
  assert.equal(second.requests.length, 0);
});

Deno.test("request() tries no other address if the namespace is locked, and the next one if it is sealed", async () => {
  await using first = new VaultDouble();
  await using second = new VaultDouble();
  await using provider = (await openVault([first.address, second.address])).provider;
  first.intercept = () =>
    refuse(503, 'API access to this namespace has been locked by an administrator - "a/" must be unlocked.');
  await assert.rejects(provider.probe(patient), refusedWith("permission_denied"));
  assert.equal(second.requests.length, 0);
  await using other = (await openVault([first.address, second.address])).provider;
  first.intercept = () => refuse(503, "namespace is sealed");
  await other.probe(patient);
  assert(second.requests.length > 0);
});

Deno.test("request() sends the namespace with every request", async () => {
  await using vault = new VaultDouble();
  await using provider = (await openVault(vault.address, { namespace: "team-a" })).provider;
  const at = await provider.probe(patient);
  await provider.wrap(new Uint8Array(32), at, patient);
  assert(vault.requests.length >= 4);
  assert.deepEqual(new Set(vault.requests.map(({ namespace }) => namespace)), new Set(["team-a"]));
});

Deno.test("request() tolerates connections that the server has closed in the meantime", async () => {
  const first = new VaultDouble();
  const { port } = new URL(first.address);
  await using provider = (await openVault(first.address)).provider;
  await provider.probe(patient);
  await first[Symbol.asyncDispose]();
  await assert.rejects(provider.probe(patient), refusedWith("unreachable"));
  const again = Deno.serve({ hostname: "127.0.0.1", port: Number(port), onListen() {} }, () => refuse(503, "x"));
  await assert.rejects(provider.probe(patient), refusedWith("unreachable", /503/));
  await again.shutdown();
});

/** Answers the first request of each connection and closes the connection at its second one. */
async function serveOncePerConnection(listener: Deno.TcpListener, seen: string[]): Promise<void> {
  const body = JSON.stringify({ errors: ["permission denied"] });
  const answer = new TextEncoder().encode(`HTTP/1.1 403 no\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
  const connections: Promise<void>[] = [];
  for await (const connection of listener) {
    connections.push((async () => {
      const buffer = new Uint8Array(65_536);
      for (let requests = 0; requests < 2; requests++) {
        const read = await connection.read(buffer) ?? 0;
        if (read === 0) break;
        seen.push(new TextDecoder().decode(buffer.subarray(0, read)).split("\r\n")[0] ?? "");
        if (requests === 0) await connection.write(answer);
      }
      connection.close();
    })());
  }
  await Promise.all(connections);
}

Deno.test("request() retries on a closed kept-alive connection, and sends a one-time request only once", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const seen: string[] = [];
  const serving = serveOncePerConnection(listener, seen);
  const { client } = await openClient([`http://127.0.0.1:${listener.addr.port}`]);
  const twice = { method: "POST", path: "transit/decrypt/kubernetes", body: {} } as const;
  assert.equal((await client.request(twice, call)).status, 403);
  // A connection returns to its pool a moment after the answer.
  await pause(50);
  assert.equal((await client.request(twice, call)).status, 403);
  await pause(50);
  assert.equal(seen.length, 3);
  // On the kept-alive connection this request would fail and be sent again.
  assert.equal((await client.request({ ...twice, once: true }, call)).status, 403);
  assert.equal(seen.length, 4);
  client[Symbol.dispose]();
  listener.close();
  await serving;
});

interface Files {
  readonly folder: string;
  readonly caFile: string;
  write(name: string, text: string): Promise<string>;
}

async function withFiles(authority: Authority, use: (files: Files) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  const write = async (name: string, text: string) => {
    await Deno.writeTextFile(join(folder, name), text);
    return join(folder, name);
  };
  try {
    await use({ folder, caFile: await write("ca.pem", authority.certificate), write });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("request() trusts only the CA certificates of the CA file", async () => {
  const authority = new Authority();
  await using vault = new VaultDouble(authority.issue({ commonName: "vault", names: ["127.0.0.1"] }));
  await withFiles(authority, async ({ caFile, write }) => {
    await using good = (await openVault(vault.address, { tls: { caFile } })).provider;
    await good.probe(patient);
    const other = await write("other.pem", new Authority().certificate);
    await using bad = (await openVault(vault.address, { tls: { caFile: other } })).provider;
    await assert.rejects(bad.probe(patient), refusedWith("unreachable", /authorities in .* did not issue/));
    await using none = (await openVault(vault.address)).provider;
    await assert.rejects(none.probe(patient), refusedWith("unreachable", /authorities in .* did not issue/));
  });
});

Deno.test("request() verifies the server's certificate with the configured name", async () => {
  const authority = new Authority();
  await using vault = new VaultDouble(authority.issue({ commonName: "vault", names: ["vault.test"] }));
  await withFiles(authority, async ({ caFile }) => {
    await using good = (await openVault(vault.address, { tls: { caFile, serverName: "vault.test" } })).provider;
    await good.probe(patient);
    for (const tls of [{ caFile }, { caFile, serverName: "other.test" }]) {
      await using bad = (await openVault(vault.address, { tls })).provider;
      await assert.rejects(bad.probe(patient), refusedWith("unreachable", /certificate for another name/));
    }
  });
  assert(vault.requests.every(({ token, path }) => token === "root" || path === "sys/wrapping/lookup"));
});

Deno.test("request() rejects an expired certificate", async () => {
  const authority = new Authority();
  await using vault = new VaultDouble(authority.issue({ commonName: "vault", names: ["127.0.0.1"], days: -1 }));
  await withFiles(authority, async ({ caFile }) => {
    await using provider = (await openVault(vault.address, { tls: { caFile } })).provider;
    await assert.rejects(provider.probe(patient), refusedWith("unreachable", /certificate that expired at/));
    assert.equal(vault.requests.length, 0);
  });
});

Deno.test("request() reads a replaced CA file", async () => {
  const [old, next] = [new Authority(), new Authority()];
  const before = new VaultDouble(old.issue({ commonName: "vault", names: ["127.0.0.1"] }));
  await withFiles(old, async ({ caFile, write }) => {
    await using provider = (await openVault(before.address, { tls: { caFile } })).provider;
    await provider.probe(patient);
    const port = Number(new URL(before.address).port);
    await before[Symbol.asyncDispose]();
    const pair = next.issue({ commonName: "vault", names: ["127.0.0.1"] });
    const options = { hostname: "127.0.0.1", port, cert: pair.certificate, key: pair.key, onListen() {} };
    const after = Deno.serve(options, () => refuse(503, "Vault is sealed"));
    await assert.rejects(provider.probe(patient), refusedWith("unreachable", /authorities in .* did not issue/));
    await write("ca.pem", next.certificate);
    await assert.rejects(provider.probe(patient), refusedWith("unreachable", /503 \(sealed\)/));
    await write("ca.pem", "half of a certifica");
    await assert.rejects(provider.probe(patient), refusedWith("unreachable", /503 \(sealed\)/));
    await after.shutdown();
  });
});

Deno.test("open() reports the expiry of the client certificate", async () => {
  const authority = new Authority();
  await withFiles(authority, async ({ write }) => {
    const pair = authority.issue({ commonName: "trousseau", days: 3 });
    const certificateFile = await write("client.pem", pair.certificate);
    const keyFile = await write("client.key", pair.key);
    const { client, events } = await openClient(["https://127.0.0.1:1"], { certificateFile, keyFile });
    using _client = client;
    const [event] = events;
    assert(event?.type === "certificate_lifetime");
    assert(Math.abs(event.expiresAt - (Date.now() + 3 * 86_400_000)) < 60_000);
  });
});

Deno.test("open() refuses TLS files that cannot be used", async () => {
  const authority = new Authority();
  await withFiles(authority, async ({ folder, caFile, write }) => {
    const pair = authority.issue({ commonName: "trousseau" });
    const certificateFile = await write("client.pem", pair.certificate);
    const keyFile = await write("client.key", pair.key);
    const otherKey = await write("other.key", authority.issue({ commonName: "other" }).key);
    const cases: readonly (readonly [VaultTls, RegExp])[] = [
      [{ caFile: join(folder, "missing.pem") }, /missing\.pem cannot be read/],
      [{ caFile: keyFile }, /holds no certificate/],
      [{ certificateFile }, /go together/],
      [{ keyFile }, /go together/],
      [{ certificateFile, keyFile: otherKey }, /is not the one of/],
      [{ certificateFile: caFile, keyFile: caFile }, /no certificate and key/],
    ];
    for (const [tls, sentence] of cases) {
      await assert.rejects(openClient(["https://127.0.0.1:1"], tls), refusedWith("config", sentence));
    }
    const auth = { method: "cert", mount: "cert" } as const;
    await assert.rejects(openVault("https://127.0.0.1:1", { auth }), refusedWith("config", /certificateFile/));
  });
});

Deno.test("retryAfter() reads seconds and dates", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  assert.equal(retryAfter("3", now), 3000);
  assert.equal(retryAfter("Thu, 01 Jan 2026 00:00:07 GMT", now), 7000);
  assert.equal(retryAfter("Wed, 31 Dec 2025 00:00:00 GMT", now), 0);
  assert.equal(retryAfter("999999999", now), 3_600_000);
  assert.equal(retryAfter("soon", now), undefined);
  assert.equal(retryAfter(undefined, now), undefined);
});
