/**
 * The alerts ask for metrics and labels that the program exports, and each of them leads to a place in the documents.
 *
 * @module
 */
import assert from "node:assert/strict";
import { parse } from "yaml";
import { z } from "zod";
import { createMetrics } from "../../lib/telemetry/metrics.ts";
import { kmsOperations } from "../../lib/services/kms/rpc_event.ts";
import type { ServiceStatus } from "../../lib/services/kms/status.ts";
import { kmsGauges } from "../../lib/services/kms/status_metrics.ts";
import { sopsOperations } from "../../lib/services/sops/rpc_event.ts";
import { wellStatus } from "../../tests/support/fake_service.ts";

const root = new URL("../..", import.meta.url);
const read = (path: string) => Deno.readTextFile(new URL(path, root));

const rule = z.strictObject({
  alert: z.string().regex(/^(Trousseau|KubeApiserver)[A-Z][A-Za-z]+$/),
  expr: z.string(),
  for: z.string().regex(/^\d+[mh]$/).optional(),
  labels: z.strictObject({ severity: z.enum(["critical", "warning"]) }),
  annotations: z.strictObject({
    summary: z.string(),
    description: z.string().optional(),
    runbook: z.string(),
  }),
});
const file = z.strictObject({
  groups: z.array(z.strictObject({ name: z.string(), rules: z.array(rule) })),
});
const { groups } = file.parse(parse(await read("deploy/prometheus/alerts.yaml")));
const [ours, kubeApiserver, ...others] = groups;
const rules = groups.flatMap(({ rules }) => rules);

/** Labels and functions of Prometheus itself. */
const targetLabels = ["job", "instance"];
const words = new Set(["by", "on", "and", "unless", "or"]);

/** Metrics of kube-apiserver 1.36, each with its labels. */
const kubeApiserverMetrics: Readonly<Record<string, readonly string[]>> = {
  apiserver_encryption_config_controller_automatic_reloads_total: ["status", "apiserver_id_hash"],
  apiserver_envelope_encryption_invalid_key_id_from_status_total: ["provider_name", "error"],
};

interface Selector {
  readonly metric: string;
  readonly matchers: readonly { readonly label: string; readonly values: readonly string[] }[];
}

/** The metrics of an expression, with their matchers. */
function selectorsOf(expr: string): readonly Selector[] {
  const bare = expr.replaceAll(/\b(by|on) ?\([^)]*\)/g, " ").replaceAll(/\[[^\]]*\]/g, " ");
  return [...bare.matchAll(/\b([a-z_]\w*)\b(?!\s*\()(?:\{([^}]*)\})?/g)].flatMap(([, metric = "", matchers = ""]) =>
    words.has(metric) || isMatcher(bare, metric) ? [] : [{ metric, matchers: matchersOf(matchers) }]
  );
}

/** Whether a word occurs between braces alone, as the name of a label or in its value. */
function isMatcher(expr: string, word: string): boolean {
  return !new RegExp(`\\b${word}\\b`).test(expr.replaceAll(/\{[^}]*\}/g, "{}"));
}

function matchersOf(text: string): Selector["matchers"] {
  return [...text.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"/g)].map(([, label = "", value = ""]) => {
    return { label, values: value.split("|") };
  });
}

/** The names in `by (…)` and `on (…)`. */
function groupingOf(expr: string): readonly string[] {
  return [...expr.matchAll(/\b(?:by|on) ?\(([^)]*)\)/g)].flatMap(([, names = ""]) => names.split(/,\s*/));
}

