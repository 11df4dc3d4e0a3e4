/**
 * `rewrite` in a cluster with two real API servers on one etcd. Each has a plugin of its own, and both plugins use one key
 * of a real Vault, which each of them reaches by a gate of its own.
 *
 * @module
 */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { join } from "node:path";
import { waitFor } from "../../support/processes.ts";
import type { ApiServer } from "../harness/api_server.ts";
import { Cluster } from "../harness/cluster.ts";
import { progressLines } from "../harness/figures.ts";
import { type VaultKms, vaultKms } from "../harness/foreign_kms.ts";
import { Gate } from "../harness/gate.ts";
import { Node, type Plugin } from "../harness/plugin.ts";
import {
  makeRewriter,
  makeSecrets,
  namespaces,
  nextKeyId,
  serverOf,
  writeKubeconfig,
} from "../harness/rewrite_site.ts";

const perNamespace = 15;

const say = progressLines();

/** A control plane node: its plugin, and the gate between the plugin and Vault. */
interface ControlPlane {
  readonly hostname: string;
  readonly node: Node;
  readonly gate: Gate;
  readonly plugin: Plugin;
  readonly encryption: string;
}

async function controlPlane(stack: AsyncDisposableStack, kms: VaultKms, hostname: string): Promise<ControlPlane> {
  const node = stack.use(await Node.make());
  const gate = stack.use(await Gate.open(kms.address));
  const provider = { ...await kms.entry(node), address: gate.address };
  const plugin = stack.use(await node.start({ providers: [provider], probe: { interval: "1s" } }));
  return { hostname, node, gate, plugin, encryption: await node.encryptionConfiguration("v2") };
}

/** The cluster, with both servers. */
class Site {
  readonly kms: VaultKms;
  readonly planes: readonly [ControlPlane, ControlPlane];
  readonly cluster: Cluster;
  #second: ApiServer;

  private constructor(kms: VaultKms, planes: Site["planes"], cluster: Cluster, second: ApiServer) {
    this.kms = kms;
    this.planes = planes;
    this.cluster = cluster;
    this.#second = second;
  }

