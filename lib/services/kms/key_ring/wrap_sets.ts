/**
 * Who can open what a node has sealed: what must be known before a provider is taken out of the configuration.
 *
 * A data key opens by any one of its wraps, so what matters is which providers wrapped it together. A set that holds
 * another one adds nothing: whoever can open the smaller can open the larger. What is kept is therefore short.
 *
 * @module
 */
import { KmsError } from "../../../base/errors.ts";
import { unseenVersion } from "./key_id.ts";
import type { AnnouncedId } from "./state.ts";

/** A provider by what stays of it: its name when it wrapped, and its kind. */
export interface WrapMember {
  readonly name: string;
  readonly kind: string;
}

/** The providers that wrapped one data key. */
export type WrapSet = readonly WrapMember[];

/** Whether the known sets already say that some provider of `holders` has to stay. */
export function isKnown(known: readonly WrapSet[], holders: WrapSet): boolean {
  return known.some((one) => contains(holders, one));
}

/** The sets with one more; those that hold it are dropped. */
export function withWrapSet(known: readonly WrapSet[], holders: WrapSet): readonly WrapSet[] {
  if (isKnown(known, holders)) return known;
  const added = holders.map(({ name, kind }) => ({ name, kind }));
  return [...known.filter((one) => !contains(one, added)), added];
}

/**
 * What can be said of a node whose state has IDs and no sets: every provider that was seen by then may have been the
 * only one that did not wrap, so all that is certain is that one of them did.
 */
export function wrapSetsOfHistory(history: readonly Pick<AnnouncedId, "members">[]): readonly WrapSet[] {
  const sets = history.map(({ members }) => members.filter(({ version }) => version !== unseenVersion));
  return sets.filter((set) => set.length > 0).reduce<readonly WrapSet[]>(withWrapSet, []);
}

/** What the configuration says of them. */
export interface Decryptors {
  /** Every name under which a wrap can be opened: of providers and retired ones, former names too. */
  readonly holders: WrapSet;
  /** Names of which the operator says that nothing is left that they wrapped. */
  readonly forgotten: readonly string[];
  /** Whether there is no configuration, and the embedded default stands in for it; not so if left out. */
  readonly embedded?: boolean;
}

/**
 * The sets of which nobody is left. All of a set must be forgotten before it may be lost: that one of several was is no
 * reason to lose what the others still open.
 *
 * @returns the members of each such set that are not forgotten.
 */
export function orphanedSets(known: readonly WrapSet[], { holders, forgotten }: Decryptors): readonly WrapSet[] {
  const lost = known.filter((set) => !set.some((one) => contains(holders, [one])));
  return lost.map((set) => set.filter(({ name }) => !forgotten.includes(name))).filter((set) => set.length > 0);
}

/** What to do about it, one sentence for each set. */
export function orphanedSentence(lost: readonly WrapSet[]): string {
  return lost.map((set) => {
    const named = set.map(({ name, kind }) => `"${name}" (${kind})`);
    const one = named.length === 1;
    return `This node has sealed data that only ${one ? "provider" : "one of the providers"} ${named.join(", ")} can ` +
      `open, and ${one ? "it is not" : "none of them is"} configured any more: list ${
        one ? "it" : "one of them"
      } under ` +
      "retired:, or, if nothing is left in etcd that was sealed then, write forgotten: " +
      `[${set.map(({ name }) => name).join(", ")}].`;
  }).join(" ");
}

/** @throws {KmsError} `config` with {@linkcode orphanedSentence} if a set has nobody left. */
export function requireDecryptors(known: readonly WrapSet[], decryptors: Decryptors): void {
  const lost = orphanedSets(known, decryptors);
  if (lost.length > 0) throw new KmsError("config", orphanedSentence(lost));
}

function contains(outer: WrapSet, inner: WrapSet): boolean {
  return inner.every(({ name, kind }) => outer.some((one) => one.name === name && one.kind === kind));
}
