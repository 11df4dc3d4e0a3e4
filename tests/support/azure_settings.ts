/**
 * Settings of an `azure-key-vault` provider for tests.
 *
 * @module
 */
import { type Clock, systemClock } from "../../lib/base/clock.ts";
import type { Event } from "../../lib/telemetry/events.ts";
import { openAzureKeyVault } from "../../lib/provider/azure_key_vault/provider.ts";
import type { AzureAuth, AzureKeyVaultSettings } from "../../lib/provider/azure_key_vault/settings.ts";
import type { Provider } from "../../lib/provider/provider.ts";
import { Secret, type SecretSource } from "../../lib/base/secret.ts";
import type { EntraDouble } from "./entra_double.ts";
import type { KeyVaultDouble } from "./key_vault_double.ts";
import { MemorySecret } from "./vault_settings.ts";

/** The settings for the key `kubernetes` of a double, with a client secret. */
export function azureSettings(
  double: KeyVaultDouble,
  changes: Partial<AzureKeyVaultSettings> = {},
): AzureKeyVaultSettings {
  return {
    kind: "azure-key-vault",
    name: "azure",
    vault: double.vault,
    key: "kubernetes",
    cloud: { resource: double.vault, authority: double.login },
    unwrapAlgorithms: [],
    auth: secretAuth(double),
    tls: { caFile: double.caFile },
    ...changes,
  };
}

/** Authentication by a client secret; the valid one of the double if left out. */
export function secretAuth({ entra }: KeyVaultDouble, secret?: string): AzureAuth {
  const { tenantId, clientId } = entra;
  const clientSecret = secret === undefined ? currentSecret(entra) : new MemorySecret(secret);
  return { method: "client-secret", tenantId, clientId, clientSecret };
}

function currentSecret(entra: EntraDouble): SecretSource {
  return {
    description: "file /etc/trousseau/secret",
    read: () => Promise.resolve(new Secret(entra.clientSecret)),
  };
}

/** Opens a provider and records its events. */
export async function openAzure(
  double: KeyVaultDouble,
  changes: Partial<AzureKeyVaultSettings> = {},
  clock: Clock = systemClock,
): Promise<{ readonly provider: Provider; readonly events: readonly Event[] }> {
  const events: Event[] = [];
  const context = { notify: (event: Event) => void events.push(event), clock };
  const provider = await openAzureKeyVault(azureSettings(double, changes), context);
  return { provider, events };
}
