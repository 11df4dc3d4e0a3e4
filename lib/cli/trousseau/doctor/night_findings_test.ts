import { deepEqual, match } from "node:assert/strict";
import type { UsageRow } from "../../../cluster/encryption_usage.ts";
import { TemporaryConfig } from "../../../../tests/support/temporary_config.ts";
import { fakeTerminal } from "../../../../tests/support/fake_terminal.ts";
import { loadConfig } from "../../../config/load.ts";
import { nightFindings } from "./night_findings.ts";

/** A configuration with local keys of these names. */
async function configWith(names: readonly string[], changes: Readonly<Record<string, unknown>> = {}) {
  await using config = await TemporaryConfig.make();
  const providers = names.map((name) => ({
    name,
    kind: "local",
    keyFile: `${config.folder}/${name}.keys`,
    create: true,
  }));
  await config.write({ providers, ...changes });
  const { environment, files } = fakeTerminal();
  return await loadConfig(config.file, environment, files);
}

/** A row of objects with wraps by these providers. */
function rowOf(objects: number, ...names: readonly string[]): UsageRow {
  return {
    resource: "secrets",
    state: "kms-v2",
    provider: "trousseau",
    keyId: "t1-a",
    format: "trousseau-v2",
    wraps: names.map((name) => ({ name, version: "1" })),
    objects,
    olderRevisions: 0,
    oldestRevision: 1,
    names: [],
  };
}

Deno.test("nightFindings() finds that others take over, if enough of them are well", async () => {
  const config = await configWith(["a", "b", "c"]);
  const all = new Set(["a", "b", "c"]);
  const subject = { config, status: undefined, objects: undefined };
  deepEqual(nightFindings({ ...subject, well: all }).map(({ id }) => id), Array(3).fill("night-survived"));
  const found = nightFindings({ ...subject, well: new Set(["a", "b"]) });
  deepEqual(found.map(({ id }) => id), ["night-writes-end", "night-writes-end", "night-survived"]);
  match(found[0]?.sentence ?? "", /1 of 2 needed providers would wrap, and writes go on .*; reads go on by b\.$/);
});

Deno.test("nightFindings() says how each outage policy goes on with one provider", async () => {
  const sentences = [];
  for (const policy of ["keepWriting", "failReady", "failClosed"]) {
    const config = await configWith(["a"], { outage: { policy, after: "10m" } });
    const [found] = nightFindings({ config, well: new Set(["a"]), status: undefined, objects: undefined });
    sentences.push(found?.sentence ?? "");
  }
  match(sentences[0] ?? "", /writes go on with the last data key; reads go on by .* for 1d or until a restart/);
  match(sentences[1] ?? "", /reports itself as unwell after 10m/);
  match(sentences[2] ?? "", /writes fail after 10m/);
});

Deno.test("nightFindings() counts the objects that one provider alone has wrapped, under its former names too", async () => {
  const config = await configWith(["a", "b"]);
  const providers = config.providers.map((one) => one.name === "a" ? { ...one, formerly: ["old"] } : one);
  const rows = [rowOf(5, "a", "b"), rowOf(2, "a"), rowOf(1, "old"), rowOf(9)];
  const subject = { config: { ...config, providers }, well: new Set(["a", "b"]), status: undefined };
  const found = nightFindings({ ...subject, objects: { source: "s.db", rows } });
  deepEqual(found.slice(2).map(({ id }) => id), ["night-data-lost", "night-data-kept"]);
  match(found[2]?.sentence ?? "", /: 3 objects in s\.db would be lost/);
  match(found[3]?.sentence ?? "", /all 8 objects in s\.db would still open/);
});
