/**
 * Vault is unavailable for longer than `outage.after`: each policy, on an API server of its own, has its documented effect.
 *
 * @module
 */
import assert from "node:assert/strict";
import { pause, waitFor } from "../../support/processes.ts";
import { Cluster } from "../harness/cluster.ts";
import { printFigure, seconds } from "../harness/figures.ts";
import { countReadable, readSecret, writeSecret } from "../harness/load.ts";
import { Node, type Plugin, type PluginConfig } from "../harness/plugin.ts";
import { type VaultUnderTest, vaultUnderTest } from "../harness/vault.ts";

const afterMs = 60_000;
// A probe every 5 s ± 10 %, its deadline of 5 s, and the retry that confirms.
const noticedMs = 15_000;
const outageMs = 6 * 60_000;
const greenWithinMs = 180_000;

Deno.test("Vault is away for longer than `after`: every policy keeps its promise, and all is green when it is back", async (t) => {
  await using vault = await vaultUnderTest();
  await using stack = new AsyncDisposableStack();
  const sites = {
    keepWriting: await Site.start(vault, stack, "keepWriting"),
    failReady: await Site.start(vault, stack, "failReady"),
    failClosed: await Site.start(vault, stack, "failClosed"),
  };
  for (const site of Object.values(sites)) for (let n = 0; n < 20; n++) assert.equal(await site.write(), 201);

  const how = await vault.leave();
  const left = performance.now();
  printFigure("outage", `${vault.name} ${how} for ${seconds(outageMs)}, after ${seconds(afterMs)}`);
  const during = await Promise.allSettled([
    keepWriting(sites.keepWriting, left),
    failReady(sites.failReady, left),
    failClosed(sites.failClosed, left),
    pause(outageMs),
  ]);
  await vault.comeBack();
  const back = await Promise.allSettled(Object.values(sites).map((site) => site.untilGreen()));

  for (const [index, policy] of Object.keys(sites).entries()) {
    await t.step(`${policy} during the outage`, () => settled(during[index]));
    await t.step(`${policy} after it: all green without a restart`, () => settled(back[index]));
  }
});

async function keepWriting(site: Site, left: number): Promise<void> {
  const { cluster } = site;
  while (performance.now() - left < 2 * afterMs + noticedMs) {
    assert.equal(await cluster.server.ready(), true, "the API server is not ready");
    assert.equal(await site.write(), 201);
    await pause(3000);
  }
  printFigure("keepWriting", `ready, and every create succeeded, ${seconds(performance.now() - left)} into the outage`);

  await site.restartServer();
  await site.assertAllReadable("an API server restarted in the outage");
  assert.equal(await site.write(), 201);
  printFigure(
    "keepWriting",
    `API server restarted in the outage: ready after ${seconds(cluster.server.startMs)}, all readable`,
  );

  await site.restartPlugin();
  const from = performance.now();
  while (performance.now() - from < 90_000) {
    assert.equal(await cluster.server.ready(), true, "the API server is not ready after the plugin's restart");
    assert.equal(await site.write(), 201);
    await site.assertAllReadable("an API server whose plugin was restarted in the outage");
    await pause(5000);
  }
  printFigure("keepWriting", `plugin restarted in the outage: 90 s of creates and reads without a failure`);
}

async function failReady(site: Site, left: number): Promise<void> {
  const { cluster } = site;
  const red = async () => !(await cluster.server.ready());
  await waitFor("a red /readyz", red, { timeoutMs: 3 * afterMs, everyMs: 2000 });
  const ms = performance.now() - left;
  printFigure("failReady", `not ready ${seconds(ms - afterMs)} after \`after\` had passed since Vault left`);
  assert.ok(ms >= afterMs, "it was not ready before `after` had passed");
  assert.ok(ms <= afterMs + noticedMs + 30_000, `not ready only after ${seconds(ms)}`);
  while (performance.now() - left < outageMs - 30_000) {
    assert.equal(await site.write(), 201);
    assert.equal(await cluster.server.ready(), false);
    await pause(5000);
  }
  await site.assertAllReadable("an API server that is not ready");
  printFigure("failReady", `every create succeeded, ${seconds(performance.now() - left)} into the outage`);
}

