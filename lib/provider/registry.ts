/**
 * The one table of providers. A vendor's code is loaded when it is configured, and not before.
 *
 * @module
 */
import type { Provider, ProviderContext } from "./provider.ts";
import type { ProviderKind, ProviderSettings } from "./settings.ts";

/** Opens a provider without touching the network. */
type Open<Kind extends ProviderKind> = (
  settings: Extract<ProviderSettings, { kind: Kind }>,
  context: ProviderContext,
) => Promise<Provider>;

const registry = {
  "local": async () => (await import("./local/provider.ts")).openLocal,
  "vault-transit": async () => (await import("./vault_transit/provider.ts")).openVaultTransit,
} as const satisfies { readonly [Kind in ProviderKind]: () => Promise<Open<Kind>> };

/** Every kind that can be configured. */
export const providerKinds = Object.keys(registry) as readonly ProviderKind[];

/**
 * Opens one configured provider, bare: what decorates it stands in `lib/provider/decorated.ts`.
 *
 * @throws {KmsError} `config` if what the settings refer to is not there or not usable.
 */
export async function openProvider(settings: ProviderSettings, context: ProviderContext): Promise<Provider> {
  const open = await registry[settings.kind]() as Open<ProviderKind>;
  return await open(settings as never, context);
}
