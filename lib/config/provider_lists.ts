/**
 * The fields of the config that hold providers.
 *
 * @module
 */

/** `providers` wrap and unwrap, `retired` ones only unwrap. */
export const providerLists = ["providers", "retired"] as const;

/** One of {@linkcode providerLists}. */
export type ProviderListName = (typeof providerLists)[number];

/** The names of one provider. A name that is no text is `undefined`. */
export interface ProviderNames {
  readonly name: string | undefined;
  readonly formerly: readonly (string | undefined)[];
}

/** The providers of one list. */
export interface ProviderList<Raw = { readonly kind: string }> {
  /** Those without a mistake in their form, each with its index in the file. */
  readonly sound: readonly { readonly index: number; readonly raw: Raw }[];
  /** The names of all of them. */
  readonly names: readonly ProviderNames[];
}

/** The providers of all lists. */
export type ProviderLists = Readonly<Record<ProviderListName, ProviderList>>;
