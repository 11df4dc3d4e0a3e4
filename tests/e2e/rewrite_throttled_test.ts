/**
 * `rewrite` on a real API server that throttles it by its limit of requests in flight: it waits as it is told, and leaves
 * nothing stale.
 *
 * @module
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { join } from "node:path";
import { pause, waitFor } from "../support/processes.ts";
import { Cluster } from "./harness/cluster.ts";
import { Node } from "./harness/plugin.ts";
import { makeRewriter, makeSecrets, namespaces, nextKeyId, serverOf, writeKubeconfig } from "./harness/rewrite_site.ts";

/** Requests of the account that lists Secrets as long as it lives. */
class Crowd implements AsyncDisposable {
  readonly #stop = new AbortController();
  readonly #work: readonly Promise<void>[];

  constructor(address: string, ca: string, token: string, count: number) {
    const client = Deno.createHttpClient({ caCerts: [ca] });
    const headers = { authorization: `Bearer ${token}` };
    const { signal } = this.#stop;
    const ask = async () => {
      while (!signal.aborted) {
        await fetch(`${address}/api/v1/secrets`, { client, headers, signal }).then((answer) => answer.text())
          .catch(() => "");
        // It takes a part of the seats alone, so that others get one.
        await pause(30);
      }
    };
    this.#work = [Promise.all(Array.from({ length: count }, ask)).then(() => client.close())];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#work);
  }
}

/** The number of requests of a verb that the API server has refused with 429. */
async function throttled({ server }: Cluster, verb: string): Promise<number> {
  const { body } = await server.request("GET", "/metrics");
  const lines = body.split("\n").filter((line) =>
    line.startsWith("apiserver_request_total{") && line.includes('code="429"') && line.includes(`verb="${verb}"`)
  );
  return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

/** One request that reads and one that writes at a time; the others are answered 429. */
const flags = [
  "--enable-priority-and-fairness=false",
  "--max-requests-inflight=1",
  "--max-mutating-requests-inflight=1",
] as const;

Deno.test("rewrite waits as a throttling API server says, and leaves nothing stale", async () => {
  await using node = await Node.make();
  const provider = { name: "local", kind: "local", keyFile: join(node.folder, "local.keys"), create: true };
  await using plugin = await node.start({ providers: [provider], probe: { interval: "1s" } });
  const encryption = await node.encryptionConfiguration("v2");
  await using cluster = await Cluster.start({ encryption });
  const token = await makeRewriter(cluster);
  for (const name of namespaces) equal((await cluster.kubectl(["create", "namespace", name])).code, 0);
  const count = (await makeSecrets(cluster, "stale", 20)).size;
  const { server, ca } = await serverOf(cluster);
  const kubeconfig = await writeKubeconfig(node, server, ca, token);
  const before = await nextKeyId(plugin, "");
  const { code, stderr } = await node.command("keys", "rotate", "--config", plugin.config);
  equal(code, 0, stderr);
  const keyId = await nextKeyId(plugin, before);
  await cluster.stopServer();
  await cluster.startServer({ encryption, flags });
  {
    await using _crowd = new Crowd(server, ca, token, 2);
    await waitFor("an API server that throttles", async () => await throttled(cluster, "LIST") > 0, {
      timeoutMs: 60_000,
      everyMs: 200,
    });
    const done = await node.command(
      ...["rewrite", "--kubeconfig", kubeconfig, "--resources", "secrets", "--expect-key-id", keyId, "--json"],
      ...["--state", join(node.folder, "rewrite")],
    );
    equal(done.code, 0, done.stdout + done.stderr);
    const { refusals, resources: [secrets] } = JSON.parse(done.stdout);
    deepEqual([refusals, secrets.written >= count], [[], true], done.stdout);
    ok(await throttled(cluster, "PATCH") > 0, "patches were throttled");
  }
  const verify = ["verify", "--etcd", cluster.etcd.url, "--resources", "secrets", "--expect-key-id", keyId];
  const verified = await node.command(...verify);
  equal(verified.code, 0, verified.stdout + verified.stderr);
});
