import { deepEqual, match } from "node:assert/strict";
import { MemorySecret } from "../../../tests/support/vault_settings.ts";
import { azureKeyVaultAdvice } from "./advice.ts";
import type { AzureKeyVaultSettings } from "./settings.ts";

function advice(changes: Partial<AzureKeyVaultSettings> = {}) {
  return azureKeyVaultAdvice({
    kind: "azure-key-vault",
    name: "azure",
    vault: "https://a.vault.azure.net",
    key: "kubernetes",
    cloud: { resource: "https://vault.azure.net", authority: "https://login.microsoftonline.com" },
    unwrapAlgorithms: [],
    auth: { method: "managed-identity", metadata: "http://169.254.169.254" },
    tls: {},
    ...changes,
  });
}

Deno.test("azureKeyVaultAdvice() names the command for rotation, and has no warning for good settings", async () => {
  const { warnings, rotation, pendingCreation } = advice();
  const command = "az keyvault key rotate --id https://a.vault.azure.net/keys/kubernetes";
  deepEqual([warnings, rotation, await pendingCreation()], [[], { by: "command", command }, undefined]);
});

Deno.test("azureKeyVaultAdvice() warns of a pinned version, an oracle, and a token that needs an API server", () => {
  match(advice({ version: "0".repeat(32) }).warnings.join(), /pinned to one version/);
  match(advice({ unwrapAlgorithms: ["RSA1_5"] }).warnings.join(), /RSA1_5 is taken/);
  deepEqual(advice({ unwrapAlgorithms: ["RSA-OAEP"] }).warnings, []);
  const token = (description: string) => Object.assign(new MemorySecret("t"), { description });
  const auth = (description: string) =>
    ({ method: "workload-identity", tenantId: "t", clientId: "c", token: token(description) }) as const;
  match(
    advice({ auth: auth("file /var/run/secrets/azure/tokens/azure-identity-token") }).warnings.join(),
    /API server/,
  );
  deepEqual(advice({ auth: auth("file /etc/trousseau/token") }).warnings, []);
});
