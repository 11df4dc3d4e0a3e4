/**
 * The control run: with encryption off, the assertions of the other files here must fail.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Cluster } from "./harness/cluster.ts";
import { assertNothingInTheClear, assertSealed } from "./harness/proof.ts";
import { findLeaks } from "./harness/etcd.ts";
import { drawValues, lastingValues, runScript } from "./harness/script.ts";
import { printFigure } from "./harness/figures.ts";

Deno.test("without encryption the checks for encryption fail", async () => {
  await using cluster = await Cluster.start();
  const values = drawValues();
  await runScript(cluster, values, async () => {
    const leaks = findLeaks(await cluster.etcd.entries(), Object.values(values));
    for (const value of lastingValues(values)) {
      assert.ok(leaks.some(({ secret }) => secret === value), "a value that stands in etcd was not found");
    }
    assert.ok(leaks.some(({ form }) => form === "base64"), "base64 that stands in etcd was not found");
    await assert.rejects(assertNothingInTheClear(cluster, values), /in the clear/);
    for (const api of ["v2", "v1beta1"] as const) await assert.rejects(assertSealed(cluster, api), /not sealed/);
    printFigure("control run", `${leaks.length} places in etcd hold a value or its base64`);
  });
});
