import { deepEqual, ok, rejects } from "node:assert/strict";
import { key, withVault } from "../../../tests/support/azure_provider.ts";
import type { KeyVaultDouble } from "../../../tests/support/key_vault_double.ts";
import { patient, refusedWith, within } from "../../../tests/support/vault_settings.ts";
import type { Provider } from "../provider.ts";

/** The IDs that an examination finds. */
async function ids(provider: Provider, ...versions: readonly string[]): Promise<readonly string[]> {
  return (await provider.examine?.(versions, patient))?.findings.map(({ id }) => id) ?? [];
}

Deno.test("examine() finds nothing bad about a key with purge protection", () =>
  withVault(async (double, provider) => {
    double.keys.recoveryLevel = "Recoverable";
    const { version } = await provider.probe(patient);
    deepEqual(await ids(provider, version), ["azure-key-held"]);
  }));

Deno.test("examine() finds the end of a key, a vault without purge protection, and an exportable key", () =>
  withVault(async (double, provider) => {
    deepEqual(await ids(provider), ["azure-purge-protection-off"]);
    double.keys.recoveryLevel = "Recoverable+ProtectedSubscription";
    double.keys.change(key, { exp: Math.floor(double.now()) + 86_400 });
    deepEqual(await ids(provider), ["azure-key-ends"]);
    double.keys.change(key, { exp: Math.floor(double.now()) + 7 * 86_400 });
    deepEqual(await ids(provider), ["azure-key-ends-later"]);
    double.keys.change(key, { exp: Math.floor(double.now()) + 31 * 86_400 });
    deepEqual(await ids(provider), ["azure-key-held"]);
    double.keys.change(key, { exp: Math.floor(double.now()) + 400 * 86_400, exportable: true });
    deepEqual(await ids(provider), ["azure-key-exportable"]);
  }));

Deno.test("examine() finds versions that are disabled or gone", () =>
  withVault(async (double, provider) => {
    double.keys.recoveryLevel = "Recoverable";
    const { version } = await provider.probe(patient);
    await double.keys.make(key, "RSA");
    double.keys.change(key, { enabled: false }, 1);
    deepEqual(await ids(provider, version), ["azure-key-held", "azure-version-disabled"]);
    const missing = version.replace(/[0-9a-f]{32}$/, "0".repeat(32));
    deepEqual(await ids(provider, missing), ["azure-key-held", "azure-version-disabled"]);
  }));

Deno.test("examine() finds nothing about what the login may not read", () =>
  withVault(async (double, provider) => {
    double.fault = { kind: "rights", actions: [] };
    deepEqual(await ids(provider), []);
  }));

Deno.test("examine() tells by how much Key Vault's clock is ahead", () =>
  withVault(async (double, provider) => {
    await provider.probe(patient);
    double.advance(100);
    const ahead = (await provider.examine?.([], patient))?.clockAheadMs ?? NaN;
    ok(ahead > 90_000 && ahead < 110_000, `${ahead}`);
  }));

Deno.test("examine() fails as a probe does for a missing key, and for faults of the connection", () =>
  withVault(async (double, provider) => {
    await provider.probe(patient);
    const fails = async (fault: KeyVaultDouble["fault"], code: Parameters<typeof refusedWith>[0]) => {
      double.fault = fault;
      const call = fault?.kind === "hang" ? within(300) : patient;
      await rejects(provider.examine?.([], call) ?? Promise.resolve(), refusedWith(code));
    };
    await fails({ kind: "hang" }, "deadline_exceeded");
    await fails({ kind: "status", status: 500 }, "unreachable");
    await fails({ kind: "half" }, "unreachable");
    double.keys.purge(key);
    await fails(undefined, "key_unknown");
  }));
