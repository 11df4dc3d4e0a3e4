/**
 * What a configuration would do to this node's key ID.
 *
 * @module
 */
import type { Config } from "../../config/config.ts";
import { forgottenVersions } from "../../services/kms/key_ring/forgotten.ts";
import { type KeyIdMember, keyIdOf, unseenVersion } from "../../services/kms/key_ring/key_id.ts";
import type { Decryptors } from "../../services/kms/key_ring/wrap_sets.ts";
import { hasHolder } from "../../services/kms/key_ring/sealed_versions.ts";
import type { AnnouncedId, RingState } from "../../services/kms/key_ring/state.ts";
import type { KeyState } from "../../provider/provider.ts";

/**
 * `first`: this node has announced none. `same`: nothing changes. `new`: kube-apiserver will make a new seed. `unseen`: a
 * provider's version is not known yet, so neither is the ID. `returns`: the ID was announced before and then replaced.
 */
export type KeyVerdict = "first" | "same" | "new" | "unseen" | "returns";

/** What would come. */
export interface KeyPlan {
  readonly verdict: KeyVerdict;
  readonly announced: AnnouncedId | undefined;
  /** The ID that follows, `undefined` while a version is not known. */
  readonly next: string | undefined;
  readonly members: readonly KeyIdMember[];
  /** A `keyEpoch` under which no ID of the history can come back; the same one belongs on every node. */
  readonly freshEpoch: number;
}

/**
 * Compares the ID that a configuration leads to with those of the node's history. A key ID must never come back: old
 * objects would look fresh, and KEP-3299 forbids it.
 *
 * @param live versions that providers have just told of; those that the node remembers stand in for the others.
 */
export function planKeyId(
  config: Pick<Config, "keyEpoch" | "providers">,
  state: RingState | undefined,
  live: ReadonlyMap<string, KeyState> = new Map(),
): KeyPlan {
  const history = state?.history ?? [];
  const announced = history.at(-1);
  const members = config.providers.map(({ name, formerly, settings: { kind } }) => {
    const known = state?.providers.find((former) => former.kind === kind && [name, ...formerly].includes(former.name));
    const told = live.get(name);
    const key = told === undefined ? known?.state : countedKey({ name, kind }, state, told);
    return { name, kind, version: key?.version ?? unseenVersion };
  });
  const freshEpoch = Math.max(config.keyEpoch, ...history.map(({ keyEpoch }) => keyEpoch)) + 1;
  if (members.some(({ version }) => version === unseenVersion)) {
    return { verdict: announced ? "unseen" : "first", announced, next: undefined, members, freshEpoch };
  }
  const next = keyIdOf(config.keyEpoch, members);
  return { verdict: verdictOn(next, history), announced, next, members, freshEpoch };
}

/**
 * The key that counts once a provider has told of one: the key ring never goes back to an older version, nor to one that
 * was replaced. Under a new name it takes the first version that it sees.
 */
export function countedKey(
  { name, kind }: { readonly name: string; readonly kind: string },
  state: RingState | undefined,
  live: KeyState,
): KeyState {
  const isOurs = (one: { readonly name: string; readonly kind: string }) => one.name === name && one.kind === kind;
  const known = state?.providers.find(isOurs)?.state;
  if (known === undefined) return live;
  const isOlder = known.order !== undefined && live.order !== undefined && live.order < known.order;
  const isReplaced = known.version !== live.version &&
    (state?.history ?? []).some(({ members }) => members.some((one) => isOurs(one) && one.version === live.version));
  return isOlder || isReplaced ? known : live;
}

function verdictOn(next: string, history: readonly AnnouncedId[]): KeyVerdict {
  const announced = history.at(-1);
  if (announced === undefined) return "first";
  if (announced.id === next) return "same";
  return history.some(({ id }) => id === next) ? "returns" : "new";
}

/**
 * How what was sealed under the announced key ID is: `opens` as far as is known, `refused`, or `given_up`: `forgotten` says
 * so of each provider or version that could open it.
 */
export type OldData = "opens" | "refused" | "given_up";

/** Whether what was sealed under the announced key ID is given up. */
export function isGivenUp({ announced }: KeyPlan, { holders, forgotten }: Decryptors): boolean {
  const wrapped = (announced?.members ?? []).filter(({ version }) => version !== unseenVersion)
    .map(({ name: provider, kind, version }) => ({ provider, kind, version }));
  const { forgets } = forgottenVersions(forgotten, wrapped);
  return wrapped.length > 0 && wrapped.every((one) => forgets(one) || !hasHolder(one, holders));
}

/** One sentence for eyes. */
export function planSentence(
  { verdict, announced, next, members, freshEpoch }: KeyPlan,
  old: OldData = "opens",
): string {
  const from = announced?.id ?? "";
  const unseen = members.filter(({ version }) => version === unseenVersion).map(({ name }) => `"${name}"`).join(", ");
  switch (verdict) {
    case "first":
      return next === undefined
        ? `This node has announced no key ID yet; the first one needs the version of ${unseen}.`
        : `This node has announced no key ID yet; the first one will be ${next}.`;
    case "same":
      return `The key ID stays ${from}.`;
    case "new":
      return `The key ID ${old === "refused" ? "would" : "will"} change from ${from} to ${next}${consequence[old]}`;
    case "unseen":
      return `The key ID will change from ${from} once the version of ${unseen} is known.`;
    case "returns":
      return `The key ID would go back from ${from} to ${next}, which this node has announced before; set ` +
        `keyEpoch: ${freshEpoch} on every node.`;
  }
}

const consequence = {
  opens: ": kube-apiserver makes a new seed, and objects are rewritten at their next update.",
  refused:
    ", and what cannot be opened cannot be rewritten under it: do not start with this configuration before that " +
    "is mended or accepted.",
  given_up: ": kube-apiserver makes a new seed, and what is left under the old one, which forgotten gives up, can be " +
    "neither read nor rewritten.",
} as const satisfies Record<OldData, string>;
