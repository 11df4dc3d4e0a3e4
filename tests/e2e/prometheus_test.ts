/**
 * The rules and the dashboard on a real Prometheus, which scrapes a running plugin and its API server.
 *
 * @module
 */
import assert from "node:assert/strict";
import { z } from "zod";
import { startTransitServer } from "../support/transit_server.ts";
import { waitFor } from "../support/processes.ts";
import { inFolder } from "../support/temporary_folder.ts";
import { Cluster } from "./harness/cluster.ts";
import { Node } from "./harness/plugin.ts";
import { Prometheus } from "./harness/prometheus.ts";

const root = new URL("../../", import.meta.url).pathname;
const rules = `${root}deploy/prometheus/rules.yaml`;
const soon = { timeoutMs: 60_000, everyMs: 500 };

const dashboard = z.object({
  panels: z.array(z.object({ title: z.string(), targets: z.array(z.object({ expr: z.string() })).optional() })),
});

/** The queries of which a plugin that is well has no value, by a part of each. */
const empty = [
  "ALERTS{", // None fires.
  "trousseau_retired_provider_health", // No provider is retired.
  "trousseau_certificate_lifetime_seconds", // None logs in by a certificate.
  "trousseau_refused_decrypt_envelopes", // Those of 0 are left out.
  "trousseau_foreign_reads_total", // readForeign is not configured.
  "trousseau_queue_items", // Nothing has waited.
  "trousseau_audit_writable", // The audit is off.
  "trousseau_keyring_", // It is no keyring.
] as const;

async function queries(): Promise<readonly { readonly title: string; readonly expr: string }[]> {
  const { panels } = dashboard.parse(JSON.parse(await Deno.readTextFile(`${root}deploy/grafana/trousseau.json`)));
  return panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({
      title,
      expr: expr.replaceAll("$__rate_interval", "1m").replaceAll("$instance", ".*"),
    }))
  );
}

Deno.test("Prometheus evaluates the rules and the dashboard on a running plugin and its API server", async (t) => {
  await using vault = await startTransitServer();
  vault.transit.create("kubernetes");
  await using node = await Node.make();
  const auth = {
    method: "approle",
    roleId: vault.roleId,
    secretId: { file: await node.write("secret-id", vault.secretId) },
  };
  const config = {
    wrap: "any",
    probe: { interval: "1s" },
    providers: [
      { name: "local", kind: "local", keyFile: `${node.folder}/local.keys`, create: true },
      { name: "vault", kind: "vault-transit", address: vault.address, key: "kubernetes", auth },
    ],
  } as const;
  await using plugin = await node.start(config);
  await using cluster = await Cluster.start({ encryption: await node.encryptionConfiguration("v2") });
  const { token, address } = await credentials(cluster);
  await inFolder(async (folder) => {
    const local = {
      scheme: "https",
      tls_config: { insecure_skip_verify: true },
      authorization: { credentials: token },
    };
    await using prometheus = await Prometheus.start({
      folder,
      rules,
      jobs: [
        { job_name: "trousseau", static_configs: [{ targets: [plugin.address] }] },
        { job_name: "kube-apiserver", ...local, static_configs: [{ targets: [address] }] },
      ],
    });
    const active = async () => (await prometheus.alerts()).map(({ labels }) => labels.alertname ?? "");
    const isActive = (alert: string) => waitFor(alert, async () => (await active()).includes(alert), soon);
    await cluster.kubectl(["create", "secret", "generic", "one", "--from-literal=a=b"]);
    const { client } = plugin;
    const sealed = await client.v2.Encrypt({ plaintext: new Uint8Array(32), uid: "t" }, call());
    await client.v2.Decrypt({ ...sealed, uid: "t" }, call());
    const scraped = 'min(count_over_time(up{job=~"trousseau|kube-apiserver"}[1m])) >= 5';
    await waitFor("some scrapes", async () => (await prometheus.query(scraped)).length > 0, soon);

    await t.step("every query of the dashboard is answered, with data unless a well plugin has none", async () => {
      const wrong: string[] = [];
      for (const { title, expr } of await queries()) {
        const results = await prometheus.query(expr);
        const isEmpty = empty.some((part) => expr.includes(part));
        if ((results.length === 0) !== isEmpty) wrong.push(`${title}: ${expr}: ${results.length} results`);
      }
      assert.deepEqual(wrong, []);
    });

    await t.step("every rule is evaluated, and none is active while all is well", async () => {
      assert.deepEqual(await prometheus.brokenRules(), []);
      await waitFor("no active alert", async () => (await active()).length === 0, soon);
    });

    await t.step("a KMS that fails is a provider that is not well, and a quorum at its edge", async () => {
      vault.fault = { kind: "status", status: 503, why: "away" };
      await isActive("TrousseauProviderNotWell");
      await isActive("TrousseauQuorumAtEdge");
      vault.fault = undefined;
    });

    await t.step("a refused login is a login that fails", async () => {
      vault.secretId = crypto.randomUUID();
      vault.advance(7200);
      await isActive("TrousseauLoginsFail");
    });

    await t.step("a stopped plugin is down, and its API server has a key ID that no plugin announces", async () => {
      await plugin.process.stop();
      await isActive("TrousseauDown");
      await isActive("KubeApiserverKeyIdNotOfPlugin");
      for (const { annotations } of await prometheus.alerts()) {
        assert.deepEqual(Object.keys(annotations).sort(), ["cause", "command", "runbook", "summary"]);
        for (const text of Object.values(annotations)) assert.doesNotMatch(text, /\{\{|<no value>|<error/);
      }
    });
  });
});

function call() {
  return { signal: AbortSignal.timeout(30_000) };
}

const kubeconfig = z.object({
  clusters: z.tuple([z.object({ cluster: z.object({ server: z.string() }) })]),
  users: z.tuple([z.object({ user: z.object({ token: z.string() }) })]),
});

/** The administrator's token and the address of the API server. */
async function credentials({ server }: Cluster): Promise<{ readonly token: string; readonly address: string }> {
  const { clusters, users } = kubeconfig.parse(JSON.parse(await Deno.readTextFile(server.kubeconfig)));
  return { token: users[0].user.token, address: new URL(clusters[0].cluster.server).host };
}
