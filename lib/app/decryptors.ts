/**
 * The providers that can open sealed data of a node, by the configuration.
 *
 * @module
 */
import type { Config } from "../config/config.ts";
import { foreignState } from "../services/kms/key_ring/foreign_state.ts";
import type { Decryptors } from "../services/kms/key_ring/wrap_sets.ts";
import { readRingState } from "../services/kms/key_ring/state.ts";

/** Every provider under each of its names, retired ones too. */
export function decryptorsOf(
  { file, providers, retired, forgotten }: Pick<Config, "file" | "providers" | "retired" | "forgotten">,
): Decryptors {
  const holders = [...providers, ...retired].flatMap(({ name, formerly, settings: { kind } }) =>
    [name, ...formerly].map((one) => ({ name: one, kind }))
  );
  return { holders, forgotten, embedded: file === undefined };
}

/**
 * Checks that the state folder is not another configuration's.
 *
 * @throws {KmsError} `config` if it is, or if its state cannot be read.
 */
export async function requireOwnState(config: Config): Promise<void> {
  const foreign = foreignState(await readRingState(config.state), decryptorsOf(config), config.state);
  if (foreign !== undefined) throw foreign;
}
