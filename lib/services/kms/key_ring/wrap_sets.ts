/**
 * The sets of providers that have wrapped a data key together. They show at the start whether the configuration still has
 * a provider that can open each data key of this node.
 *
 * Any one of its wraps opens a data key. A set that contains another set is dropped: a provider that opens the data keys
 * of the smaller set opens those of the larger one too. The list is therefore short.
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

/** Whether `set` contains one of the known sets, so that it need not be stored. */
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

/** The configured providers that can open data of a node. */
export interface Decryptors {
  /** Every name under which a wrap can be unwrapped: of providers and retired providers, with their former names. */
  readonly holders: WrapSet;
  /** Every name of configured providers that only wrap; none if left out. */
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
 * @returns for each such set, its members that can unwrap and are not forgotten.
 */
export function orphanedSets(known: readonly WrapSet[], decryptors: Decryptors): readonly WrapSet[] {
  return lostSets(known, decryptors).map(({ missing }) => missing);
}

function lostSets(known: readonly WrapSet[], { holders, wrapOnly = [], forgotten }: Decryptors) {
  const lost = known.filter((set) => !set.some((one) => contains(holders, [one])));
  return lost.map((set) => ({
    missing: set.filter((one) => !forgotten.includes(one.name) && !contains(wrapOnly, [one])),
    recovery: set.filter((one) => one.kind === "recovery" && contains(wrapOnly, [one])),
  })).filter(({ missing }) => missing.length > 0);
}

/**
 * The advice how to keep or give up the data of {@linkcode orphanedSets}: one sentence for each set, `""` if there is
 * none. It names the recovery providers that are configured and wrapped the data too.
 */
export function orphanedSentence(known: readonly WrapSet[], decryptors: Decryptors): string {
  return lostSets(known, decryptors).map(({ missing: set, recovery }) => {
    const named = set.map(({ name, kind }) => `"${name}" (${kind})`);
    const one = named.length === 1;
    const withKey = recovery.length === 0
      ? ""
      : `give a private key of ${recovery.map(({ name }) => `"${name}"`).join(" or ")} with --recovery-key, `;
    return `This node has sealed data that only ${one ? "provider" : "one of the providers"} ${named.join(", ")} can ` +
      `open, and ${one ? "it is not" : "none of them is"} configured any more: list ${
        one ? "it" : "one of them"
      } under ` +
      `retired:, ${withKey}or, if nothing is left in etcd that was sealed then, write forgotten: ` +
      `[${set.map(({ name }) => name).join(", ")}].`;
  }).join(" ");
}

/** @throws {KmsError} `config` with {@linkcode orphanedSentence} if a set is orphaned. */
export function requireDecryptors(known: readonly WrapSet[], decryptors: Decryptors): void {
  const sentence = orphanedSentence(known, decryptors);
  if (sentence !== "") throw new KmsError("config", sentence);
}

function contains(outer: WrapSet, inner: WrapSet): boolean {
  return inner.every(({ name, kind }) => outer.some((one) => one.name === name && one.kind === kind));
}
