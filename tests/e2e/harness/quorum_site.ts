/**
 * A plugin with several KMS, an API server for each KMS API, and their outages.
 *
 * @module
 */
import assert from "node:assert/strict";
import { pause, waitFor } from "../../support/processes.ts";
import { Cluster } from "./cluster.ts";
import { ColdSecrets } from "./cold_read.ts";
import { flagsFor, guarded, keyIdIn, type KmsApi } from "./encryption.ts";
import { duration, printFigure } from "./figures.ts";
import { countReadable, Load, type LoadReport, writeSecret } from "./load.ts";
import { type Fault, type Member, threeMembers } from "./members.ts";
import { sumOf } from "./metrics.ts";
import { Node, type Plugin, type PluginConfig } from "./plugin.ts";
import { RpcFigures } from "./rpc_figures.ts";

/** Milliseconds: kube-apiserver's deadline for a call to the plugin, and the limit for reads from a new API server. */
const patienceMs = 3000;

const apis = ["v1beta1", "v2"] as const satisfies readonly KmsApi[];

/** An API server that uses one KMS API, and the Secrets written there. */
interface Side {
  readonly api: KmsApi;
  readonly cluster: Cluster;
  readonly options: { readonly encryption: string; readonly flags: readonly string[]; readonly until: "answering" };
  readonly cold: ColdSecrets;
  readonly written: Map<string, string>;
}

/** The KMS of a site, by their names, and the quorum. */
export interface SiteOptions {
  readonly members: readonly string[];
  readonly wrap: number;
}

/** The fields of the plugin's status document that are used here. */
interface Status {
  readonly keyId: string;
  readonly providers: readonly { readonly name: string; readonly health: string; readonly lacksWrapSince?: number }[];
}

/** A plugin with its KMS and API servers. */
export class QuorumSite implements AsyncDisposable {
  readonly members: readonly Member[];
  readonly #rpcs = new RpcFigures();
  readonly #node: Node;
  readonly #config: PluginConfig;
  readonly #stack: AsyncDisposableStack;
  readonly #sides: Side[] = [];
  #plugin: Plugin;
  #outages = 0;

  private constructor(
    node: Node,
    members: readonly Member[],
    config: PluginConfig,
    plugin: Plugin,
    stack: AsyncDisposableStack,
  ) {
    this.#node = node;
    this.members = members;
    this.#config = config;
    this.#plugin = plugin;
    this.#stack = stack;
  }

