/**
 * Whether a node's state is that of another configuration: a command that was started with the wrong one must not give
 * advice about data that it knows nothing of.
 *
 * @module
 */
import { KmsError } from "../../../base/errors.ts";
import { unseenVersion } from "./key_id.ts";
import { wrapSetsOf } from "./memory.ts";
import { type Decryptors, orphanedSets, type WrapMember } from "./wrap_sets.ts";
import type { RingState } from "./state.ts";

/**
 * What is wrong with using a state that another configuration wrote.
 *
 * A state is a configuration's own if the two have a provider in common, by name and kind, or if the configuration says
 * `forgotten` of one. The embedded default has no part in a state with any other provider than its own: a configuration
 * may well call its local key the same.
 *
 * @param where the state folder, for the sentence.
 * @returns `config`, or `undefined` if the state is the configuration's own, or nothing in it needs another one.
 */
export function foreignState(
  state: RingState | undefined,
  decryptors: Decryptors,
  where: string,
): KmsError | undefined {
  const known = providersOf(state);
  const others = known.filter((one) => !isAmong(decryptors.holders, one));
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

/** Every provider that a state names and that was seen, once. */
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
