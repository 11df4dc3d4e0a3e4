/**
 * Whatever starts first: all is green once all is there, and nothing has to be restarted.
 *
 * @module
 */
import assert from "node:assert/strict";
import { waitFor } from "../support/processes.ts";
import { Cluster } from "./harness/cluster.ts";
import { printFigure, seconds } from "./harness/figures.ts";
import { readSecret, writeSecret } from "./harness/load.ts";
import { Node } from "./harness/plugin.ts";
import { assertSealed } from "./harness/proof.ts";
import { setUp } from "./harness/providers.ts";
import { vaultUnderTest } from "./harness/vault.ts";

Deno.test("the API server first, then the plugin: ready without a restart", async () => {
  await using node = await Node.make();
  await using providers = await setUp("local", node);
  const encryption = await node.encryptionConfiguration("v2");
  await using cluster = await Cluster.start({ encryption, until: "live" });
  assert.equal(await cluster.server.ready(), false);
  assert.notEqual(await writeSecret(cluster.server, "early", "early"), 201);
  // As docs/operations.md says: the check fails with its reason, `/readyz` withholds the reason, `/livez` is green.
  const providersCheck = () => cluster.server.request("GET", "/readyz/kms-providers");
  const failed = await providersCheck();
  assert.equal(failed.status, 500, failed.body);
  assert.match(failed.body, /kms-provider-0: .*kms\.sock: connect: no such file or directory/);
  const verbose = await cluster.server.request("GET", "/readyz?verbose");
  assert.match(verbose.body, /^\[-\]kms-providers failed: reason withheld$/m);
  assert.equal((await cluster.server.request("GET", "/livez")).status, 200);

  await using _plugin = await node.start({ providers: providers.entries });
  const { ms } = await waitFor("a ready API server", () => cluster.server.ready(), {
    timeoutMs: 180_000,
    everyMs: 1000,
  });
  printFigure("plugin started after the API server", `ready ${seconds(ms)} after the plugin`);
  assert.equal(await writeSecret(cluster.server, "late", "late"), 201);
  assert.equal(await readSecret(cluster.server, "late"), "late");
  assert.equal((await providersCheck()).status, 200);
  await assertSealed(cluster, "v2");
});

Deno.test("Vault last: plugin and API server wait for it, and are ready without a restart", async () => {
  await using vault = await vaultUnderTest();
  await using node = await Node.make();
  const key = await vault.key(node);
  await key.gate.shut();
  await using plugin = await node.start({ providers: [key.provider] });
  const encryption = await node.encryptionConfiguration("v2");
  await using cluster = await Cluster.start({ encryption, until: "live" });
  await assert.rejects(plugin.status(), "a key ID is announced that no provider stands for");
  assert.equal(await cluster.server.ready(), false);

  await key.gate.open();
  const { ms } = await waitFor("a ready API server", () => cluster.server.ready(), {
    timeoutMs: 180_000,
    everyMs: 1000,
  });
  printFigure("Vault started last", `API server ready ${seconds(ms)} after Vault`);
  assert.equal(await writeSecret(cluster.server, "late", "late"), 201);
  assert.equal(await readSecret(cluster.server, "late"), "late");
  await assertSealed(cluster, "v2");
});
