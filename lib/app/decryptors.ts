/**
 * The providers that can open sealed data of a node, by the configuration.
 *
 * @module
 */
import type { Config } from "../config/config.ts";
import { foreignState } from "../services/kms/key_ring/foreign_state.ts";
import { type Decryptors, decryptorsAmong } from "../services/kms/key_ring/wrap_sets.ts";
import { readRingState } from "../services/kms/key_ring/state.ts";
import { canUnwrap, type ProviderSettings } from "../provider/registry.ts";

/**
 * The decryptors of a configuration: every provider, retired ones too, under each of its names.
 *
 * @param opens whether a provider with the given settings can unwrap.
 */
export function decryptorsOf(
  { file, providers, retired, forgotten }: Pick<Config, "file" | "providers" | "retired" | "forgotten">,
  opens: (settings: ProviderSettings) => boolean = canUnwrap,
): Decryptors {
  const members = [...providers, ...retired].map(({ name, formerly, settings }) => {
    return { name, kind: settings.kind, formerly, canUnwrap: opens(settings) };
  });
  return { ...decryptorsAmong(members, forgotten), embedded: file === undefined };
}

/**
 * Checks that the state folder does not belong to another configuration.
 *
 * @throws {KmsError} `config` if it is, or if its state cannot be read.
 */
export async function requireOwnState(config: Config): Promise<void> {
  const foreign = foreignState(await readRingState(config.state), decryptorsOf(config), config.state);
  if (foreign !== undefined) throw foreign;
}
