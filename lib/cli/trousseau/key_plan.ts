/**
 * Predicts the effect of a configuration on this node's key ID.
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
 * `first`: this node has not announced a key ID. `same`: nothing changes. `new`: kube-apiserver will create a new seed.
 * `unseen`: the version of a provider is not known yet, and therefore the ID is not. `returns`: the ID was announced
 * and replaced before.
 */
export type KeyVerdict = "first" | "same" | "new" | "unseen" | "returns";

/** The prediction. */
export interface KeyPlan {
  readonly verdict: KeyVerdict;
  /** The key ID that this node announced last; `undefined` if none. */
  readonly announced: AnnouncedId | undefined;
  /** The next ID; `undefined` while a version is not known. */
  readonly next: string | undefined;
  /** The versions from which the next ID is derived. */
  readonly members: readonly KeyIdMember[];
  /** A `keyEpoch` with which no ID of the history can be announced again; it must be the same on all nodes. */
  readonly freshEpoch: number;
}

/**
 * Compares the ID that follows from a configuration with those of the node's history. A key ID must never be announced
 * again: objects with it would look fresh (KEP-3299).
 *
 * @param live versions from providers at present; for the others, those in the node's state are used.
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
    const current = live.get(name);
    const key = current === undefined ? known?.state : countedKey({ name, kind }, state, current);
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
 * The version that counts after a provider has reported one: the key ring never returns to an older or replaced
 * version. Under a new name it uses the first version that is reported.
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
 * The state of data that was sealed under the announced key ID: `opens`: it can be decrypted as far as is known.
 * `refused`. `given_up`: `forgotten` lists each provider or version that could decrypt it.
 */
export type OldData = "opens" | "refused" | "given_up";

/** Whether the data that was sealed under the announced key ID is given up. */
export function isGivenUp({ announced }: KeyPlan, { holders, forgotten }: Decryptors): boolean {
  const wrapped = (announced?.members ?? []).filter(({ version }) => version !== unseenVersion)
    .map(({ name: provider, kind, version }) => ({ provider, kind, version }));
  const { forgets } = forgottenVersions(forgotten, wrapped);
  return wrapped.length > 0 && wrapped.every((one) => forgets(one) || !hasHolder(one, holders));
}

/** The prediction as one sentence. */
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
