/**
 * The settings of every kind of provider, discriminated by `kind`.
 *
 * @module
 */
import type { AwsKmsSettings } from "./aws_kms/settings.ts";
import type { AzureKeyVaultSettings } from "./azure_key_vault/settings.ts";
import type { GcpKmsSettings } from "./gcp_kms/settings.ts";
import type { KmsPluginSettings } from "./kms_plugin/settings.ts";
import type { LocalSettings } from "./local/settings.ts";
import type { VaultTransitSettings } from "./vault_transit/settings.ts";

/** One entry of `providers`, whatever its kind. */
export type ProviderSettings =
  | AwsKmsSettings
  | AzureKeyVaultSettings
  | GcpKmsSettings
  | KmsPluginSettings
  | LocalSettings
  | VaultTransitSettings;

/** A row of the registry. */
export type ProviderKind = ProviderSettings["kind"];
