import fc from "fast-check";
import { anyRun, runCluster } from "./cluster/cluster.ts";

Deno.test("a cluster of three nodes over five KMS keeps its promises through outages, restarts, rotations, new configurations and lagging reads", async () => {
  await fc.assert(fc.asyncProperty(anyRun, (run) => runCluster(run)), { numRuns: 3000 });
});
