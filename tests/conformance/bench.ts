/**
 * The parts that a vendor supplies for the conformance suite of its provider.
 *
 * @module
 */
import type { Provider } from "../../lib/provider/provider.ts";
import type { ProviderKind } from "../../lib/provider/registry.ts";

/**
 * The result of a bench that passes: one row of the support matrix in `docs/compatibility.md`.
 *
 * A new vendor puts this on its bench, and `deno task matrix` (`deno task matrix engines` where a server in
 * `tests/e2e` is behind it) adds the row. Every method of its `auth` needs one: the whole suite with one of them, and
 * `loginConformance` with the others.
 */
export interface Proves {
  readonly kind: ProviderKind;
  /** The server: the product and its version, such as `Vault 1.21`, or `double` for one of our doubles. */
  readonly engine: string;
  /** `auth.method` of the config; left out where there is no login. */
  readonly auth?: string;
  /** The kind of the KEK, in the vendor's words. */
  readonly key: string;
}

/** Why a vendor cannot be brought into a state. It is printed in the name of the test that is left out for it. */
export interface Cannot {
  readonly cannot: string;
}

/** Brings the world into a state. */
export type Change<World> = (world: World) => Promise<void>;

/** One way of failing; disposing what `on` gives ends it. */
export interface FaultVariant<World> {
  /** A few words for the name of the test, such as `503 sealed`. */
  readonly what: string;
  readonly on: (world: World) => Promise<AsyncDisposable>;
}

/** One way of failing or several, each of which gets a test of its own, or why there is none. */
export type FaultSwitch<World> = readonly FaultVariant<World>[] | Cannot;

/** The faults that every vendor is asked for. */
export type FaultName =
  | "refused login"
  | "withdrawn right"
  | "throttling"
  | "5xx"
  | "hang"
  | "half an answer"
  | "garbage answer";

/** A vendor's KMS, real or double, and the levers on it. Every test gets a world of its own. */
export interface ConformanceBench<World extends AsyncDisposable> {
  readonly proves: Proves;
  /** Set where the row is not kept: why. */
  readonly recorded?: Cannot;
  /** A KMS with one usable key. What every test shares, such as a server, is started around the suite. */
  readonly start: () => Promise<World>;
  /** Opens a bare provider, without decorators, on that key. */
  readonly open: (world: World) => Promise<Provider>;
  /** Adds a version, which is to wrap from now on. */
  readonly rotate: Change<World> | Cannot;
  /** Makes the version that has wrapped so far unusable, without deleting it. */
  readonly disable: Change<World> | Cannot;
  /** Deletes the key with all its versions. */
  readonly remove: Change<World> | Cannot;
  /** Makes a key of the same name after {@linkcode ConformanceBench.remove}. */
  readonly recreate: Change<World> | Cannot;
  readonly faults: { readonly [Name in FaultName]: FaultSwitch<World> };
  /** Set where a library leaves timers behind that hold nothing back and end by themselves: which, and for how long. */
  readonly leavesTimers?: string;
  /** Set where an unwrap makes no call that a fault could reach: why. Faults are then tried on probe and wrap. */
  readonly unwrapsFromMemory?: string;
}

/** Whether a vendor has said that it cannot. */
export function isCannot(capability: object): capability is Cannot {
  return "cannot" in capability;
}
