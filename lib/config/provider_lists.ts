/**
 * The fields of the config that hold providers.
 *
 * @module
 */

/** `providers` wrap and unwrap, `retired` ones only unwrap. */
export const providerLists = ["providers", "retired"] as const;

/** One of {@linkcode providerLists}. */
export type ProviderListName = (typeof providerLists)[number];
