import { deepEqual, match, ok, rejects } from "node:assert/strict";
import { VaultDouble } from "../../../tests/support/vault_double.ts";
import { openVault, patient, refusedWith, tokenAuth } from "../../../tests/support/vault_settings.ts";

/** The findings of a double, as ID and texts. */
async function examined(vault: VaultDouble, ...versions: readonly string[]) {
  await using provider = (await openVault(vault.address, { auth: tokenAuth("root") })).provider;
  const found = await provider.examine?.(versions, patient);
  ok(found !== undefined);
  return found;
}

/** Their IDs. */
async function ids(vault: VaultDouble, ...versions: readonly string[]): Promise<readonly string[]> {
  return (await examined(vault, ...versions)).findings.map(({ id }) => id);
}

/** Answers the question for the capabilities of paths. */
function grant(vault: VaultDouble, capabilities: Readonly<Record<string, readonly string[]>>): void {
  vault.intercept = ({ path, body }) => {
    if (path !== "sys/capabilities-self") return undefined;
    const paths: readonly string[] = body.paths;
    return Response.json({ data: Object.fromEntries(paths.map((one) => [one, capabilities[one] ?? ["deny"]])) });
  };
}

Deno.test("examine() finds nothing bad about a key in a healthy Vault, and its clock", async () => {
  await using vault = new VaultDouble();
  grant(vault, { "transit/keys/kubernetes": ["read"] });
  const found = await examined(vault, "1@1700000000");
  deepEqual(found.findings.map(({ id }) => id), ["vault-key-held"]);
  deepEqual(found.remarks, []);
  ok(Math.abs(found.clockAheadMs ?? NaN) < 5_000, `${found.clockAheadMs}`);
});

Deno.test("examine() finds each setting that endangers the key", async () => {
  await using vault = new VaultDouble();
  for (
    const [property, id] of [
      ["exportable", "vault-key-exportable"],
      ["allow_plaintext_backup", "vault-key-backup"],
      ["deletion_allowed", "vault-key-deletable"],
      ["derived", "vault-key-derived"],
      ["soft_deleted", "vault-key-soft-deleted"],
    ] as const
  ) {
    vault.properties = { [property]: true };
    deepEqual(await ids(vault), [id]);
  }
});

Deno.test("examine() finds versions below min_decryption_version, and versions that are gone", async () => {
  await using vault = new VaultDouble();
  vault.versions.push(1_700_000_500);
  vault.minDecryption = 2;
  const { findings } = await examined(vault, "2@1700000500", "1@1700000000");
  deepEqual(findings, [{
    id: "vault-min-decryption",
    texts: { name: "vault-eu", path: "transit/keys/kubernetes", least: "2", version: "1" },
  }]);
  vault.minDecryption = 1;
  deepEqual(await ids(vault, "1@1700000000", "3@1700000900"), ["vault-version-lost"]);
  vault.remake(1_700_001_000);
  deepEqual(await ids(vault, "1@1700000000"), ["vault-version-lost"]);
});

Deno.test("examine() finds the rights that Trousseau never uses, and those of root", async () => {
  await using vault = new VaultDouble();
  grant(vault, { "transit/keys/kubernetes/rotate": ["update"], "transit/export/encryption-key/kubernetes": ["read"] });
  const [, rights] = (await examined(vault)).findings;
  match(rights?.texts["actions"] ?? "", /^rotate the key, export the key$/);
  match(
    rights?.texts["paths"] ?? "",
    /^transit\/keys\/kubernetes\/rotate, transit\/export\/encryption-key\/kubernetes$/,
  );
  grant(vault, { "transit/keys/kubernetes": ["root"] });
  deepEqual(await ids(vault), ["vault-key-held", "vault-login-may"]);
});

Deno.test("examine() finds a token that ends soon and cannot be renewed", async () => {
  await using vault = new VaultDouble();
  vault.tokens = { ttl: 3600, renewable: false };
  deepEqual(await ids(vault), ["vault-key-held", "vault-token-ends"]);
  vault.tokens = { ttl: 90 * 86_400, renewable: false };
  deepEqual(await ids(vault), ["vault-key-held"]);
});

Deno.test("examine() finds nothing about what the login may not read", async () => {
  await using vault = new VaultDouble();
  const denied = () => Response.json({ errors: ["1 error occurred:\n\t* permission denied\n\n"] }, { status: 403 });
  vault.properties = { deletion_allowed: true };
  vault.intercept = ({ path }) => /keys\/|sys\/|lookup-self/.test(path) ? denied() : undefined;
  deepEqual(await ids(vault), []);
});

Deno.test("examine() fails as a probe does if the key is missing or Vault is down, half or wrong", async () => {
  await using vault = new VaultDouble();
  vault.versions = [];
  await rejects(examined(vault), refusedWith("key_unknown"));
  vault.versions = [1_700_000_000];
  vault.intercept = () => Response.json({ errors: ["internal error"] }, { status: 500 });
  await rejects(examined(vault), refusedWith("unreachable"));
  vault.intercept = () => new Response("no JSON");
  deepEqual(await ids(vault), ["vault-key-held"]);
});
