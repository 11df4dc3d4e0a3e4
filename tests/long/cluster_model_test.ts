/**
 * The model of a cluster, with as many random histories as `deno task test` has no time for.
 *
 * @module
 */
import fc from "fast-check";
import { runCluster } from "../integration/cluster/cluster.ts";
import { anyRun } from "../integration/cluster/steps.ts";

/** TROUSSEAU_MODEL_RUNS asks for more. A failure prints its seed and its path. */
const runs = Number(Deno.env.get("TROUSSEAU_MODEL_RUNS") ?? 2000);

Deno.test(`three nodes over five KMS keep every promise in ${runs} random histories`, async () => {
  await fc.assert(fc.asyncProperty(anyRun, (run) => runCluster(run)), { numRuns: runs });
});