  static async start(stack: AsyncDisposableStack): Promise<Site> {
    const kms = stack.use(await vaultKms());
    const planes = [await controlPlane(stack, kms, "proof-a"), await controlPlane(stack, kms, "proof-b")] as const;
    const [first, second] = planes;
    const cluster = stack.use(await Cluster.start(first));
    const site = new Site(kms, planes, cluster, await cluster.startBeside(second));
    stack.defer(() => site.#second[Symbol.asyncDispose]());
    return site;
  }

  /** The address and the CA of each server. */
  async addresses(): Promise<readonly { readonly server: string; readonly ca: string }[]> {
    return [await serverOf(this.cluster), await serverOf({ server: this.#second })];
  }

  async restartFirst(): Promise<void> {
    await this.cluster.stopServer();
    await this.cluster.startServer(this.planes[0]);
  }

  async restartSecond(): Promise<void> {
    await this.#second[Symbol.asyncDispose]();
    this.#second = await this.cluster.startBeside(this.planes[1]);
  }

  /** Key IDs of the Secrets in etcd, by `verify`. */
  async keyIds(): Promise<readonly (string | null)[]> {
    const words = ["verify", "--etcd", this.cluster.etcd.url, "--resources", "secrets", "--json"];
    const { stdout } = await this.planes[0].node.command(...words);
    return JSON.parse(stdout).rows.map(({ keyId }: { keyId: string | null }) => keyId);
  }
}

type Result = Awaited<ReturnType<Node["command"]>>;

/** An API server in the report. */
interface Reported {
  readonly host: string | null;
  readonly state: string;
}

function reported({ stdout, stderr, code }: Result, status: number): ReadonlyMap<string | null, string> {
  equal(code, status, stdout + stderr);
  const servers: readonly Reported[] = JSON.parse(stdout).apiServers;
  return new Map(servers.map(({ host, state }) => [host, state]));
}

const bothReady = new Map([["proof-a", "ready"], ["proof-b", "ready"]]);

Deno.test("rewrite looks at two API servers: one is not seen, lags behind, or changes its key ID meanwhile", async () => {
  await using stack = new AsyncDisposableStack();
  const site = await Site.start(stack);
  const { cluster, kms, planes: [first, second] } = site;
  const { node } = first;
  const token = await makeRewriter(cluster);
  for (const name of namespaces) equal((await cluster.kubectl(["create", "namespace", name])).code, 0);
  const count = (await makeSecrets(cluster, "first", perNamespace)).size;
  const keyId = await nextKeyId(first.plugin, "");
  equal(await nextKeyId(second.plugin, ""), keyId, "both plugins announce one key ID");
  const [one, two] = await site.addresses();
  ok(one !== undefined && two !== undefined);
  const cas = one.ca + two.ca;
  const kubeconfigs = [
    await writeKubeconfig(node, one.server, cas, token),
    await writeKubeconfig(node, two.server, cas, token),
  ] as const;
  const folder = join(node.folder, "rewrite");
  const words = (kubeconfig: string, id: string, ...more: readonly string[]) => [
    ...["rewrite", "--kubeconfig", kubeconfig, "--resources", "secrets", "--expect-key-id", id, "--state", folder],
    ...more,
  ];
  const both = ["--apiservers", two.server];
  say(`${count} Secrets under ${keyId}, and two API servers`);

  for (const [at, other] of [[0, "proof-b"], [1, "proof-a"]] as const) {
    const unseen = await node.command(...words(kubeconfigs[at], keyId));
    equal(unseen.code, 69, unseen.stdout + unseen.stderr);
    match(unseen.stderr, new RegExp(`1 of 2 API servers were not seen: apiserver-\\S+ \\(${other}\\); name them by`));
  }
  deepEqual(reported(await node.command(...words(kubeconfigs[0], keyId, ...both, "--json")), 0), bothReady);
  say("one server alone is refused, and --apiservers sees both");

  await second.gate.shut();
  await kms.rotate();
  const next = await nextKeyId(first.plugin, keyId);
  equal((await second.plugin.status()).key_id, keyId);
  await site.restartFirst();
  const late = await node.command(...words(kubeconfigs[0], next, ...both, "--timeout", "1s"));
  equal(late.code, 69, late.stdout + late.stderr);
  match(late.stderr, /the newest Status of apiserver-\S+ \(proof-b\) does not have key ID/);
  ok(!late.stderr.includes("proof-a"), late.stderr);
  deepEqual(await site.keyIds(), [keyId]);
  {
    await using waits = node.process(...words(kubeconfigs[0], next, ...both, "--timeout", "5m"));
    // The state folder is locked before the first look.
    await waitFor("a waiting run", () => Deno.stat(join(folder, "rewrite.lock")), {
      timeoutMs: 30_000,
      alive: [waits],
    });
    await second.gate.open();
    equal(await nextKeyId(second.plugin, keyId), next);
    deepEqual(await site.keyIds(), [keyId], "nothing is written while a server is behind");
    equal((await waits.exited).code, 0, waits.tail);
  }
  deepEqual(await site.keyIds(), [next]);
  say("a server that lags behind is waited for, and everything is written after it");

  await first.gate.shut();
  {
    await using changes = node.process(...words(kubeconfigs[0], next, ...both, "--rate", "1"));
    await waitFor("progress", async () => {
      const state = JSON.parse(await Deno.readTextFile(join(folder, "rewrite.json")).catch(() => "{}"));
      return state.keyId === next;
    }, { timeoutMs: 60_000, alive: [changes] });
    await kms.rotate();
    const last = await nextKeyId(second.plugin, next);
    await site.restartSecond();
    equal(changes.status, undefined, changes.tail);
    say(`proof-b uses ${last}, and the run goes on`);
    equal((await changes.exited).code, 1, changes.tail);
    match(
      changes.output,
      /^API server apiserver-\S+ \(proof-b\) reports another key ID now: run the command again\.$/m,
    );
    ok(!/\(proof-a\) reports/.test(changes.output), changes.output);
    await first.gate.open();
    equal(await nextKeyId(first.plugin, next), last);
    await site.restartFirst();
    deepEqual(reported(await node.command(...words(kubeconfigs[0], last, ...both, "--json")), 0), bothReady);
    deepEqual(await site.keyIds(), [last]);
  }
  say("a server that changes its key ID during the run is reported, and the next run completes");
});
