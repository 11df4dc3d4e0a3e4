/**
 * Which providers can open what a node has sealed. This is checked before a provider is taken out of the configuration.
 *
 * Any one of its wraps opens a data key, so that the sets of providers that wrapped together are kept. A set that contains
 * another one is dropped: a provider that opens the smaller set opens the larger one too. The list is therefore short.
 *
 * @module
 */
import { KmsError } from "../../../base/errors.ts";
import { type KeyIdMember, unseenVersion } from "./key_id.ts";

/** A provider that wrapped, by its name at that time and its kind. */
export interface WrapMember {
  readonly name: string;
  readonly kind: string;
}

/** The providers that wrapped one data key. */
export type WrapSet = readonly WrapMember[];

/** Whether `set` contains one of the known sets, and so adds nothing to them. */
export function isKnown(known: readonly WrapSet[], set: WrapSet): boolean {
  return known.some((one) => contains(set, one));
}

/** The known sets and `set`, without those that contain it. */
export function withWrapSet(known: readonly WrapSet[], set: WrapSet): readonly WrapSet[] {
  if (isKnown(known, set)) return known;
  const added = set.map(({ name, kind }) => ({ name, kind }));
  return [...known.filter((one) => !contains(one, added)), added];
}

/**
 * The sets of a state file written before `sealedBy` existed: at least one of the providers seen by the time of an
 * announced key ID wrapped the data key.
 */
export function wrapSetsOfHistory(
  history: readonly { readonly members: readonly KeyIdMember[] }[],
): readonly WrapSet[] {
  const sets = history.map(({ members }) => members.filter(({ version }) => version !== unseenVersion));
  return sets.filter((set) => set.length > 0).reduce<readonly WrapSet[]>(withWrapSet, []);
}

/** The configured providers that can open what a node has sealed. */
export interface Decryptors {
  /** Every name under which a wrap can be unwrapped: of providers and retired ones, former names too. */
  readonly holders: WrapSet;
  /** Every name of configured providers that only wrap: they open nothing; none if left out. */
  readonly wrapOnly?: WrapSet;
  /** Entries of `forgotten`: providers and versions whose wraps the operator has given up. */
  readonly forgotten: readonly string[];
  /** Whether the embedded default is used because there is no configuration; `false` if left out. */
  readonly embedded?: boolean;
}

/** A configured provider: its names and whether it can unwrap. */
export interface ConfiguredMember extends WrapMember {
  readonly formerly: readonly string[];
  readonly canUnwrap: boolean;
}

/** The decryptors of a configuration: every provider under each of its names. */
export function decryptorsAmong(members: readonly ConfiguredMember[], forgotten: readonly string[]): Decryptors {
  const namesOf = (canUnwrap: boolean): WrapSet =>
    members.filter((one) => one.canUnwrap === canUnwrap).flatMap(({ name, formerly, kind }) =>
      [name, ...formerly].map((one) => ({ name: one, kind }))
    );
  return { holders: namesOf(true), wrapOnly: namesOf(false), forgotten };
}

/**
 * The sets without a configured provider that can unwrap. A set is given up only if all its providers that can unwrap are
 * forgotten: the others may still be needed.
 *
 * @returns of each such set, the members that could open it and are not forgotten.
 */
export function orphanedSets(
  known: readonly WrapSet[],
  { holders, wrapOnly = [], forgotten }: Decryptors,
): readonly WrapSet[] {
  const lost = known.filter((set) => !set.some((one) => contains(holders, [one])));
  return lost.map((set) => set.filter((one) => !forgotten.includes(one.name) && !contains(wrapOnly, [one])))
    .filter((set) => set.length > 0);
}

/** How to keep the data of orphaned sets, or give it up: one sentence for each set. */
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

/** @throws {KmsError} `config` with {@linkcode orphanedSentence} if a set is orphaned. */
export function requireDecryptors(known: readonly WrapSet[], decryptors: Decryptors): void {
  const lost = orphanedSets(known, decryptors);
  if (lost.length > 0) throw new KmsError("config", orphanedSentence(lost));
}

function contains(outer: WrapSet, inner: WrapSet): boolean {
  return inner.every(({ name, kind }) => outer.some((one) => one.name === name && one.kind === kind));
}
