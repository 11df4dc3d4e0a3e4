/**
 * Whether a node's state is that of another configuration: a command that was started with the wrong one must not give
 * advice about data that it knows nothing of.
 *
 * @module
 */
import { KmsError } from "../../../base/errors.ts";
import { unseenVersion } from "./key_id.ts";
import { sealedByOf } from "./memory.ts";
import { lostOpeners, type Opener, type Readers } from "./wrap_sets.ts";
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
export function foreignState(state: RingState | undefined, readers: Readers, where: string): KmsError | undefined {
  const known = providersOf(state);
  const others = known.filter((one) => !isAmong(readers.openers, one));
  const isOwn = readers.embedded
    ? others.length === 0
    : others.length < known.length || known.some(({ name }) => readers.forgotten.includes(name));
  if (isOwn || (!readers.embedded && lostOpeners(sealedByOf(state), readers).length === 0)) return undefined;
  const named = others.map(({ name, kind }) => `"${name}" (${kind})`).join(", ");
  const wayOut = readers.embedded
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
function providersOf(state: RingState | undefined): readonly Opener[] {
  if (state === undefined) return [];
  const members = state.history.flatMap(({ members }) => members).filter(({ version }) => version !== unseenVersion);
  return [...state.providers, ...members, ...(state.sealedBy ?? []).flat()].reduce<readonly Opener[]>(
    (found, one) => isAmong(found, one) ? found : [...found, one],
    [],
  );
}

function isAmong(openers: readonly Opener[], { name, kind }: Opener): boolean {
  return openers.some((one) => one.name === name && one.kind === kind);
}
