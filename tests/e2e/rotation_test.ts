/**
 * A rotation in Vault, as etcd and the API server see it. How soon it shows by default is measured in `long/`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { pause, waitFor } from "../support/processes.ts";
import { Cluster } from "./harness/cluster.ts";
import { guarded, keyIdIn } from "./harness/encryption.ts";
import { printFigure, seconds } from "./harness/figures.ts";
import { readSecret, writeSecret } from "./harness/load.ts";
import { Node, type Plugin } from "./harness/plugin.ts";
import { vaultUnderTest } from "./harness/vault.ts";

Deno.test("a rotation in Vault: one new key ID, old objects stay readable, and rewritten ones are sealed with the new version", async () => {
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

Deno.test("a rewrite changes nothing before the API server has called Encrypt under the new key ID, which status shows", async () => {
  await using vault = await vaultUnderTest();
  await using node = await Node.make();
  const key = await vault.key(node);
  const config = { providers: [key.provider], probe: { interval: "5s" } };
  await using first = await node.start(config);
  const encryption = await node.encryptionConfiguration("v2");
  await using cluster = await Cluster.start({ encryption });
  const statusText = async (plugin: Plugin) => (await node.command("status", "--config", plugin.config)).stdout;
  assert.equal(await writeSecret(cluster.server, "stored", "value"), 201);
  const { before, after } = await announcedUnseen(first, () => key.rotate(), async () => {
    await rewrite(cluster, "stored");
    return await keyIdOf(cluster, "stored");
  });
  assert.equal(after.keyIdInEtcd, before, "replaced, as kubectl says, and unchanged");
  assert.match(after.text, /^ +announced [\d:]{8}, no Encrypt of an API server under it noted yet \(UTC\)$/m);
  const { keyId, keyIdHash, announcedAt } = after.status;
  assert.equal((await statusTimestamps(cluster)).includes(keyIdHash), false, "the API server does not know it");

  const firstEncrypt = async () => (await document(first)).firstEncryptAt ?? undefined;
  const wait = { timeoutMs: 150_000, everyMs: 500 };
  const { value: firstAt } = await waitFor("the API server's Encrypt", firstEncrypt, wait);
  printFigure(
    "first Encrypt under a new key ID",
    `${seconds(Date.parse(firstAt) - Date.parse(announcedAt))} after it was announced`,
  );
  assert.ok((await statusTimestamps(cluster)).includes(keyIdHash), "its metric shows the hash that /status shows");
  await rewrite(cluster, "stored");
  assert.equal(await keyIdOf(cluster, "stored"), keyId);
  assert.match(await statusText(first), /^ +announced [\d:]{8}, first Encrypt under it [\d:]{8} \(UTC\)$/m);
  // The command with grep in docs/install.md depends on this: each value has its key ID once, as text.
  const entries = guarded(await cluster.etcd.entries());
  const texts = entries.map(({ value }) => Buffer.from(value).toString("latin1").match(/t1-[0-9a-f]{32}/g)?.join());
  assert.deepEqual(texts, entries.map(keyIdIn));

  await first.process.stop();
  await using again = await node.start(config);
  assert.equal((await document(again)).keyIdHash, keyIdHash);
  assert.match(await statusText(again), /first Encrypt under it [\d:]{8} \(UTC\)$/m, "over a restart of the plugin");
  assert.equal(await readSecret(cluster.server, "stored"), "value");

  /**
   * Rotates until an ID is announced that the API server has not asked for while the objects were rewritten: it asks each
   * minute, and no test can tell it when.
   */
  async function announcedUnseen(plugin: Plugin, rotate: () => Promise<void>, look: () => Promise<string>) {
    for (let tries = 0; tries < 4; tries++) {
      const { keyId: before } = await document(plugin);
      await rotate();
      const changed = async () => {
        const found = await document(plugin);
        return found.keyId !== before && found;
      };
      await waitFor("a new key ID", changed, { timeoutMs: 180_000, everyMs: 100 });
      const [keyIdInEtcd, text, status] = [await look(), await statusText(plugin), await document(plugin)];
      if (status.firstEncryptAt === null) return { before, after: { keyIdInEtcd, text, status } };
      await rewrite(cluster, "stored");
    }
    throw new Error("The API server asked for each new key ID within seconds, four times in a row.");
  }
});

/** Rewrites a Secret as an operator does: the output of kubectl is applied unchanged. */
async function rewrite(cluster: Cluster, name: string): Promise<void> {
  const read = await cluster.kubectl(["get", "secret", name, "-o", "json"]);
  assert.equal(read.code, 0, read.stderr);
  const { code, stdout, stderr } = await cluster.kubectl(["replace", "-f", "-"], read.stdout);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /replaced/);
}

/** `/status` of a plugin, which it does not take for a Status of the API server. */
async function document(plugin: Plugin) {
  const page = await plugin.http("/status");
  assert.ok(page);
  return JSON.parse(page.body);
}

/** The API server's own metric for the key IDs that it has learnt from a Status. */
async function statusTimestamps(cluster: Cluster): Promise<string> {
  const { body } = await cluster.server.request("GET", "/metrics");
  const name = "apiserver_envelope_encryption_key_id_hash_status_last_timestamp_seconds";
  return body.split("\n").filter((line) => line.startsWith(name)).join("\n");
}

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
