import assert from "node:assert/strict";
import { join } from "node:path";
import { inFolder } from "../../../tests/support/temporary_folder.ts";
import { VaultAgentDouble } from "../../../tests/support/vault_agent_double.ts";
import { refuse, VaultDouble } from "../../../tests/support/vault_double.ts";
import { openVault, patient, refusedWith, tokenAuth, within } from "../../../tests/support/vault_settings.ts";
import type { Provider } from "../provider.ts";

const dek = new Uint8Array(47).fill(7);
const agent = { method: "agent" } as const;

async function roundTrip(provider: Provider): Promise<void> {
  const at = await provider.probe(patient);
  const wrapped = await provider.wrap(dek, at, patient);
  assert.deepEqual(await provider.unwrap(wrapped, patient), dek);
}

Deno.test("a provider behind an agent's socket sends no token and makes no login", async () => {
  await inFolder(async (folder) => {
    await using vault = new VaultDouble();
    await using double = new VaultAgentDouble({ vault: vault.address, token: "root", socket: join(folder, "a.sock") });
    await using provider = (await openVault(double.address, { auth: agent })).provider;
    await roundTrip(provider);
    assert.ok(double.requests.length > 3);
    assert.ok(double.requests.every(({ token, path }) => token === null && !path.startsWith("/v1/auth/")));
    assert.ok(vault.requests.every(({ token }) => token === "root"));
  });
});

Deno.test("a provider behind an agent's socket can have its own token", async () => {
  await inFolder(async (folder) => {
    await using vault = new VaultDouble();
    await using double = new VaultAgentDouble({ vault: vault.address, socket: join(folder, "a.sock") });
    await using provider = (await openVault(double.address, { auth: tokenAuth("root") })).provider;
    await roundTrip(provider);
    // The check for a wrapping token is sent without the token.
    const withToken = double.requests.filter(({ path }) => path !== "/v1/sys/wrapping/lookup");
    assert.ok(withToken.length > 4 && withToken.every(({ token }) => token === "root"));
  });
});

Deno.test("a provider below a path sends every request there", async () => {
  await using vault = new VaultDouble();
  await using double = new VaultAgentDouble({ vault: vault.address, prefix: "/team/vault" });
  await using provider = (await openVault(double.address, { auth: tokenAuth("root") })).provider;
  await roundTrip(provider);
  assert.ok(double.requests.every(({ path }) => path.startsWith("/team/vault/v1/")));
  await using wrong = (await openVault(new URL(double.address).origin, { auth: agent })).provider;
  const sentence =
    /Vault answered 404 \(not from Vault's API, but from something before it: look at the path in address\)/;
  await assert.rejects(wrong.probe(patient), refusedWith("unreachable", sentence));
});

Deno.test("a provider behind an agent retries after a pause while the agent logs in again", async () => {
  await using vault = new VaultDouble();
  await using double = new VaultAgentDouble({ vault: vault.address, token: "root" });
  await using provider = (await openVault(double.address, { auth: agent })).provider;
  const at = await provider.probe(patient);
  double.token = "expired";
  const later = setTimeout(() => double.token = "root", 100);
  const before = double.requests.length;
  await provider.wrap(dek, at, patient);
  clearTimeout(later);
  assert.equal(double.requests.length, before + 2);
  double.token = "expired";
  await assert.rejects(provider.probe(patient), refusedWith("unauthenticated", /the token is not valid/));
  await assert.rejects(provider.probe(within(100)), refusedWith("deadline_exceeded"));
});

Deno.test("a provider behind an agent that adds no token reports it", async () => {
  await using vault = new VaultDouble();
  vault.intercept = ({ token }) => token === undefined ? refuse(403, "permission denied") : undefined;
  await using double = new VaultAgentDouble({ vault: vault.address });
  await using provider = (await openVault(double.address, { auth: agent })).provider;
  const sentence =
    /the agent adds no token, or its policies do not allow read on transit\/keys\/kubernetes: .*auto_auth/;
  await assert.rejects(provider.probe(patient), refusedWith("permission_denied", sentence));
});

Deno.test("the error for a socket that refuses connections contains the reason", async () => {
  await inFolder(async (folder) => {
    const stale = join(folder, "stale.sock");
    const listener = Deno.listen({ transport: "unix", path: stale });
    await Deno.rename(stale, join(folder, "kept"));
    listener.close();
    await Deno.rename(join(folder, "kept"), stale);
    const file = join(folder, "file");
    await Deno.writeTextFile(file, "");
    const cases = [
      [join(folder, "none.sock"), /none\.sock is not there; start the agent/],
      [stale, /stale\.sock is a socket that nothing listens on; start the agent/],
      [file, /file is a file and not a socket/],
      [join(file, "a.sock"), /a\.sock is not there: a part of its path is a file/],
    ] as const;
    for (const [path, sentence] of cases) {
      await using provider = (await openVault(`unix://${path}`, { auth: agent })).provider;
      await assert.rejects(provider.probe(patient), refusedWith("unreachable", sentence));
    }
  });
});
