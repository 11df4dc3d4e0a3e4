/**
 * The fields of the config that contain providers.
 *
 * @module
 */

/** `providers` wrap and unwrap; `retired` ones only unwrap. */
export const providerLists = ["providers", "retired"] as const;

/** One of {@linkcode providerLists}. */
export type ProviderListName = (typeof providerLists)[number];

/** The names of one provider; `undefined` in place of a name that is not a text. */
export interface ProviderNames {
  readonly name: string | undefined;
  /** Former names. */
  readonly formerly: readonly (string | undefined)[];
}

/** The providers of one list. */
export interface ProviderList<Raw = { readonly kind: string }> {
  /** The providers that match the schema, each with its index in the file. */
  readonly sound: readonly { readonly index: number; readonly raw: Raw }[];
  /** The names of all providers of the list. */
  readonly names: readonly ProviderNames[];
}

/** The providers of all lists. */
export type ProviderLists = Readonly<Record<ProviderListName, ProviderList>>;
