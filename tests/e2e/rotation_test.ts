/**
 * A rotation in Vault, as etcd and the API server see it. How soon it shows by default is measured in `long/`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { pause, waitFor } from "../support/processes.ts";
import { Cluster } from "./harness/cluster.ts";
import { guarded, keyIdIn } from "./harness/encryption.ts";
import { printFigure, seconds } from "./harness/figures.ts";
import { readSecret, writeSecret } from "./harness/load.ts";
import { Node, type Plugin } from "./harness/plugin.ts";
import { vaultUnderTest } from "./harness/vault.ts";

Deno.test("a rotation in Vault: one new key ID, old objects readable, stale ones sealed anew when rewritten", async () => {
  await using vault = await vaultUnderTest();
  await using node = await Node.make();
  const key = await vault.key(node);
  await using plugin = await node.start({ providers: [key.provider], probe: { interval: "5s" } });
  const encryption = await node.encryptionConfiguration("v2");
  await using cluster = await Cluster.start({ encryption });
  for (const name of ["kept", "rewritten"]) assert.equal(await writeSecret(cluster.server, name, name), 201);
  const { key_id: before } = await plugin.status();
  assert.equal(await keyIdOf(cluster, "kept"), before);

  await key.rotate();
  const { after, ms } = await nextKeyId(plugin, before);
  printFigure("rotation in Vault, probed every 5 s", `new key ID after ${seconds(ms)}`);
  let number = 0;
  await waitFor("an object under the new key ID", async () => {
    await cluster.server.ready();
    assert.equal(await writeSecret(cluster.server, `new-${++number}`, "new"), 201);
    return await keyIdOf(cluster, `new-${number}`) === after;
  }, { timeoutMs: 120_000, everyMs: 2000 });

  const annotated = await cluster.kubectl(["annotate", "secret", "rewritten", "e2e=again"]);
  assert.equal(annotated.code, 0, annotated.stderr);
  assert.equal(await keyIdOf(cluster, "rewritten"), after);
  assert.equal(await keyIdOf(cluster, "kept"), before);

  await cluster.stopServer();
  await cluster.startServer({ encryption });
  for (const name of ["kept", "rewritten"]) assert.equal(await readSecret(cluster.server, name), name);
  assert.equal((await plugin.status()).key_id, after);
});

/** Follows Status as the API server does: seldom enough to leave pauses in which an ID can be announced. */
async function nextKeyId(plugin: Plugin, before: string): Promise<{ after: string; ms: number }> {
  const { value: after, ms } = await waitFor("a new key ID", async () => {
    const { key_id } = await plugin.status();
    return key_id === before ? undefined : key_id;
  }, { timeoutMs: 180_000, everyMs: 5000 });
  for (let looks = 0; looks < 4; looks++) {
    await pause(5000);
    assert.equal((await plugin.status()).key_id, after, "the key ID changed more than once");
  }
  return { after, ms };
}

async function keyIdOf(cluster: Cluster, name: string): Promise<string> {
  const entry = guarded(await cluster.etcd.entries()).find(({ key }) => key.endsWith(`/default/${name}`));
  assert.ok(entry, `${name} is not in etcd`);
  return keyIdIn(entry);
}
