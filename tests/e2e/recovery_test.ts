/**
 * Recovery of a real cluster, as `docs/recovery.md` describes it: the only KMS is destroyed with its key, and the private
 * key from the safe opens everything, until it was rewritten and needs that key no longer.
 *
 * @module
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { Hpke } from "../../lib/provider/recovery/hpke.ts";
import { privateKeyText, publicKeyText } from "../../lib/provider/recovery/key_text.ts";
import { waitFor } from "../support/processes.ts";
import { Cluster } from "./harness/cluster.ts";
import { ColdSecrets } from "./harness/cold_read.ts";
import { guarded, keyIdIn } from "./harness/encryption.ts";
import { countReadable, writeSecret } from "./harness/load.ts";
import { Node, type Plugin, type PluginConfig } from "./harness/plugin.ts";
import { assertSealed } from "./harness/proof.ts";
import { vaultUnderTest } from "./harness/vault.ts";

const count = 20;

/** Milliseconds within which a restarted API server has to be ready and to have read. */
const patienceMs = 60_000;

/** A cluster, its encryption and all that was written into it. */
class Site {
  readonly written = new Map<string, string>();
  readonly #cold = new ColdSecrets();
  readonly #cluster: Cluster;
  readonly #encryption: string;

  constructor(cluster: Cluster, encryption: string) {
    this.#cluster = cluster;
    this.#encryption = encryption;
  }

  async fill(): Promise<void> {
    await this.#cold.write(this.#cluster.server);
    for (let at = 0; at < count; at++) {
      const [name, value] = [`secret-${at}`, randomBytes(24).toString("hex")];
      assert.equal(await writeSecret(this.#cluster.server, name, value), 201);
      this.written.set(name, value);
    }
    await assertSealed(this.#cluster, "v2");
  }

  /** Restarts the API server, waits until it is ready, and reads every Secret through its empty cache. */
  async assertReadsAll(): Promise<void> {
    await this.#cluster.stopServer();
    const server = await this.#cluster.startServer({ encryption: this.#encryption });
    await this.#cold.read(server, patienceMs);
    await waitFor("a ready API server", () => server.ready(), { timeoutMs: patienceMs });
    assert.equal(await countReadable(server, this.written), count);
  }

  /** Has everything written again, in the way that docs/quorum.md gives. */
  async rewrite(): Promise<void> {
    const { stdout } = await this.#cluster.kubectl(["get", "secrets,configmaps", "--all-namespaces", "-o", "json"]);
    const { code, stderr } = await this.#cluster.kubectl(["replace", "-f", "-"], stdout);
    assert.equal(code, 0, stderr);
  }

  /** The key IDs under which the objects in etcd are sealed. */
  async keyIds(): Promise<string[]> {
    const ids = guarded(await this.#cluster.etcd.entries()).map(keyIdIn);
    return [...new Set(ids)];
  }
}

/** Starts without success. @returns the exit status and the sentence. */
async function refusedStart(node: Node, config: PluginConfig, ...more: string[]) {
  const file = await node.write("refused.yaml", JSON.stringify(node.config(config)));
  return await node.command("serve", "--config", file, ...more);
}

/** The announced key ID, once a data key is wrapped. */
async function keyIdOf(plugin: Plugin): Promise<string> {
  const announced = async () => (await plugin.status().catch(() => undefined))?.key_id;
  return (await waitFor("a key ID", announced, { timeoutMs: 30_000, alive: [plugin.process] })).value;
}

async function page(plugin: Plugin, path: string): Promise<string> {
  return (await plugin.http(path))?.body ?? "";
}

Deno.test("a cluster whose only Vault is destroyed is read, and rewritten, with the recovery key", async () => {
  await using node = await Node.make();
  const { privateKey, publicKey } = await new Hpke().newKeyPair();
  const safe = { name: "safe", kind: "recovery", recipients: [publicKeyText(publicKey)] };
  const local = { name: "local", kind: "local", keyFile: `${node.folder}/local.keys`, create: true };
  const encryption = await node.encryptionConfiguration("v2");
  await using stack = new AsyncDisposableStack();
  const vault = stack.use(await vaultUnderTest());
  const key = await vault.key(node);

  const first = await node.start({ providers: [key.provider, safe] });
  const lostId = await keyIdOf(first);
  const cluster = stack.use(await Cluster.start({ encryption }));
  const site = new Site(cluster, encryption);
  await site.fill();
  assert.deepEqual(await site.keyIds(), [lostId]);

  await cluster.stopServer();
  await first[Symbol.asyncDispose]();
  await key.disable();
  await vault.leave();

  // The Vault is gone for good. A new provider, and the recovery provider as it was.
  const config: PluginConfig = { providers: [local, safe] };
  const refused = await refusedStart(node, config);
  assert.equal(refused.code, 78, refused.stderr);
  assert.match(refused.stderr, /"vault" \(vault-transit\)/);
  assert.match(refused.stderr, /--recovery-key/);

  const other = await node.write("other.key", privateKeyText((await new Hpke().newKeyPair()).privateKey));
  const stranger = await refusedStart(node, config, "--recovery-key", other);
  assert.equal(stranger.code, 78, stranger.stderr);
  assert.match(stranger.stderr, /belongs to none of its recipients/);

  const keyFile = await node.write("recovery.key", `${privateKeyText(privateKey)}\n`);
  const second = await node.start(config, "--recovery-key", keyFile);
  await keyIdOf(second);
  await site.assertReadsAll();
  assert.match(await page(second, "/readyz"), /^recovery key: A recovery key is loaded: .*can forge it\./m);
  assert.match(await page(second, "/metrics"), /^trousseau_recovery_key_loaded 1$/m);
  await site.rewrite();
  const newId = await keyIdOf(second);
  assert.notEqual(newId, lostId);
  assert.deepEqual(await site.keyIds(), [newId]);
  await cluster.stopServer();
  await second[Symbol.asyncDispose]();

  // The paper is back in the safe.
  await Deno.remove(keyFile);
  const third = stack.use(await node.start({ ...config, forgotten: ["vault"] }));
  assert.equal(await keyIdOf(third), newId);
  await site.assertReadsAll();
  assert.match(await page(third, "/metrics"), /^trousseau_recovery_key_loaded 0$/m);
  assert.doesNotMatch(await page(third, "/readyz"), /recovery key:/);
});
