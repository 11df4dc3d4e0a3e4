import { deepEqual, equal } from "node:assert/strict";
import fc from "fast-check";
import { hasKeyId, hasKeyIdAlone, metricHash, readKeyIdMetrics } from "./key_id_metrics.ts";

const metric = "apiserver_envelope_encryption_key_id_hash_status_last_timestamp_seconds";

async function* linesOf(...lines: readonly string[]): AsyncGenerator<string> {
  yield* lines;
}

function row(keyId: string, provider: string, at: string): string {
  return `${metric}{apiserver_id_hash="${metricHash("me")}",key_id_hash="${
    metricHash(keyId)
  }",provider_name="${provider}"} ${at}`;
}

Deno.test("readKeyIdMetrics() returns the newest key ID of each provider, and the server's identity", async () => {
  const found = await readKeyIdMetrics(linesOf(
    `# TYPE ${metric} gauge`,
    row("old", "trousseau", "1.764519372e+09"),
    row("new", "trousseau", "1.764519432e+09"),
    row("older", "trousseau", "1.7e+09"),
    row("other", 'a\\"}b', "1.9e+09"),
    row("broken", "trousseau", "NaN"),
    `${metric}_total{key_id_hash="x",provider_name="trousseau"} 9e9`,
    `${metric}{`,
    "# TYPE process_start_time_seconds gauge",
    "process_start_time_seconds 1.76451900025e+09",
    "process_start_time_seconds 1",
  ));
  equal(found.identityHash, metricHash("me"));
  equal(found.startedAt, "1.76451900025e+09");
  deepEqual(Object.fromEntries(found.newest), { "trousseau": metricHash("new"), 'a\\"}b': metricHash("other") });
  deepEqual(["new", "other", "old", "older"].map((id) => hasKeyId(found, id)), [true, true, false, false]);
});

Deno.test("hasKeyIdAlone() holds for a server with one key ID of all its providers since its start", async () => {
  const cases: readonly (readonly [expected: boolean, ...rows: readonly string[]])[] = [
    [true, row("new", "trousseau", "1.7e+09")],
    [true, row("new", "trousseau", "1.7e+09"), row("new", "other", "1.6e+09")],
    [false, row("new", "trousseau", "1.7e+09"), row("old", "trousseau", "1.6e+09")],
    [false, row("new", "trousseau", "1.7e+09"), row("old", "other", "1.6e+09")],
    [false, row("old", "trousseau", "1.7e+09")],
    [false],
  ];
  for (const [expected, ...rows] of cases) {
    equal(hasKeyIdAlone(await readKeyIdMetrics(linesOf(...rows)), "new"), expected, rows.join("\n"));
  }
});

Deno.test("readKeyIdMetrics() is total", async () => {
  const texts = fc.oneof(fc.string(), fc.string().map((text) => `${metric}{${text}`));
  await fc.assert(fc.asyncProperty(fc.array(texts), async (lines) => {
    const { newest } = await readKeyIdMetrics(linesOf(...lines));
    for (const hash of newest.values()) equal(typeof hash, "string");
  }));
});
