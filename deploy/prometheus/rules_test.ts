/**
 * The rules ask for metrics and labels that the program exports, and each of them leads to a place in the documents.
 *
 * @module
 */
import assert from "node:assert/strict";
import { parse } from "yaml";
import { z } from "zod";
import { keyringGauges, type KeyringState } from "../../lib/app/keyring_gauges.ts";
import { clectl } from "../../lib/cli/clectl/program.ts";
import { commands } from "../../lib/cli/trousseau/commands.ts";
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
    cause: z.string().regex(/\.$/),
    command: z.string(),
    runbook: z.string(),
  }),
});
const file = z.strictObject({
  groups: z.array(z.strictObject({ name: z.string(), rules: z.array(rule) })),
});
const { groups } = file.parse(parse(await read("deploy/prometheus/rules.yaml")));
const cases = z.object({
  tests: z.array(z.object({
    name: z.string(),
    promql_expr_test: z.array(z.object({ exp_samples: z.array(z.object({ labels: z.string() })) })),
  })),
});
const [ours, ...others] = groups;
const [keyring] = others.splice(-1);
const rules = groups.flatMap(({ rules }) => rules);

/** Labels and functions of Prometheus itself. */
const targetLabels = ["job", "instance"];
const words = new Set(["by", "on", "and", "unless", "or", "offset", "group_left", "topk"]);

/** Metrics of kube-apiserver 1.36 and of node_exporter 1.5, each with its labels. */
const otherMetrics: Readonly<Record<string, readonly string[]>> = {
  node_systemd_unit_state: ["name", "state", "type"],
  node_systemd_timer_last_trigger_seconds: ["name"],
  apiserver_envelope_encryption_key_id_hash_status_last_timestamp_seconds: [
    "provider_name",
    "key_id_hash",
    "apiserver_id_hash",
  ],
  apiserver_encryption_config_controller_automatic_reloads_total: ["status", "apiserver_id_hash"],
  apiserver_envelope_encryption_invalid_key_id_from_status_total: ["provider_name", "error"],
};

/** A command with its options. */
interface NamedCommand {
  readonly name: string;
  readonly options: readonly string[];
}

/** A keyring with every part that it can have. */
const keyringState: KeyringState = {
  parts: ["store", "kms", "tls", "certificate", "clock", "backup", "audit", "checkpoint"].map((name) => {
    return { name, state: "ok" };
  }),
  kms: { providers: [], retired: [], wrapOnly: [] },
  isOpen: true,
  lastBackup: 0,
  certificateEnds: 0,
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
  metrics.observe({ type: "foreign", format: "vault-kubernetes-kms", providers: ["vault"] });
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
    const line of (await metrics.render([...kmsGauges(status, 10_000), ...keyringGauges(keyringState)])).split("\n")
      .filter((line) => /^[a-z]/.test(line))
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

Deno.test("rules.yaml has a group for the plugin, one for kube-apiserver, one for the drill and one for the keyring", () => {
  const named = ["trousseau", "trousseau-kube-apiserver", "trousseau-drill", "trousseau-keyring"];
  assert.deepEqual(groups.map(({ name }) => name), named);
  const names = rules.map(({ alert }) => alert);
  assert.deepEqual(names, [...new Set(names)]);
});

Deno.test("rules.yaml asks for metrics, labels and values that the program exports", async () => {
  const known = await exported();
  for (const { alert, expr } of [...ours?.rules ?? [], ...keyring?.rules ?? []]) {
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
    }
    for (const label of groupingOf(expr)) {
      const isKnown = targetLabels.includes(label) || selectors.some(({ metric }) => known.get(metric)?.has(label));
      assert.ok(isKnown, `${alert}: no metric has the label ${label}`);
    }
  }
});

Deno.test("rules.yaml asks kube-apiserver and node_exporter for metrics that they have", async () => {
  const known = await exported();
  for (const { alert, expr } of others.flatMap(({ rules }) => rules)) {
    for (const { metric, matchers } of selectorsOf(expr)) {
      const labels = otherMetrics[metric] ?? [...known.get(metric)?.keys() ?? []];
      assert.ok(labels.length > 0, `${alert}: ${metric}`);
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

Deno.test("rules.yaml leads to a heading for each alert, and monitoring.md lists all of them", async () => {
  const monitoring = await read("docs/monitoring.md");
  for (const { alert, annotations: { runbook } } of rules) {
    const [path = "", anchor] = runbook.split("#");
    const page = await read(path);
    if (anchor !== undefined) {
      const anchors = [...page.matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) => anchorOf(title));
      assert.ok(anchors.includes(anchor), `${alert}: ${runbook}`);
    }
    assert.ok(monitoring.includes(`\`${alert}\``), `docs/monitoring.md lacks ${alert}`);
  }
});

Deno.test("rules.yaml names commands that exist, with options that they have", () => {
  for (const { alert, annotations: { command } } of rules) {
    const [program = "", name, ...words] = command.split(" ");
    assert.ok(
      ["trousseau", "clectl", "systemctl", "journalctl", "kubectl", "df"].includes(program),
      `${alert}: ${command}`,
    );
    if (program !== "trousseau" && program !== "clectl") continue;
    const all: readonly NamedCommand[] = program === "clectl" ? clectl.commands : commands;
    const found = all.find((one) => one.name === name || one.name === `${name} ${words[0]}`);
    assert.ok(found, `${alert}: ${command}`);
    for (const option of words.filter((word) => word.startsWith("--"))) {
      assert.ok((found.options as readonly string[]).includes(option.slice(2)), `${alert}: ${option}`);
    }
  }
});

Deno.test("the cases show each alert silent and firing", async () => {
  const files = ["rules_cases.yaml", "rules_cases_days.yaml", "rules_cases_keyring.yaml"].map((name) =>
    read(`deploy/prometheus/${name}`)
  );
  const tests = (await Promise.all(files)).flatMap((text) => cases.parse(parse(text, { maxAliasCount: 1000 })).tests);
  for (const { alert } of rules) {
    const ends = tests.filter(({ name }) => name === alert).flatMap(({ promql_expr_test: looks }) =>
      looks.map(({ exp_samples: firing }) => firing.some(({ labels }) => labels.includes(`"${alert}"`)))
    );
    assert.deepEqual([ends.includes(false), ends.includes(true)], [true, true], alert);
  }
});

/** As GitHub makes it of a heading. */
function anchorOf(title: string): string {
  return title.toLowerCase().replaceAll(/[^\p{L}\p{N}_ -]/gu, "").replaceAll(" ", "-");
}
