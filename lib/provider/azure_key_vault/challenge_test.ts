import assert from "node:assert/strict";
import { openAzure, secretAuth } from "../../../tests/support/azure_settings.ts";
import { KeyVaultDouble } from "../../../tests/support/key_vault_double.ts";
import { patient, refusedWith } from "../../../tests/support/vault_settings.ts";
import type { HttpAnswer } from "../../net/https/endpoint.ts";
import { checkChallenge, parseChallenge } from "./challenge.ts";
import { isBelow, placeOf } from "./clouds.ts";

const tenantId = "2ad86d5c-0ecc-4ae4-b2b5-0f3e0c9c1a11";
const expected = { vault: "https://a.vault.azure.net", resource: "https://vault.azure.net", tenantId };

function challenge(header: string, status = 401): HttpAnswer {
  const headers = { "www-authenticate": header };
  return { status, body: undefined, bytes: new Uint8Array(), retryAfterMs: undefined, headers };
}

function refuses(header: string, code: string, sentence: RegExp, status = 401): void {
  assert.throws(() => checkChallenge(challenge(header, status), expected, "log in"), refusedWith(code, sentence));
}

Deno.test("parseChallenge() reads both spellings of Azure", () => {
  const known = { resource: "https://vault.azure.net", tenant: tenantId };
  const login = `https://login.microsoftonline.com/${tenantId}`;
  for (
    const header of [
      `Bearer authorization="${login}", resource="https://vault.azure.net"`,
      `bearer   resource="https://vault.azure.net",authorization_uri="${login}/oauth2/authorize"`,
      `Bearer authorization="${login}", scope="https://vault.azure.net/.default"`,
      `PoP nonce="x", Bearer authorization="${login}", resource="https://vault.azure.net"`,
      `Bearer authorization="${login}", resource="https://vault.azure.net", PoP resource="https://elsewhere.example"`,
    ]
  ) assert.deepEqual(parseChallenge(header), known);
});

Deno.test("parseChallenge() reads nothing from other headers", () => {
  for (
    const header of ["", "Bearer", 'Basic realm="x"', 'Bearer resource="vault"', "Bearer resource=https://x", "\u0000"]
  ) {
    assert.deepEqual(parseChallenge(header), {});
  }
});

Deno.test("checkChallenge() accepts only the vault's own domain", () => {
  checkChallenge(challenge('Bearer resource="https://vault.azure.net"'), expected, "log in");
  const other = /not for its own domain, and gets none/;
  for (
    const resource of [
      "https://management.azure.com",
      "https://azure.net",
      "https://vault.azure.net.evil.example",
      "https://vault.azure.net:8443",
      "http://vault.azure.net",
      "https://managedhsm.azure.net",
    ]
  ) refuses(`Bearer resource="${resource}"`, "provider_protocol", other);
  refuses("Negotiate", "provider_protocol", other);
  refuses("", "provider_protocol", /answered 200 to a request without a token/, 200);
  refuses("", "unreachable", /503/, 503);
});

Deno.test("checkChallenge() reports a vault of another tenant", () => {
  const header = (tenant: string) =>
    `Bearer authorization="https://login.microsoftonline.com/${tenant}", resource="https://vault.azure.net"`;
  checkChallenge(challenge(header(tenantId.toUpperCase())), expected, "log in");
  checkChallenge(challenge(header("common")), expected, "log in");
  refuses(header("00000000-0000-4000-8000-000000000000"), "unauthenticated", /belongs to another tenant/);
});

Deno.test("isBelow() and placeOf() compare whole labels of the name", () => {
  assert.ok(isBelow("https://a.b.vault.azure.net", "https://vault.azure.net"));
  assert.ok(!isBelow("https://avault.azure.net", "https://vault.azure.net"));
  assert.ok(!isBelow("https://vault.azure.net.example", "https://vault.azure.net"));
  assert.equal(placeOf("https://a.vault.azure.com"), undefined);
  assert.equal(placeOf("https://a.vault.azure.cn")?.resource, "https://vault.azure.cn");
});

Deno.test("no token is requested or sent if the vault requires one for another domain", async () => {
  await using double = await KeyVaultDouble.start();
  double.challengedResource = "https://management.azure.com";
  await using provider = (await openAzure(double)).provider;
  await assert.rejects(provider.probe(patient), refusedWith("provider_protocol", /gets none/));
  assert.equal(double.entra.logins, 0);
  assert.ok(double.requests.every(({ token }) => token === undefined));
});

Deno.test("no token is requested for a vault of another tenant", async () => {
  await using double = await KeyVaultDouble.start();
  double.challengedTenant = "00000000-0000-4000-8000-000000000000";
  await using provider = (await openAzure(double, { auth: secretAuth(double) })).provider;
  await assert.rejects(provider.probe(patient), refusedWith("unauthenticated", /another tenant/));
  assert.equal(double.entra.logins, 0);
});
