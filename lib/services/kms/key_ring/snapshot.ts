/**
 * Which version of each provider counts: what was seen, how often in a row, never downwards, and never again what was
 * replaced.
 *
 * @module
 */
import type { KeyState } from "../../../provider/provider.ts";
import { type KeyIdMember, unseenVersion } from "./key_id.ts";

interface Seen {
  readonly kind: string;
  counted: KeyState | undefined;
  /** A version seen once: it counts when the next probe says the same. */
  candidate: KeyState | undefined;
  /** Versions that counted before. Where versions have no order, this is what tells a lagging replica from a rotation. */
  readonly replaced: Set<string>;
  /** How many probes in a row told of an older or a replaced version. */
  behind: number;
}

/**
 * What an observation changed: nothing, a version to confirm by another probe soon, or what counts; `behind` once a
 * provider has told of a version that does not count any more for longer than a replica lags.
 */
export type Observed = "same" | "confirm" | "changed" | "behind";

/** So many probes in a row, some twelve minutes, are no lagging replica any more. */
const maxBehind = 10;

/** The versions that count, by provider. */
export class Snapshot {
  readonly #seen = new Map<string, Seen>();

  /**
   * @param known what a former run of this node counted; it stands in for a provider that cannot be reached.
   * @param past the members of all IDs announced so far, oldest first: none of their versions comes back. A key that its
   *   KMS has really taken back to an old version needs a new name, with the old one under `formerly`.
   */
  constructor(
    providers: readonly { name: string; kind: string }[],
    known: ReadonlyMap<string, { kind: string; state: KeyState }>,
    past: readonly KeyIdMember[] = [],
  ) {
    for (const { name, kind } of providers) {
      const former = known.get(name);
      const counted = former?.kind === kind ? former.state : undefined;
      const versions = past.filter((one) => one.name === name && one.kind === kind).map(({ version }) => version);
      const newest = counted?.version ?? versions.at(-1);
      const replaced = new Set(versions.filter((version) => version !== newest));
      this.#seen.set(name, { kind, counted, candidate: undefined, replaced, behind: 0 });
    }
  }

  /** Takes a probe's answer into account. */
  observe(name: string, state: KeyState): Observed {
    const seen = this.#seen.get(name);
    if (!seen) return "same";
    const { counted, candidate } = seen;
    if (!counted) return this.#count(seen, state);
    if (counted.version === state.version) return this.#keep(seen);
    if (isOlder(state, counted) || seen.replaced.has(state.version)) return this.#fallBehind(seen);
    if (candidate?.version === state.version) return this.#count(seen, state);
    seen.candidate = state;
    return "confirm";
  }

  /** The version that counts, or `undefined` for a provider never seen. */
  counted(name: string): KeyState | undefined {
    return this.#seen.get(name)?.counted;
  }

  /** What the key ID is made of. */
  members(): { name: string; kind: string; version: string }[] {
    return [...this.#seen].map(([name, { kind, counted }]) => ({
      name,
      kind,
      version: counted?.version ?? unseenVersion,
    }));
  }

  /** Whether every provider has been seen once. */
  get complete(): boolean {
    return [...this.#seen.values()].every((seen) => seen.counted !== undefined);
  }

  #count(seen: Seen, state: KeyState): Observed {
    if (seen.counted) seen.replaced.add(seen.counted.version);
    seen.counted = state;
    this.#keep(seen);
    return "changed";
  }

  #fallBehind(seen: Seen): Observed {
    seen.candidate = undefined;
    return ++seen.behind === maxBehind ? "behind" : "same";
  }

  #keep(seen: Seen): Observed {
    seen.candidate = undefined;
    seen.behind = 0;
    return "same";
  }
}

/** A lagging replica may tell of a version that is gone; one that is ordered before what counts is never believed. */
function isOlder(state: KeyState, counted: KeyState): boolean {
  return state.order !== undefined && counted.order !== undefined && state.order < counted.order;
}
