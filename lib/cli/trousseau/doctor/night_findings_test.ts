import { deepEqual, match } from "node:assert/strict";
import type { UsageRow } from "../../../cluster/encryption_usage.ts";
import { TemporaryConfig } from "../../../../tests/support/temporary_config.ts";
import { fakeTerminal } from "../../../../tests/support/fake_terminal.ts";
import type { ProviderConfig } from "../../../config/config.ts";
import { loadConfig } from "../../../config/load.ts";
import { Hpke } from "../../../provider/recovery/hpke.ts";
import { publicKeyText } from "../../../provider/recovery/key_text.ts";
import { nightFindings } from "./night_findings.ts";

/** A configuration with local keys of these names, and further providers. */
async function configWith(
  names: readonly string[],
  changes: Readonly<Record<string, unknown>> = {},
  more: readonly unknown[] = [],
) {
  await using config = await TemporaryConfig.make();
  const providers = names.map((name) => ({
    name,
    kind: "local",
    keyFile: `${config.folder}/${name}.keys`,
    create: true,
  }));
  await config.write({ providers: [...providers, ...more], ...changes });
  const { environment, files } = fakeTerminal();
  return await loadConfig(config.file, environment, files);
}

/** A row of objects with wraps by these providers. */
function rowOf(objects: number, ...names: readonly string[]): UsageRow {
  return {
    resource: "secrets",
    state: "trousseau-v2",
    provider: "trousseau",
    keyId: "t1-a",
    format: null,
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
  match(
    found[0]?.sentence ?? "",
    /1 of 2 needed providers would wrap, and writes go on .*; data that b has wrapped is still read\.$/,
  );
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

/** The providers without one, and that one. */
function parted(all: readonly ProviderConfig[], name: string) {
  return [all.filter((one) => one.name !== name), all.filter((one) => one.name === name)] as const;
}

/** The IDs, and the sentences in one text. */
function said(found: ReturnType<typeof nightFindings>) {
  return [found.map(({ id }) => id), found.map(({ sentence }) => sentence).join("\n")] as const;
}

Deno.test("nightFindings() takes no wrap of a provider that is not configured for a rescue", async () => {
  const config = await configWith(["a"]);
  const subject = { config, well: new Set(["a"]), status: undefined };
  const [ids, text] = said(nightFindings({ ...subject, objects: { source: "s", rows: [rowOf(4, "a", "removed")] } }));
  deepEqual(ids, ["night-writes-end", "night-data-lost"]);
  match(text, /: 4 objects in s would be lost/);
  const rows = [rowOf(4, "a"), rowOf(3, "removed")];
  const [orphaned, names] = said(nightFindings({ ...subject, objects: { source: "s", rows } }));
  deepEqual(orphaned, ["night-writes-end", "night-data-lost", "night-data-closed"]);
  match(names, /No provider of the configuration has wrapped 3 objects in s \("removed"\)/);
});

Deno.test("nightFindings() takes retired and recovery providers for a rescue, but no version that was given up", async () => {
  const { publicKey } = await new Hpke().newKeyPair();
  const safe = { name: "safe", formerly: ["vault-safe"], kind: "recovery", recipients: [publicKeyText(publicKey)] };
  const config = await configWith(["a", "b", "c"], { forgotten: ["c@1"] }, [safe]);
  const [providers, retired] = parted(config.providers, "c");
  const subject = {
    config: { ...config, providers, retired: retired.map((one) => ({ ...one, formerly: ["old"] })) },
    well: new Set(["a", "b"]),
    status: undefined,
  };
  const lost = (...rows: UsageRow[]) => {
    const found = nightFindings({ ...subject, objects: { source: "s", rows } });
    return found.find(({ sentence }) => sentence.startsWith('If "a" were gone for ever'))?.id;
  };
  deepEqual(lost(rowOf(1, "a", "vault-safe"), rowOf(1, "a", "old")), "night-data-kept");
  deepEqual(lost(rowOf(1, "a", "c")), "night-data-lost");
});

Deno.test("nightFindings() says which objects the other providers do not read", async () => {
  const config = await configWith(["a", "b"], { wrap: 1 });
  const subject = { config, well: new Set(["a", "b"]), status: undefined };
  const [unknown, text] = said(nightFindings({ ...subject, objects: undefined }));
  deepEqual(unknown, ["night-survived", "night-survived"]);
  match(text, /If "a" were gone now: writes go on by b, and data that b has wrapped is still read\./);
  const [ids, counted] = said(nightFindings({ ...subject, objects: { source: "s", rows: [rowOf(7, "a")] } }));
  deepEqual(ids, ["night-reads-end", "night-survived", "night-data-lost", "night-data-kept"]);
  match(counted, /If "a" were gone now: writes go on by b, but 7 of 7 objects in s are read by data keys .* for 1d /);
  match(counted, /If "b" were gone now: writes go on by a, and all 7 objects in s are still read\./);
});

Deno.test("nightFindings() counts a retired provider for reads if it is well", async () => {
  const config = await configWith(["a", "b", "c"], { wrap: 1 });
  const [providers, retired] = parted(config.providers, "c");
  const subject = { config: { ...config, providers, retired }, status: undefined };
  const objects = { source: "s", rows: [rowOf(2, "a", "c")] };
  const first = (...well: string[]) => nightFindings({ ...subject, well: new Set(well), objects })[0]?.id;
  deepEqual([first("a", "b", "c"), first("a", "b")], ["night-survived", "night-reads-end"]);
});

Deno.test("nightFindings() finds the provider of foreign data, and leaves out what no provider is named for", async () => {
  const config = await configWith(["a", "b"]);
  const readForeign = [{ format: "aws-encryption-provider", providers: [{ written: "", name: "a" }] }] as const;
  const row = { ...rowOf(6, ""), state: "foreign", format: "aws-encryption-provider" } as const;
  const ids = (sources: typeof config.readForeign) => {
    const subject = { config: { ...config, readForeign: sources }, well: new Set(["a", "b"]), status: undefined };
    return nightFindings({ ...subject, objects: { source: "s", rows: [row] } }).slice(2).map(({ id }) => id);
  };
  deepEqual(ids(readForeign), ["night-data-lost", "night-data-kept"]);
  deepEqual(ids([]), ["night-data-kept", "night-data-kept"]);
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
