/**
 * `kubectl` has the same results for Secrets and ConfigMaps with encryption as without, while etcd contains no plain
 * text.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Cluster } from "./harness/cluster.ts";
import { flagsFor, guarded, isSealed, type KmsApi } from "./harness/encryption.ts";
import { findLeaks } from "./harness/etcd.ts";
import { printFigure, seconds } from "./harness/figures.ts";
import { readSecret, writeSecret } from "./harness/load.ts";
import { Node } from "./harness/plugin.ts";
import { assertNothingInTheClear, assertSealed } from "./harness/proof.ts";
import { type Kms, setUp } from "./harness/providers.ts";
import { drawValues, runScript, type Values, withoutValues } from "./harness/script.ts";

for (const kms of ["local", "vault"] as const) {
  for (const api of ["v2", "v1beta1"] as const) {
    Deno.test(`kubectl reads the same with ${kms} over ${api} as without encryption, and etcd contains no plain text`, async () => {
      const values = drawValues();
      const [sealed, open] = await Promise.all([sealedTranscript(kms, api, values), openTranscript(values)]);
      assert.equal(withoutValues(sealed, values), withoutValues(open, values));
      assert.equal(sealed === open, true, "the transcripts differ in values only");
    });
  }
}

Deno.test("objects written before encryption stay readable, and are sealed after kubectl replace", async () => {
  await using node = await Node.make();
  await using providers = await setUp("local", node);
  await using cluster = await Cluster.start();
  const { password } = drawValues();
  assert.equal(await writeSecret(cluster.server, "before", password), 201);
  await cluster.stopServer();

  await using _plugin = await node.start({ providers: providers.entries });
  await cluster.startServer({ encryption: await node.encryptionConfiguration("v2") });
  assert.equal(await readSecret(cluster.server, "before"), password);
  assert.notEqual(findLeaks(await cluster.etcd.entries(), [password]).length, 0);

  const { stdout } = await cluster.kubectl(["get", "secrets", "-A", "-o", "json"]);
  const replaced = await cluster.kubectl(["replace", "-f", "-"], stdout);
  assert.equal(replaced.code, 0, replaced.stderr);
  assert.deepEqual(findLeaks(await cluster.etcd.entries(), [password]), []);
  const entries = guarded(await cluster.etcd.entries()).filter(({ key }) => key.endsWith("/before"));
  assert.deepEqual(entries.map((entry) => isSealed(entry, "v2")), [true]);
  assert.equal(await readSecret(cluster.server, "before"), password);
});

async function openTranscript(values: Values): Promise<string> {
  await using cluster = await Cluster.start();
  return await runScript(cluster, values, () => Promise.resolve());
}

async function sealedTranscript(kms: Kms, api: KmsApi, values: Values): Promise<string> {
  await using node = await Node.make();
  await using providers = await setUp(kms, node);
  await using _plugin = await node.start({ providers: providers.entries });
  const encryption = await node.encryptionConfiguration(api);
  await using cluster = await Cluster.start({ encryption, flags: flagsFor(api) });
  const transcript = await runScript(cluster, values, async () => {
    const objects = await assertSealed(cluster, api);
    const { keys } = await assertNothingInTheClear(cluster, values);
    printFigure(
      `${kms} over ${api}`,
      `${objects} objects sealed, ${keys} keys scanned, API server ready in ${seconds(cluster.server.startMs)}`,
    );
  });
  await assertNothingInTheClear(cluster, values);
  return transcript;
}
