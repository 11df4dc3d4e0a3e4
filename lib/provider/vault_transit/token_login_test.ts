import assert from "node:assert/strict";
import { refuse, VaultDouble } from "../../../tests/support/vault_double.ts";
import { MemorySecret, openVault, patient, refusedWith, tokenAuth } from "../../../tests/support/vault_settings.ts";
import type { Event } from "../../telemetry/events.ts";

const warnings = (events: readonly Event[]) =>
  events.flatMap((event) => event.type === "lifecycle" && event.action === "warning" ? [event.message] : []);

Deno.test("login() with a token that may not look itself up continues without a lifetime, with one warning", async () => {
  await using vault = new VaultDouble();
  vault.valid.add("quiet").add("quiet-2");
  vault.secretive.add("quiet").add("quiet-2");
  const token = new MemorySecret("quiet");
  const { provider, events } = await openVault(vault.address, { auth: { method: "token", token } });
  await using _provider = provider;
  const at = await provider.probe(patient);
  await provider.wrap(new Uint8Array(32), at, patient);
  token.value = "quiet-2";
  vault.valid.delete("quiet");
  await provider.probe(patient);
  assert.deepEqual(warnings(events), [
    'Provider "vault-eu": The token in file /etc/trousseau/secret may not look itself up, so that its lifetime is known ' +
    "from renewals alone, or not at all: let its policy read auth/token/lookup-self, as deploy/policies/vault.hcl does.",
  ]);
  assert.deepEqual(events.filter(({ type }) => type === "token_lifetime"), [
    { type: "token_lifetime", provider: "vault-eu", expiresAt: undefined },
    { type: "token_lifetime", provider: "vault-eu", expiresAt: undefined },
  ]);
  assert.match((await provider.remarks?.([], patient) ?? []).join("\n"), /may not look itself up/);
});

Deno.test("login() with a token that may only renew itself takes its lifetime from the renewal", async () => {
  await using vault = new VaultDouble();
  vault.valid.add("quiet");
  vault.intercept = ({ path }) => path.endsWith("/lookup-self") ? refuse(403, "permission denied") : undefined;
  const { provider, events } = await openVault(vault.address, { auth: tokenAuth("quiet") });
  await using _provider = provider;
  await provider.probe(patient);
  const [lifetime] = events.filter((event) => event.type === "token_lifetime");
  assert.equal(typeof lifetime?.expiresAt, "number");
  assert.equal(vault.asked("transit/decrypt").length, 0);
});

Deno.test("login() with a token that cannot be renewed concludes from that refusal that it is valid", async () => {
  await using vault = new VaultDouble();
  vault.valid.add("quiet");
  vault.intercept = ({ path }) =>
    path.endsWith("/lookup-self")
      ? refuse(403, "permission denied")
      : path.endsWith("/renew-self")
      ? refuse(400, "lease is not renewable")
      : undefined;
  const { provider, events } = await openVault(vault.address, { auth: tokenAuth("quiet") });
  await using _provider = provider;
  await provider.probe(patient);
  assert.deepEqual(events.flatMap((event) => event.type === "token_lifetime" ? [event.expiresAt] : []), [undefined]);
});

Deno.test("login() with permission only to decrypt is verified by an operation that changes nothing", async () => {
  await using vault = new VaultDouble();
  vault.valid.add("quiet");
  vault.secretive.add("quiet");
  vault.intercept = ({ path, body }) => {
    if (!path.startsWith("transit/")) return undefined;
    if (path !== "transit/decrypt/kubernetes") return refuse(403, "1 error occurred:\n\t* permission denied\n\n");
    return body.batch_input === undefined ? refuse(400, "missing ciphertext to decrypt") : undefined;
  };
  const { provider } = await openVault(vault.address, { auth: tokenAuth("quiet") });
  await using _provider = provider;
  await assert.rejects(provider.probe(patient), refusedWith("permission_denied"));
  assert.deepEqual(vault.asked("transit/decrypt")[0]?.body, {});
});

for (
  const [server, text] of [
    ["Vault", "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"],
    ["OpenBao", "permission denied"],
  ] as const
) {
  Deno.test(`login() with an expired token is refused with the text of ${server}`, async () => {
    await using vault = new VaultDouble();
    vault.intercept = ({ token }) => token === "dead" ? refuse(403, text) : undefined;
    await using provider = (await openVault(vault.address, { auth: tokenAuth("dead") })).provider;
    await assert.rejects(
      provider.probe(patient),
      refusedWith("unauthenticated", /Vault answered 403 \(it refuses the token in file \/etc\/trousseau\/secret/),
    );
  });
}

Deno.test("login() with a token passes on the reason why the lookup failed", async () => {
  await using vault = new VaultDouble();
  vault.valid.add("quiet");
  vault.secretive.add("quiet");
  vault.intercept = ({ path }) => path.startsWith("transit/") ? refuse(503, "Vault is sealed") : undefined;
  await using provider = (await openVault(vault.address, { auth: tokenAuth("quiet") })).provider;
  await assert.rejects(provider.probe(patient), refusedWith("unreachable", /sealed/));
});

Deno.test("login() detects a wrapping token in place of a token or a secret ID, and does not use it up", async () => {
  await using vault = new VaultDouble();
  vault.wrapped.set("hvs.wrapping", { madeBy: "auth/token/create", answer: {} });
  const source = new MemorySecret("hvs.wrapping");
  const said =
    /file \S+ holds a response-wrapping token; set auth\.wrapped: true, or put the unwrapped (token|secret ID) there/;
  const auths = [
    { method: "token", token: source },
    { method: "approle", mount: "approle", roleId: new MemorySecret("role"), secretId: source },
  ] as const;
  for (const auth of auths) {
    await using provider = (await openVault(vault.address, { auth })).provider;
    await assert.rejects(provider.probe(patient), refusedWith("unauthenticated", said));
    await assert.rejects(provider.probe(patient), ({ message }: Error) => !message.includes("hvs."));
  }
  assert(vault.wrapped.has("hvs.wrapping"));
  assert(vault.requests.every(({ token, path }) => token === undefined && !path.endsWith("/login")));
});