/** Every value of every label of every metric that the program exports, in one render with all that it can know. */
async function exported(): Promise<ReadonlyMap<string, ReadonlyMap<string, ReadonlySet<string>>>> {
  const provider = { provider: "vault", kind: "vault-transit" } as const;
  const metrics = createMetrics({
    version: "0",
    clock: { now: () => 10_000, wall: () => 10_000 },
    linesLost: () => ({ audit: 0, log: 0 }),
    auditWritable: () => true,
    countable: {
      apis: { ...kmsOperations, ...sopsOperations },
      providers: [{ name: "vault", kind: "vault-transit", method: "token" }],
    },
  });
  metrics.observe({ type: "token_lifetime", provider: "vault", expiresAt: 20_000 });
  metrics.observe({ type: "certificate_lifetime", provider: "vault", expiresAt: 20_000 });
  const health = { name: "vault", kind: "vault-transit", health: "well", message: "", code: "ok", since: 0 } as const;
  const status: ServiceStatus = {
    ...wellStatus,
    keyId: "t1-00112233445566778899aabbccddeeff",
    provisional: true,
    announcedAt: 0,
    firstEncryptAt: 0,
    dataKeyMadeAt: 0,
    stateFolder: { writable: true, since: 0, message: "" },
    providers: [{ ...health, lastGoodAt: 0, version: "1", lacksWrapSince: 0 }],
    retired: [{ ...health, lastGoodAt: 0 }],
    sealedVersions: [
      { ...provider, version: "1", announced: true, state: "refused", code: "ok", message: "", testedAt: 0 },
    ],
  };
  const found = new Map<string, Map<string, Set<string>>>();
  for (
    const line of (await metrics.render(kmsGauges(status, 10_000))).split("\n").filter((line) => /^[a-z]/.test(line))
  ) {
    const [, metric = "", labels = ""] = /^(\w+)(?:\{(.*)\})? /.exec(line) ?? [];
    const known = found.get(metric) ?? new Map<string, Set<string>>();
    for (const { label, values } of matchersOf(labels)) {
      known.set(label, new Set([...known.get(label) ?? [], ...values]));
    }
    found.set(metric, known);
  }
  return found;
}

Deno.test("alerts.yaml has a group for the program and one for kube-apiserver", () => {
  assert.deepEqual([ours?.name, kubeApiserver?.name, others.length], ["trousseau", "trousseau-kube-apiserver", 0]);
  const names = rules.map(({ alert }) => alert);
  assert.deepEqual(names, [...new Set(names)]);
});

Deno.test("alerts.yaml asks for metrics, labels and values that the program exports", async () => {
  const known = await exported();
  for (const { alert, expr } of ours?.rules ?? []) {
    const selectors = selectorsOf(expr);
    assert.ok(selectors.length > 0, alert);
    for (const { metric, matchers } of selectors) {
      // Prometheus makes this one itself, for each target.
      const labels = metric === "up" ? new Map<string, Set<string>>() : known.get(metric);
      assert.ok(labels !== undefined, `${alert}: there is no metric ${metric}`);
      for (const { label, values } of matchers.filter(({ label }) => !targetLabels.includes(label))) {
        const possible = labels.get(label);
        assert.ok(possible !== undefined, `${alert}: ${metric} has no label ${label}`);
        for (const value of values) assert.ok(possible.has(value), `${alert}: ${metric} has no ${label}="${value}"`);
      }
      for (const label of groupingOf(expr)) {
        assert.ok(targetLabels.includes(label) || labels.has(label), `${alert}: ${metric} has no label ${label}`);
      }
    }
  }
});

Deno.test("alerts.yaml asks kube-apiserver for metrics that it has", () => {
  for (const { alert, expr } of kubeApiserver?.rules ?? []) {
    for (const { metric, matchers } of selectorsOf(expr)) {
      const labels = kubeApiserverMetrics[metric];
      assert.ok(labels !== undefined, `${alert}: ${metric}`);
      for (const { label } of matchers) assert.ok(labels.includes(label), `${alert}: ${label}`);
    }
  }
});

Deno.test("selectorsOf() finds every metric of an expression, and no label or function", () => {
  const expr = 'sum by (job) (increase(a_total{state!~"b|c"}[5m])) > 0 unless on (job, code) d_seconds and e == 1';
  assert.deepEqual(selectorsOf(expr), [
    { metric: "a_total", matchers: [{ label: "state", values: ["b", "c"] }] },
    { metric: "d_seconds", matchers: [] },
    { metric: "e", matchers: [] },
  ]);
  assert.deepEqual(groupingOf(expr), ["job", "job", "code"]);
});

Deno.test("alerts.yaml leads to a heading for each alert, and operations.md lists all of them", async () => {
  const operations = await read("docs/operations.md");
  for (const { alert, annotations: { runbook } } of rules) {
    const [path = "", anchor] = runbook.split("#");
    const page = await read(path);
    if (anchor !== undefined) {
      const anchors = [...page.matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) => anchorOf(title));
      assert.ok(anchors.includes(anchor), `${alert}: ${runbook}`);
    }
    assert.ok(operations.includes(`\`${alert}\``), `docs/operations.md lacks ${alert}`);
  }
});

/** As GitHub makes it of a heading. */
function anchorOf(title: string): string {
  return title.toLowerCase().replaceAll(/[^\p{L}\p{N}_ -]/gu, "").replaceAll(" ", "-");
}
