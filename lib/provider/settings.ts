/**
 * The settings of every kind of provider, discriminated by `kind`.
 *
 * @module
 */
import type { LocalSettings } from "./local/settings.ts";
import type { VaultTransitSettings } from "./vault_transit/settings.ts";

/** One entry of `providers`, whatever its kind. */
export type ProviderSettings = LocalSettings | VaultTransitSettings;

/** A row of the registry. */
export type ProviderKind = ProviderSettings["kind"];