async function failClosed(site: Site, left: number): Promise<void> {
  const refused = async () => (await site.write()) >= 500;
  await waitFor("a refused create", refused, { timeoutMs: outageMs, everyMs: 2000 });
  const ms = performance.now() - left;
  printFigure("failClosed", `creates refused ${seconds(ms - afterMs)} after \`after\` had passed since Vault left`);
  assert.ok(ms >= afterMs, "creates were refused before `after` had passed");
  assert.ok(ms <= afterMs + noticedMs + 240_000, `creates were refused only after ${seconds(ms)}`);
  await site.assertAllReadable("an API server that refuses creates");
  assert.equal(await site.write() >= 500, true, "a create succeeded after one was refused");
}

/** A plugin, an API server of its own, and the objects written there. */
class Site {
  readonly cluster: Cluster;
  readonly #node: Node;
  readonly #config: PluginConfig;
  readonly #encryption: string;
  readonly #written = new Map<string, string>();
  readonly #policy: string;
  #plugin: Plugin;
  #tries = 0;

  private constructor(policy: string, node: Node, config: PluginConfig, plugin: Plugin, cluster: Cluster, enc: string) {
    this.#policy = policy;
    this.#node = node;
    this.#config = config;
    this.#plugin = plugin;
    this.cluster = cluster;
    this.#encryption = enc;
  }

  static async start(vault: VaultUnderTest, stack: AsyncDisposableStack, policy: string): Promise<Site> {
    const node = stack.use(await Node.make());
    const { provider } = await vault.key(node);
    const outage = { policy, after: `${afterMs / 1000}s` };
    const config = { providers: [provider], probe: { interval: "5s" }, outage };
    const plugin = await node.start(config);
    const encryption = await node.encryptionConfiguration("v2");
    const cluster = stack.use(await Cluster.start({ encryption }));
    const site = new Site(policy, node, config, plugin, cluster, encryption);
    stack.defer(() => site.#plugin[Symbol.asyncDispose]());
    return site;
  }

  /** Writes one Secret more and tells the status. */
  async write(): Promise<number> {
    const [name, value] = [`secret-${++this.#tries}`, crypto.randomUUID()];
    const status = await writeSecret(this.cluster.server, name, value);
    if (status === 201) this.#written.set(name, value);
    return status;
  }

  async assertAllReadable(who: string): Promise<void> {
    assert.equal(await countReadable(this.cluster.server, this.#written), this.#written.size, `${who} cannot read all`);
  }

  async restartServer(): Promise<void> {
    await this.cluster.stopServer();
    await this.cluster.startServer({ encryption: this.#encryption });
  }

  async restartPlugin(): Promise<void> {
    await this.#plugin[Symbol.asyncDispose]();
    this.#plugin = await this.#node.start(this.#config);
  }

  /** Waits until all is as it was. */
  async untilGreen(): Promise<void> {
    const green = async () => (await this.cluster.server.ready()) && (await this.write()) === 201;
    const { ms } = await waitFor(`green, ${this.#policy}`, green, { timeoutMs: greenWithinMs, everyMs: 1000 });
    printFigure(`${this.#policy}: all green after Vault was back`, seconds(ms));
    await this.assertAllReadable("an API server after the outage");
    const value = crypto.randomUUID();
    assert.equal(await writeSecret(this.cluster.server, "last", value), 201);
    assert.equal(await readSecret(this.cluster.server, "last"), value);
  }
}

function settled(result: PromiseSettledResult<unknown> | undefined): void {
  if (result?.status === "rejected") throw result.reason;
}
