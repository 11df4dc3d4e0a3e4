/**
 * Detects that the state of a node belongs to another configuration. A command that was started with the wrong
 * configuration must not advise to give up data of the right one.
 *
 * @module
 */
import { KmsError } from "../../../base/errors.ts";
import { unseenVersion } from "./key_id.ts";
import { wrapSetsOf } from "./memory.ts";
import { type Decryptors, orphanedSets, type WrapMember } from "./wrap_sets.ts";
import type { RingState } from "./state.ts";

/**
 * The error for a state that another configuration wrote.
 *
 * A state belongs to a configuration if they have a provider in common, by name and kind, or if the configuration lists a
 * provider of the state under `forgotten`. With the embedded default, all providers of the state must be those of the
 * default: a configuration file can give its local key the same name.
 *
 * @param where the state folder, for the message.
 * @returns an error with the code `config`; `undefined` if the state belongs to the configuration, or if the configuration
 *   can open all data that the state records.
 */
export function foreignState(
  state: RingState | undefined,
  decryptors: Decryptors,
  where: string,
): KmsError | undefined {
  const known = providersOf(state);
  const configured = [...decryptors.holders, ...decryptors.wrapOnly ?? []];
  const others = known.filter((one) => !isAmong(configured, one));
  const isOwn = decryptors.embedded
    ? others.length === 0
    : others.length < known.length || known.some(({ name }) => decryptors.forgotten.includes(name));
  if (isOwn || (!decryptors.embedded && orphanedSets(wrapSetsOf(state), decryptors).length === 0)) return undefined;
  const named = others.map(({ name, kind }) => `"${name}" (${kind})`).join(", ");
  const wayOut = decryptors.embedded
    ? "name the file of that configuration with --config"
    : "name that configuration with --config, give this one a state folder of its own, or list those providers under " +
      "retired: if it takes the other's place";
  return new KmsError(
    "config",
    `The state of this node in ${where} is another configuration's, with ${named}: data that was sealed under it cannot ` +
      `be opened with this configuration; ${wayOut}.`,
  );
}

/** The providers in a state without those that were never seen, each once. */
function providersOf(state: RingState | undefined): readonly WrapMember[] {
  if (state === undefined) return [];
  const members = state.history.flatMap(({ members }) => members).filter(({ version }) => version !== unseenVersion);
  return [...state.providers, ...members, ...(state.sealedBy ?? []).flat()].reduce<readonly WrapMember[]>(
    (found, one) => isAmong(found, one) ? found : [...found, one],
    [],
  );
}

function isAmong(holders: readonly WrapMember[], { name, kind }: WrapMember): boolean {
  return holders.some((one) => one.name === name && one.kind === kind);
}
