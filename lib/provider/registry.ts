/**
 * The table of provider kinds. The code of a vendor is loaded only if it is configured.
 *
 * @module
 */
import type { ProviderAdvice } from "./advice.ts";
import { type Provider, type ProviderContext, providerLimits } from "./provider.ts";
import type { RecoverySettings } from "./recovery/settings.ts";

/** The parts of a vendor's folder. Each is loaded at its first use. */
interface Row<Settings> {
  /** Opens a provider without network access. */
  readonly open: () => Promise<(settings: Settings, context: ProviderContext) => Promise<Provider>>;
  readonly advice: () => Promise<(settings: Settings) => ProviderAdvice>;
  /** Maximum size of a wrapped data key in bytes; absent if there is no known limit. */
  readonly maxWrap?: number;
  /** {@linkcode Provider.canUnwrap} of its providers, if it does not depend on their settings. */
  readonly canUnwrap: boolean | ((settings: Settings) => boolean);
  /** Whether its providers have {@linkcode Provider.remarks}. */
  readonly remarks?: true;
}

const registry = {
  "aws-kms": {
    open: async () => (await import("./aws_kms/provider.ts")).openAwsKms,
    advice: async () => (await import("./aws_kms/advice.ts")).awsKmsAdvice,
    canUnwrap: true,
    // About 220 bytes for a data key of 64 bytes. AWS does not document the size of the header that KMS adds.
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
    // About 150 bytes for a data key of 64 bytes. Google documents neither the size of the header nor that of an
    // external key manager's ciphertext.
    maxWrap: 1024,
  },
  "kms-plugin": {
    open: async () => (await import("./kms_plugin/provider.ts")).openKmsPlugin,
    advice: async () => (await import("./kms_plugin/advice.ts")).kmsPluginAdvice,
    canUnwrap: true,
    // No maxWrap: the plugin behind the socket is unknown and can change.
  },
  "local": {
    open: async () => (await import("./local/provider.ts")).openLocal,
    advice: async () => (await import("./local/advice.ts")).localAdvice,
    canUnwrap: true,
    // A data key of 64 bytes, the nonce and the tag.
    maxWrap: 92,
  },
  "recovery": {
    open: async () => (await import("./recovery/provider.ts")).openRecovery,
    advice: async () => (await import("./recovery/advice.ts")).recoveryAdvice,
    canUnwrap: ({ privateKey }: RecoverySettings) => privateKey !== undefined,
    // Three recipients: `maxRecoveryWrap` of its wrap_format.ts, which loads its packages.
    maxWrap: 3626,
  },
  "vault-transit": {
    open: async () => (await import("./vault_transit/provider.ts")).openVaultTransit,
    advice: async () => (await import("./vault_transit/advice.ts")).vaultTransitAdvice,
    canUnwrap: true,
    // RSA-4096 takes 702 characters of base64 after the longest prefix; the rest is a reserve for managed keys.
    maxWrap: 1024,
    remarks: true,
  },
} as const satisfies Readonly<Record<string, Row<never>>>;

/** The value of the field `kind`: the name of a row of the registry. */
export type ProviderKind = keyof typeof registry;

/** The settings of one kind of provider, as its row requires them. */
export type SettingsOf<Kind extends ProviderKind> = Opens<Kind> & { readonly kind: Kind };

type Opens<Kind extends ProviderKind> = Parameters<Awaited<ReturnType<(typeof registry)[Kind]["open"]>>>[0];

/** The settings of a provider of any kind, discriminated by `kind`. */
export type ProviderSettings = { readonly [Kind in ProviderKind]: SettingsOf<Kind> }[ProviderKind];

/** Every kind that can be configured. */
export const providerKinds = Object.keys(registry) as readonly ProviderKind[];

/**
 * Maximum size of a wrapped data key of this kind of provider, in bytes. The annotations of an envelope are planned
 * with it.
 */
export function maxWrapOf(kind: string): number {
  const rows: Readonly<Record<string, Row<never>>> = registry;
  return (Object.hasOwn(rows, kind) ? rows[kind]?.maxWrap : undefined) ?? providerLimits.ciphertext;
}

/** {@linkcode Provider.canUnwrap} of a provider with these settings, without opening it. */
export function canUnwrap(settings: ProviderSettings): boolean {
  const { canUnwrap } = rowOf(settings);
  return typeof canUnwrap === "boolean" ? canUnwrap : canUnwrap(settings);
}

/**
 * Whether providers of a kind can unwrap whatever their settings are: they count in the quorum. A recovery provider does
 * not, also while it has a private key.
 */
export function isHolderKind(kind: ProviderKind): boolean {
  const row: Row<never> = registry[kind];
  return row.canUnwrap === true;
}

/** Whether providers of a kind have {@linkcode Provider.remarks}. */
export function makesRemarks(kind: ProviderKind): boolean {
  const row: Row<never> = registry[kind];
  return row.remarks === true;
}

/** The row for settings. TypeScript cannot see that both have the same kind; this is the only cast for it. */
function rowOf(settings: ProviderSettings): Row<ProviderSettings> {
  return registry[settings.kind] as Row<never> as Row<ProviderSettings>;
}

/**
 * Opens one configured provider without decorators; `lib/provider/decorated.ts` adds them.
 *
 * @throws {KmsError} `config` if a file or other object that the settings refer to is missing or unusable.
 */
export async function openProvider(settings: ProviderSettings, context: ProviderContext): Promise<Provider> {
  const open = await rowOf(settings).open();
  return await open(settings, context);
}

/** The advice for the settings of one provider. */
export async function adviseOn(settings: ProviderSettings): Promise<ProviderAdvice> {
  const advise = await rowOf(settings).advice();
  return advise(settings);
}
