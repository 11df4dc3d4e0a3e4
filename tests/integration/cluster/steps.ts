/**
 * Random steps for the model of a cluster.
 *
 * @module
 */
import fc from "fast-check";
import type { ModelFault } from "./model_kms.ts";

/** The names of the KMS. Those without an order of versions come last. */
export const kmsNames = ["a", "b", "c", "d", "e"] as const;

/** Number of nodes. */
export const nodeCount = 3;

/** One step. Numbers are indices; that of a KMS counts the configured ones. Waits are in seconds. */
export type Step =
  | { readonly what: "fault"; readonly kms: number; readonly fault: ModelFault | "none" }
  | { readonly what: "rotate"; readonly kms: number }
  | { readonly what: "lag"; readonly node: number; readonly kms: number; readonly lag: number }
  | { readonly what: "wait"; readonly seconds: number }
  | { readonly what: "restart"; readonly node: number }
  /** A new configuration, which a node uses after its next restart. */
  | {
    readonly what: "config";
    readonly members: readonly number[];
    readonly wrap: "all" | "any" | 2;
    readonly retire: boolean;
  }
  | { readonly what: "settle" };

/** A run: its steps, and the seed of the jitter. */
export interface Run {
  readonly seed: number;
  readonly first: readonly number[];
  readonly steps: readonly Step[];
}

const kms = fc.nat(kmsNames.length - 1);
const node = fc.nat(nodeCount - 1);
const members = fc.uniqueArray(kms, { minLength: 1, maxLength: kmsNames.length });
const faults = [
  "hang",
  "wrong",
  "unreachable",
  "throttled",
  "permission_denied",
  "key_unusable",
  "unauthenticated",
] as const;

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      what: fc.constant("fault" as const),
      kms,
      fault: fc.constantFrom("none" as const, ...faults),
    }),
  },
  { weight: 3, arbitrary: fc.record({ what: fc.constant("rotate" as const), kms }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant("lag" as const), node, kms, lag: fc.nat(2) }) },
  {
    weight: 6,
    arbitrary: fc.record({ what: fc.constant("wait" as const), seconds: fc.integer({ min: 5, max: 120 }) }),
  },
  { weight: 3, arbitrary: fc.record({ what: fc.constant("restart" as const), node }) },
  {
    weight: 2,
    arbitrary: fc.record({
      what: fc.constant("config" as const),
      members,
      wrap: fc.constantFrom("all" as const, "any" as const, 2 as const),
      retire: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ what: "settle" as const }) },
);

/** A replica that lags behind a counted rotation: single random steps seldom produce it. */
const fallBack: fc.Arbitrary<readonly Step[]> = fc.tuple(kms, node, fc.integer({ min: 90, max: 180 })).map((
  [kms, node, seconds],
) => [
  { what: "rotate", kms },
  { what: "wait", seconds },
  { what: "lag", node, kms, lag: 1 },
  { what: "wait", seconds },
]);

const part: fc.Arbitrary<readonly Step[]> = fc.oneof(
  { weight: 12, arbitrary: step.map((one) => [one]) },
  { weight: 1, arbitrary: fallBack },
);

/** A generator of runs. */
export const anyRun: fc.Arbitrary<Run> = fc.record({
  seed: fc.nat(),
  first: fc.uniqueArray(kms, { minLength: 2, maxLength: kmsNames.length }),
  steps: fc.array(part, { minLength: 1, maxLength: 7, size: "max" }).map((parts) => parts.flat()),
});

/** A linear congruential generator of numbers from 0 to 1, reproducible by its seed. */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
