/**
 * Who may open what a node has sealed, by the configuration.
 *
 * @module
 */
import type { Config } from "../config/config.ts";
import type { Readers } from "../key_ring/openers.ts";

/** Every provider under each of its names, retired ones too. */
export function readersOf(
  { file, providers, retired, forgotten }: Pick<Config, "file" | "providers" | "retired" | "forgotten">,
): Readers {
  const openers = [...providers, ...retired].flatMap(({ name, formerly, settings: { kind } }) =>
    [name, ...formerly].map((one) => ({ name: one, kind }))
  );
  return { openers, forgotten, embedded: file === undefined };
}
