/**
 * Secrets on a real etcd, by two servers.
 *
 * @module
 */
import assert from "node:assert/strict";
import { utf8Text } from "../../lib/base/bytes.ts";
import { systemClock } from "../../lib/base/clock.ts";
import { EtcdClient } from "../../lib/net/etcd/etcd_client.ts";
import { folderPath, secretPath } from "../../lib/api/keyring/paths.ts";
import { openEtcdEngine } from "../../lib/services/keyring/engine/etcd_engine.ts";
import { reseal } from "../../lib/services/keyring/records/reseal.ts";
import type { SecretChange } from "../../lib/services/keyring/secrets/model.ts";
import { reindex } from "../../lib/services/keyring/secrets/reindex.ts";
import { secretContexts } from "../../lib/services/keyring/secrets/value_contexts.ts";
import { verifyStore } from "../../lib/services/keyring/secrets/verify.ts";
import { startCluster } from "../support/etcd.ts";
import { textField } from "../support/keyring_secrets.ts";
import { KeyringServer } from "../support/secrets_server.ts";
import { MemoryProvider } from "../support/memory_provider.ts";

const { signal } = new AbortController();
const call = { signal };

async function withServers(work: (one: KeyringServer, other: KeyringServer) => Promise<void>): Promise<void> {
  await using etcd = await startCluster();
  const provider = new MemoryProvider("a");
  const open = async () => {
    const client = await EtcdClient.open(etcd.settings, systemClock, () => {});
    const options = { client, prefix: "/keyring/", clock: systemClock, create: true };
    return { client, engine: await openEtcdEngine(options, signal) };
  };
  const [first, second] = [await open(), await open()];
  try {
    await using one = new KeyringServer(first.engine, provider);
    await using other = new KeyringServer(second.engine, provider);
    await work(one, other);
  } finally {
    for (const { engine, client } of [first, second]) {
      await engine[Symbol.asyncDispose]();
      client[Symbol.dispose]();
    }
  }
}

async function text({ secrets }: KeyringServer, path: string): Promise<string | undefined> {
  const { fields: [field] } = await secrets.read(secretPath(path), { signal });
  return field && utf8Text(field.value);
}

function make({ secrets }: KeyringServer, path: string, value: string): Promise<unknown> {
  return secrets.create(secretPath(path), { fields: [textField("value", value)] }, call);
}

Deno.test("two servers on one etcd: each reads what the other wrote, one creates, and a watch tells of all", () =>
  withServers(async (one, other) => {
    const ending = new AbortController();
    const seen: SecretChange[] = [];
    const watching = (async () => {
      for await (const change of other.secrets.changes(ending.signal)) {
        seen.push(change);
        if (change.path === "end") ending.abort();
      }
    })();
    await make(one, "db/prod/john", "1");
    assert.equal(await text(other, "db/prod/john"), "1");
    const created = await Promise.allSettled([make(one, "db/x", "one"), make(other, "db/x", "other")]);
    assert.equal(created.filter(({ status }) => status === "fulfilled").length, 1);
    await other.secrets.move(secretPath("db/prod/john"), secretPath("people/john"), call);
    assert.equal(await text(one, "people/john"), "1");
    await assert.rejects(text(one, "db/prod/john"), { code: "not_found" });
    const { entries } = await one.secrets.list(folderPath(""), { limit: 10, signal });
    assert.deepEqual(entries.map(({ path }) => path), ["db/", "people/"]);
    await make(one, "end", "");
    await watching;
    assert.ok(["db/x", "people/john", "end"].every((path) => seen.some((change) => change.path === path)));
  }));

Deno.test("an import on etcd is whole for both servers, with writers on the same paths", () =>
  withServers(async (one, other) => {
    const items = Array.from({ length: 120 }, (_, index) => ({
      path: secretPath(`in/${index % 3}/${index}`),
      fields: [textField("value", `v${index}`)],
    }));
    const [report, ...writers] = await Promise.all([
      one.secrets.import(items, { signal, dryRun: false }),
      ...[0, 1, 2].map((index) => make(other, `in/${index}/${index}`, "mine").then(() => "ok", ({ code }) => code)),
    ]);
    for (const [index, { path }] of items.entries()) {
      const value = await text(other, path).catch(({ code }) => code);
      const otherwise = writers[index] === "ok" ? "mine" : "not_found";
      assert.equal(value, report.applied ? `v${index}` : otherwise, path);
    }
    if (!report.applied) {
      assert.equal((await one.secrets.import(items.slice(3), { signal, dryRun: false })).applied, true);
    }
    assert.equal(await text(other, "in/2/119"), "v119");
    assert.deepEqual((await verifyStore(other.store, { signal })).problems, []);
  }));

Deno.test("reindex and reseal by one server on etcd lose nothing that another writes meanwhile", () =>
  withServers(async (one, other) => {
    for (let index = 0; index < 30; index++) await make(one, `f${index % 3}/${index}`, `${index}`);
    let isDone = false;
    const writing = (async () => {
      let count = 0;
      for (; !isDone; count++) await make(other, `w/${count % 2}/${count}`, `${count}`);
      return count;
    })();
    await reindex(one.store, { signal });
    await reseal(one.store, { signal, contexts: secretContexts });
    isDone = true;
    const count = await writing;
    for (let index = 0; index < 30; index++) assert.equal(await text(other, `f${index % 3}/${index}`), `${index}`);
    for (let index = 0; index < count; index++) assert.equal(await text(one, `w/${index % 2}/${index}`), `${index}`);
    assert.deepEqual((await verifyStore(other.store, { signal })).problems, []);
  }));
