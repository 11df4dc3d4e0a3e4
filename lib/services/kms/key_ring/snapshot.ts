/**
 * The counted version of each provider: the version that goes into the key ID.
 *
 * A new version counts after two probes in a row have returned it. An older version and one that was replaced never count.
 *
 * @module
 */
import type { KeyState } from "../../../provider/provider.ts";
import { type KeyIdMember, unseenVersion } from "./key_id.ts";

interface Seen {
  readonly kind: string;
  counted: KeyState | undefined;
  /** A version seen once. It counts if the next probe returns it too. */
  candidate: KeyState | undefined;
  /** Versions that counted before. For versions without an order, they distinguish a lagging replica from a rotation. */
  readonly replaced: Set<string>;
  /** Number of probes in a row that returned an older or a replaced version. */
  behind: number;
}

/**
 * The effect of a probe. `same`: none. `confirm`: another probe has to confirm a new version. `changed`: another version
 * counts. `behind`: the provider has returned an older or replaced version for longer than a replica lags.
 */
export type Observed = "same" | "confirm" | "changed" | "behind";

/** Probes in a row with an older version, about twelve minutes, after which the cause is not a lagging replica. */
const maxBehind = 10;

/** The counted versions, by provider. */
export class Snapshot {
  readonly #seen = new Map<string, Seen>();

  /**
   * @param known the versions that counted in a former run of this node. They count until the provider has answered.
   * @param past the members of all IDs announced so far, oldest first. None of their versions counts again. If a KMS has
   *   set a key back to an old version, its provider needs a new name, with the old name under `formerly`.
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

  /** Records the version that a probe has returned. */
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

  /** The counted version; `undefined` for a provider that has never answered. */
  counted(name: string): KeyState | undefined {
    return this.#seen.get(name)?.counted;
  }

  /** The members of the key ID: every provider with its counted version. */
  members(): { name: string; kind: string; version: string }[] {
    return [...this.#seen].map(([name, { kind, counted }]) => ({
      name,
      kind,
      version: counted?.version ?? unseenVersion,
    }));
  }

  /** Whether every provider has answered at least once. */
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

/** Whether the versions have an order and `state` comes before `counted`, as the answer of a lagging replica does. */
function isOlder(state: KeyState, counted: KeyState): boolean {
  return state.order !== undefined && counted.order !== undefined && state.order < counted.order;
}