  /** Starts a site with every KMS available, and writes the Secrets for later cold reads. */
  static async start({ members: names, wrap }: SiteOptions): Promise<QuorumSite> {
    await using stack = new AsyncDisposableStack();
    const node = stack.use(await Node.make());
    const members = stack.use(await threeMembers(node)).all.filter(({ name }) => names.includes(name));
    const config = { providers: members.map(({ entry }) => entry), wrap, probe: { interval: "2s" } };
    const plugin = await node.start(config);
    const kept = new AsyncDisposableStack();
    const site = new QuorumSite(node, members, config, plugin, kept);
    stack.defer(() => site.#plugin[Symbol.asyncDispose]());
    await site.#untilWell();
    const sides = await Promise.all(apis.map(async (api): Promise<Side> => {
      const options = {
        encryption: await node.encryptionConfiguration(api),
        flags: flagsFor(api),
        until: "answering",
      } as const;
      const cluster = stack.use(await Cluster.start({ ...options, until: "ready" }));
      return { api, cluster, options, cold: new ColdSecrets(), written: new Map() };
    }));
    site.#sides.push(...sides);
    for (const { cold, cluster } of sides) await cold.write(cluster.server);
    kept.use(stack.move());
    return site;
  }

  /**
   * Runs one outage: under load, with a rotation of another KMS's key, and with a restart of the API servers and, if
   * possible, of the plugin during the outage.
   *
   * @throws {AssertionError} if a write or read failed, or if the key ID changed other than by the rotation.
   */
  async outage(member: Member, fault: Fault): Promise<void> {
    const { what, strike } = member.blows[fault];
    const title = `${member.name} ${fault}`;
    const id = `outage-${++this.#outages}`;
    const before = await this.#history();
    const ids = [(await this.#status()).keyId];
    await this.#counted(title, id, async () => {
      await strike();
      const { ms } = await this.#until(
        `${member.name} to be unwell`,
        ({ providers }) => providers.some(({ name, health }) => name === member.name && health !== "well"),
      );
      printFigure(title, `${what}; noticed after ${duration(ms)}`);
      await pause(2000);
    });
    const rotating = this.members.find((one) => one !== member && one.rotate !== undefined);
    if (rotating?.rotate !== undefined) {
      ids.push(await this.#rotated(title, id, rotating.name, rotating.rotate));
    }
    await this.#restart(title, member.startsWithout);
    await this.#assertSealedUnder(id, ids.at(-1) ?? "");
    await member.heal();
    await this.#untilWell();
    assert.equal((await this.#status()).keyId, ids.at(-1), `${title}: the key ID did not stay what it was`);
    assert.deepEqual((await this.#history()).slice(before.length), ids.slice(1), `${title}: key IDs of the outage`);
  }

  /** Adds the metrics of the running processes. @returns the figures since the start of the site. */
  async countedCalls(): Promise<RpcFigures> {
    for (const { cluster } of this.#sides) await this.#takeServerRpcs(cluster);
    this.#rpcs.takePlugin(await this.#metrics());
    return this.#rpcs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack[Symbol.asyncDispose]();
  }

  /** Runs `work` under load, and checks that the plugin had at least one v1beta1 Encrypt for each Secret. */
  async #counted(title: string, id: string, work: () => Promise<void>): Promise<void> {
    const before = await this.#encrypts("v1beta1");
    const { v1beta1 } = await this.#underLoad(title, `${id}-begins`, work);
    const count = await this.#encrypts("v1beta1") - before;
    printFigure(title, `${v1beta1.written.size} Secrets written over v1beta1, ${count} Encrypts at the plugin`);
    assert.ok(count >= v1beta1.written.size, `${title}: not every write over v1beta1 reached the plugin`);
  }

  /** @returns the new key ID. */
  async #rotated(title: string, id: string, name: string, rotate: () => Promise<void>): Promise<string> {
    const { keyId: before } = await this.#status();
    await this.#underLoad(title, `${id}-rotates`, async () => {
      await rotate();
      const { ms } = await this.#until(`a new key ID after ${name} was rotated`, ({ keyId }) => keyId !== before);
      printFigure(title, `${name} rotated meanwhile: new key ID after ${duration(ms)}`);
    });
    return (await this.#status()).keyId;
  }

  async #underLoad(title: string, prefix: string, work: () => Promise<void>): Promise<Record<KmsApi, LoadReport>> {
    const loads = this.#sides.map((side) => ({
      side,
      load: new Load(side.cluster.server, prefix, { writers: 2, pauseMs: 150 }),
    }));
    const busy = () => loads.every(({ load }) => load.count > 3);
    await waitFor("some writes", busy, { timeoutMs: 30_000 });
    const failure = await work().then(() => undefined, (thrown: unknown) => ({ thrown }));
    const reports = { v1beta1: noReport, v2: noReport };
    for (const { side, load } of loads) {
      const report = await load.stop();
      reports[side.api] = report;
      for (const [name, value] of report.written) side.written.set(name, value);
    }
    if (failure !== undefined) throw failure.thrown;
    for (const api of apis) {
      const { lost, calls, failures, slowestMs } = reports[api];
      assert.equal(lost, 0, `${title}: ${lost} of ${calls} calls over ${api} failed:\n${failures.join("\n")}`);
      printFigure(title, `${calls} writes and reads over ${api}, none lost, slowest ${duration(slowestMs)}`);
    }
    return reports;
  }

  /** Restarts the API servers and optionally the plugin, as after a reboot of the node. */
  async #restart(title: string, pluginToo: boolean): Promise<void> {
    for (const { cluster } of this.#sides) await this.#takeServerRpcs(cluster);
    await each(this.#sides, ({ cluster }) => cluster.stopServer());
    if (pluginToo) {
      this.#rpcs.takePlugin(await this.#metrics());
      await this.#plugin.process.kill();
      await this.#plugin[Symbol.asyncDispose]();
      this.#plugin = await this.#node.start(this.#config);
    }
    const who = pluginToo ? "plugin and API server restarted" : "API server restarted";
    await each(this.#sides, async ({ api, cluster, options, cold, written }) => {
      const server = await cluster.startServer(options);
      const ms = await cold.read(server, patienceMs);
      const when = `${duration(ms)} after its first answer, which came ${duration(server.startMs)} after its start`;
      printFigure(title, `${who}: over ${api} an application's Secret and a storage driver's key read ${when}`);
      await waitFor("a ready API server", () => server.ready(), { timeoutMs: 60_000 });
      assert.equal(await countReadable(server, written), written.size, `${title}: not all reads over ${api}`);
    });
  }

  async #assertSealedUnder(id: string, keyId: string): Promise<void> {
    for (const { api, cluster, written } of this.#sides) {
      const [name, value] = [`${id}-last`, crypto.randomUUID()];
      assert.equal(await writeSecret(cluster.server, name, value), 201);
      written.set(name, value);
      if (api !== "v2") continue;
      const entry = guarded(await cluster.etcd.entries()).find(({ key }) => key.endsWith(`/default/${name}`));
      assert.ok(entry, `${name} is not in etcd`);
      assert.equal(keyIdIn(entry), keyId);
    }
  }

  async #untilWell(): Promise<void> {
    await this.#until(
      "every KMS to be well and to have wrapped",
      ({ providers }) =>
        providers.every(({ health, lacksWrapSince }) => health === "well" && (lacksWrapSince ?? null) === null),
    );
  }

  #until(what: string, isSo: (status: Status) => boolean): Promise<{ ms: number }> {
    return waitFor(what, async () => isSo(await this.#status()), {
      timeoutMs: 90_000,
      alive: [this.#plugin.process],
    });
  }

  async #status(): Promise<Status> {
    const { body } = await this.#plugin.http("/status") ?? {};
    if (body === undefined) throw new Error("The plugin's HTTP endpoint does not answer.");
    return JSON.parse(body);
  }

  async #metrics(): Promise<string> {
    return (await this.#plugin.http("/metrics"))?.body ?? "";
  }

  async #encrypts(api: KmsApi): Promise<number> {
    const labels = { api, operation: "encrypt", result: "ok" };
    return sumOf(await this.#metrics(), "trousseau_rpc_duration_seconds_count", labels);
  }

  async #takeServerRpcs({ server }: Cluster): Promise<void> {
    this.#rpcs.takeServer((await server.request("GET", "/metrics")).body);
  }

  /** The announced key IDs in the plugin's state, oldest first. */
  async #history(): Promise<string[]> {
    const config = await this.#node.write("keys.yaml", JSON.stringify(this.#node.config(this.#config)));
    const { stdout, stderr } = await this.#node.command("keys", "--json", "--config", config);
    if (stdout === "") throw new Error(`trousseau keys printed nothing: ${stderr}`);
    return JSON.parse(stdout).history.map(({ id }: { readonly id: string }) => id);
  }
}

/** Runs both sides at once. A failure of one is thrown after the other has ended too. */
async function each(sides: readonly Side[], work: (side: Side) => Promise<void>): Promise<void> {
  const failed = (await Promise.allSettled(sides.map(work))).find(({ status }) => status === "rejected");
  if (failed?.status === "rejected") throw failed.reason;
}

const noReport: LoadReport = { calls: 0, lost: 0, longestLossMs: 0, slowestMs: 0, written: new Map(), failures: [] };
