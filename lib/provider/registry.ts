/**
 * The one table of providers. A vendor's code is loaded when it is configured, and not before.
 *
 * @module
 */
import type { ProviderAdvice } from "./advice.ts";
import { type Provider, type ProviderContext, providerLimits } from "./provider.ts";

/** What a vendor's folder offers. Each part is loaded when it is first needed. */
interface Row<Settings> {
  /** Opens a provider without touching the network. */
  readonly open: () => Promise<(settings: Settings, context: ProviderContext) => Promise<Provider>>;
  readonly advice: () => Promise<(settings: Settings) => ProviderAdvice>;
  /** The longest wrap of a data key that it ever gives, in bytes; left out where nobody can know. */
  readonly maxWrap?: number;
  /** {@linkcode Provider.canUnwrap} of its providers. */
  readonly canUnwrap: boolean;
  /** Whether its providers have {@linkcode Provider.remarks}. */
  readonly remarks?: true;
}

const registry = {
  "aws-kms": {
    open: async () => (await import("./aws_kms/provider.ts")).openAwsKms,
    advice: async () => (await import("./aws_kms/advice.ts")).awsKmsAdvice,
    canUnwrap: true,
    // About 220 for a data key of 64 bytes; how long the header is that KMS writes into a ciphertext is nowhere said.
    maxWrap: 1024,
  },
  "azure-key-vault": {
    open: async () => (await import("./azure_key_vault/provider.ts")).openAzureKeyVault,
    advice: async () => (await import("./azure_key_vault/advice.ts")).azureKeyVaultAdvice,
    canUnwrap: true,
    // RSA-4096.
    maxWrap: 512,
    remarks: true,
  },
  "gcp-kms": {
    open: async () => (await import("./gcp_kms/provider.ts")).openGcpKms,
    advice: async () => (await import("./gcp_kms/advice.ts")).gcpKmsAdvice,
    canUnwrap: true,
    // About 150 for a data key of 64 bytes; how long the header of a ciphertext is, or what an external key manager gives,
    // is nowhere said.
    maxWrap: 1024,
  },
  "kms-plugin": {
    open: async () => (await import("./kms_plugin/provider.ts")).openKmsPlugin,
    advice: async () => (await import("./kms_plugin/advice.ts")).kmsPluginAdvice,
    canUnwrap: true,
    // No maxWrap: what is behind the socket may be anything, and change.
  },
  "local": {
    open: async () => (await import("./local/provider.ts")).openLocal,
    advice: async () => (await import("./local/advice.ts")).localAdvice,
    canUnwrap: true,
    // A data key of 64 bytes, a nonce and a tag.
    maxWrap: 92,
  },
  "vault-transit": {
    open: async () => (await import("./vault_transit/provider.ts")).openVaultTransit,
    advice: async () => (await import("./vault_transit/advice.ts")).vaultTransitAdvice,
    canUnwrap: true,
    // RSA-4096 is 702 in base64 behind the longest prefix; the rest is for what a managed key adds.
    maxWrap: 1024,
    remarks: true,
  },
} as const satisfies Readonly<Record<string, Row<never>>>;

/** The value of the field `kind`: the name of a row of the registry. */
export type ProviderKind = keyof typeof registry;

/** The settings of one kind of provider, as its row takes them. */
export type SettingsOf<Kind extends ProviderKind> = Opens<Kind> & { readonly kind: Kind };

type Opens<Kind extends ProviderKind> = Parameters<Awaited<ReturnType<(typeof registry)[Kind]["open"]>>>[0];

/** The settings of a provider of any kind, discriminated by `kind`. */
export type ProviderSettings = { readonly [Kind in ProviderKind]: SettingsOf<Kind> }[ProviderKind];

/** Every kind that can be configured. */
export const providerKinds = Object.keys(registry) as readonly ProviderKind[];

/** The longest wrap that a kind of provider gives, in bytes: what the annotations of an envelope are planned by. */
export function maxWrapOf(kind: string): number {
  const rows: Readonly<Record<string, Row<never>>> = registry;
  return (Object.hasOwn(rows, kind) ? rows[kind]?.maxWrap : undefined) ?? providerLimits.ciphertext;
}

/** {@linkcode Provider.canUnwrap} of a provider with these settings, without opening it. */
export function canUnwrap({ kind }: Pick<ProviderSettings, "kind">): boolean {
  return registry[kind].canUnwrap;
}

/** Whether a kind of provider can be asked for {@linkcode Provider.remarks}. */
export function makesRemarks(kind: ProviderKind): boolean {
  const row: Row<never> = registry[kind];
  return row.remarks === true;
}

/** The row for settings: the one place where TypeScript cannot see that both are of the same kind. */
function rowOf(settings: ProviderSettings): Row<ProviderSettings> {
  return registry[settings.kind] as Row<never> as Row<ProviderSettings>;
}

/**
 * Opens one configured provider, bare: what decorates it stands in `lib/provider/decorated.ts`.
 *
 * @throws {KmsError} `config` if what the settings refer to is not there or not usable.
 */
export async function openProvider(settings: ProviderSettings, context: ProviderContext): Promise<Provider> {
  const open = await rowOf(settings).open();
  return await open(settings, context);
}

/** What an operator should hear about one provider's settings. */
export async function adviseOn(settings: ProviderSettings): Promise<ProviderAdvice> {
  const advise = await rowOf(settings).advice();
  return advise(settings);
}
