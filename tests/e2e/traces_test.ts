/**
 * Traces of the plugin under a real kube-apiserver, received by the OTLP receiver of the OpenTelemetry Collector.
 *
 * @module
 */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { freePort, Process, waitFor } from "../support/processes.ts";
import { Cluster } from "./harness/cluster.ts";
import { flagsFor } from "./harness/encryption.ts";
import { Node } from "./harness/plugin.ts";
import { vaultUnderTest } from "./harness/vault.ts";
import { serverProgram } from "./servers.ts";

/** A span in the JSON of the collector. */
interface CollectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue?: string } }[];
}

/** The receiver as a process. Each batch is one line of its output. */
async function startCollector() {
  const address = `127.0.0.1:${freePort()}`;
  const process = new Process({
    name: "otlp-collector",
    command: await serverProgram("otlp-collector"),
    args: [address],
  });
  await waitFor("the collector", () => process.output.includes("listening"), { timeoutMs: 60_000, alive: [process] });
  const spans = (): readonly CollectedSpan[] =>
    process.output.split("\n").filter((line) => line.startsWith('{"resourceSpans"')).flatMap((line) =>
      JSON.parse(line).resourceSpans.flatMap((resource: { scopeSpans: { spans: CollectedSpan[] }[] }) =>
        resource.scopeSpans.flatMap((scope) => scope.spans)
      )
    );
  return {
    endpoint: `http://${address}`,
    output: () => process.output,
    spans,
    [Symbol.asyncDispose]: () => process[Symbol.asyncDispose](),
  };
}

function attribute({ attributes }: CollectedSpan, key: string): string | undefined {
  return attributes.find((one) => one.key === `trousseau.${key}`)?.value.stringValue;
}

Deno.test("a collector gets the calls of kube-apiserver with its uids, down to the requests to Vault", async () => {
  await using vault = await vaultUnderTest();
  await using node = await Node.make();
  await using collector = await startCollector();
  const { provider } = await vault.key(node);
  const traces = { endpoint: collector.endpoint };
  const encryption = await node.encryptionConfiguration("v2");
  const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "canary" }, stringData: { a: "canary-value" } };
  {
    await using _plugin = await node.start({ providers: [provider], traces });
    await using cluster = await Cluster.start({ encryption, flags: flagsFor("v2") });
    const made = await cluster.kubectl(["apply", "-f", "-"], secret);
    equal(made.code, 0, made.stderr);
    await using restarted = await node.start({ providers: [provider], traces }, "--takeover");
    await cluster.stopServer();
    // A new API server has no data key in its cache, and a new plugin none in its own.
    await cluster.startServer({ encryption, flags: flagsFor("v2") });
    const read = await cluster.kubectl(["get", "secret", "canary", "-o", "jsonpath={.data.a}"]);
    equal(atob(read.stdout), "canary-value");
    const miss = (span: CollectedSpan) => span.name.endsWith("/Decrypt") && attribute(span, "cache") === "miss";
    await waitFor("a Decrypt", () => collector.spans().some(miss), { timeoutMs: 30_000, alive: [restarted.process] });
    const metrics = (await restarted.http("/metrics"))?.body ?? "";
    ok(Number(/^trousseau_spans_total\{result="exported"\} (\d+)$/m.exec(metrics)?.[1]) > 0);
    for (const result of ["queue_full", "refused", "unsent"]) {
      match(metrics, new RegExp(`^trousseau_spans_total\\{result="${result}"\\} 0$`, "m"));
    }
  }
  const spans = collector.spans();
  const calls = spans.filter(({ kind }) => kind === 2);
  for (const method of ["Status", "Encrypt", "Decrypt"]) {
    ok(calls.some(({ name }) => name === `v2.KeyManagementService/${method}`), method);
  }
  for (const span of calls.filter(({ name }) => /\/(?:En|De)crypt$/.test(name))) {
    // kube-apiserver names each call by a UUID.
    match(attribute(span, "uid") ?? "", /^[0-9a-f-]{36}$/);
    equal(attribute(span, "result"), "ok");
  }
  const decrypt = calls.find((span) => span.name.endsWith("/Decrypt") && attribute(span, "cache") === "miss");
  const children = (parent: CollectedSpan | undefined) => {
    return spans.filter(({ parentSpanId, traceId }) => parentSpanId === parent?.spanId && traceId === parent?.traceId);
  };
  const inside = children(decrypt);
  deepEqual(inside.map(({ name }) => name).sort(), ["cache", `unwrap ${provider.name}`]);
  const requests = children(inside.find(({ name }) => name.startsWith("unwrap")));
  deepEqual([...new Set(requests.map(({ name, kind }) => `${name} ${kind}`))], ["KMS unwrap 3"]);
  for (const [outer, within] of [[decrypt, inside], [inside.find(({ name }) => name !== "cache"), requests]] as const) {
    for (const span of within) {
      ok(BigInt(span.startTimeUnixNano) >= BigInt(outer?.startTimeUnixNano ?? 0));
      ok(BigInt(span.endTimeUnixNano) <= BigInt(outer?.endTimeUnixNano ?? 0));
    }
  }
  ok(!/canary|vault:v1:|Y2FuYXJ5/.test(collector.output()));
});
