/**
 * The engine on etcd when answers are lost, requests are late, watches fall silent and members die.
 *
 * @module
 */
import assert from "node:assert/strict";
import { utf8 } from "../../lib/base/bytes.ts";
import { systemClock } from "../../lib/base/clock.ts";
import { EtcdClient } from "../../lib/net/etcd/etcd_client.ts";
import { openEtcdEngine } from "../../lib/services/keyring/engine/etcd_engine.ts";
import { type Engine, watchStaleMs } from "../../lib/services/keyring/engine/engine.ts";
import { type EtcdCluster, startCluster } from "../support/etcd.ts";
import { type EtcdGate, type GateFault, openGate } from "../support/etcd_gate.ts";
import { fastPauses } from "../support/fast_clock.ts";
import { pause, waitFor } from "../support/processes.ts";

const { signal } = new AbortController();
const row = { table: "policy", key: Uint8Array.of(1) } as const;
const put = (text: string) => [{ ...row, bytes: utf8(text) }];
const textOf = async (engine: Engine) => {
  const [found] = await engine.get([row], signal);
  return found && new TextDecoder().decode(found.bytes);
};

interface Site {
  readonly etcd: EtcdCluster;
  readonly gate: EtcdGate;
  /** Behind the gate. */
  readonly engine: Engine;
  /** Straight to etcd. */
  readonly other: Engine;
}

async function atSite(work: (site: Site) => Promise<void>): Promise<void> {
  await using etcd = await startCluster();
  await using gate = await openGate(etcd);
  using near = await EtcdClient.open(etcd.settings, systemClock, () => {});
  await using other = await openEtcdEngine({ client: near, prefix: "/k/", clock: systemClock, create: true }, signal);
  const clock = fastPauses(5);
  using far = await EtcdClient.open({ endpoints: [gate.endpoint], tls: {} }, clock, () => {});
  await using engine = await openEtcdEngine({ client: far, prefix: "/k/", clock, create: false }, signal);
  await work({ etcd, gate, engine, other });
}

Deno.test("commit() finds out whether a transaction without an answer was executed, and does it once", async () => {
  await atSite(async ({ gate, engine }) => {
    const faults: readonly (readonly [GateFault, number])[] = [
      ["answer lost", 1],
      ["request lost", 1],
      ["sent twice", 2],
      ["wrong answer", 1],
    ];
    for (const [fault, sent] of faults) {
      const before = gate.executed;
      gate.faults.push(fault);
      const [found] = await engine.get([row], signal);
      const conditions = [{ ...row, version: found?.version ?? "absent" } as const];
      assert.equal(await engine.commit(conditions, put(fault), signal), true, fault);
      assert.deepEqual([await textOf(engine), gate.executed - before], [fault, sent], fault);
      gate.faults.push(fault);
      assert.equal(await engine.commit(conditions, put("refused"), signal), false, fault);
      assert.equal(await textOf(engine), fault);
    }
    assert.deepEqual(engine.health(), { state: "ok" });
  });
});

Deno.test("commit() keeps a transaction that is late from being executed after its outcome was told", async () => {
  await atSite(async ({ gate, engine, other }) => {
    gate.faults.push("request held");
    assert.equal(await engine.commit([], put("one"), signal), true);
    assert.equal(await other.commit([], put("two"), signal), true);
    const [late = ""] = await gate.release();
    assert.ok(!late.includes('"succeeded":true'), late);
    assert.equal(await textOf(other), "two");
  });
});

Deno.test("commit() says that the outcome is unknown when etcd stays away, and goes on when it is back", async () => {
  await atSite(async ({ gate, engine }) => {
    await engine.commit([], put("one"), signal);
    gate.faults.push("answer lost");
    const committed = engine.commit([], put("two"), signal);
    await waitFor("the transaction", () => gate.executed === 2, { timeoutMs: 5_000, everyMs: 1 });
    gate.isDown = true;
    await assert.rejects(committed, (error: { code: string; message: string; details: unknown }) => {
      assert.equal(error.code, "store_unavailable");
      assert.match(
        error.message,
        /^Cannot write to the store: etcd at .* Whether the write has happened cannot be found out now; read/,
      );
      assert.equal((error.details as { outcome?: string }).outcome, "unknown");
      return true;
    });
    assert.equal(engine.health().state, "failed");
    await assert.rejects(engine.get([row], signal), {
      code: "store_unavailable",
      message: /^Cannot read the store: etcd at http/,
    });
    gate.isDown = false;
    assert.equal(await textOf(engine), "two");
    assert.deepEqual(engine.health(), { state: "ok" });
  });
});

Deno.test("watch() is unconfirmed while etcd is away, and gives all changes afterwards", async () => {
  await atSite(async ({ gate, engine, other }) => {
    const control = new AbortController();
    const watch = engine.watch("policy", control.signal);
    const seen: number[] = [];
    const taken = (async () => {
      for await (const names of watch) seen.push(...names.map(({ key }) => key[0] ?? 0));
    })();
    const write = (key: number) =>
      other.commit([], [{ table: "policy", key: Uint8Array.of(key), bytes: utf8("x") }], signal);
    const confirmed = (since: number) =>
      waitFor("the watch", () => watch.confirmedAt() > since, { timeoutMs: 20_000, everyMs: 10 });
    await confirmed(watch.confirmedAt());
    gate.isDown = true;
    await pause(300);
    const at = watch.confirmedAt();
    await write(1);
    await pause(watchStaleMs / 5);
    assert.equal(watch.confirmedAt(), at, "stale after five seconds of the engine's clock");
    gate.isDown = false;
    await confirmed(at);
    assert.deepEqual(seen, [1]);
    gate.isSilent = true;
    await write(2);
    const silentSince = watch.confirmedAt();
    await pause(500);
    gate.isSilent = false;
    await confirmed(silentSince + 1_000);
    assert.deepEqual(seen, [1, 2], "a stream that has lost a change is opened anew");
    control.abort();
    await taken;
  });
});

Deno.test("watch() ends with an error when etcd has compacted changes that were not read", async () => {
  await atSite(async ({ etcd, gate, engine, other }) => {
    const watch = engine.watch("policy", signal);
    const iterator = watch[Symbol.asyncIterator]();
    await other.commit([], put("one"), signal);
    assert.equal((await iterator.next()).value?.length, 1);
    gate.isDown = true;
    await pause(500);
    // The gate lets the stream that is open pass; this one ends it.
    gate.isSilent = true;
    for (let count = 0; count < 3; count++) await other.commit([], put(`${count}`), signal);
    const { header } = await etcd.api("/v3/kv/range", { key: "AA==" });
    await etcd.api("/v3/kv/compaction", { revision: (header as { revision: string }).revision });
    gate.isDown = gate.isSilent = false;
    await assert.rejects(iterator.next(), {
      code: "store_unavailable",
      message: "Cannot watch the store: etcd has compacted changes before they were read; watch it anew.",
    });
    await engine.get([row], signal);
    const control = new AbortController();
    const anew = engine.watch("policy", control.signal);
    await other.commit([], put("again"), signal);
    for await (const names of anew) {
      assert.deepEqual(names, [row]);
      control.abort();
    }
  });
});

Deno.test("openEtcdEngine() warns of an API server's etcd, and refuses a store that is absent, newer or damaged", async () => {
  await using etcd = await startCluster();
  const warnings: string[] = [];
  const notify = (event: object) => void ("message" in event && warnings.push(`${event.message}`));
  using client = await EtcdClient.open(etcd.settings, systemClock, () => {});
  const open = (create: boolean) =>
    openEtcdEngine({ client, prefix: "/k/", clock: systemClock, create, notify }, signal);
  const below = (why: RegExp) => ({ code: "store_unavailable", message: why });
  await assert.rejects(
    open(false),
    below(/^Cannot open the store in etcd below "\/k\/": there is none; restore a backup/),
  );
  const base64 = (text: string) => btoa(text);
  await etcd.api("/v3/kv/put", { key: base64("/k/\x05x"), value: base64("row") });
  await assert.rejects(open(true), below(/its header is missing or damaged; restore a backup/));
  await etcd.api("/v3/kv/put", { key: base64("/k/\x00"), value: base64("\x02newer") });
  await assert.rejects(open(true), below(/it has format 2, and this version knows 1; use the version that wrote it/));
  await etcd.api("/v3/kv/put", { key: base64("/registry/secrets/a"), value: "" });
  await etcd.api("/v3/kv/put", { key: base64("/k/\x00"), value: base64(`\x01${"i".repeat(16)}`) });
  await using engine = await open(false);
  assert.deepEqual(engine.storeId, utf8("i".repeat(16)));
  const warning =
    "The keyring's etcd holds the objects of an API server (/registry/); give it an etcd of its own, or a user " +
    'that is limited to "/k/".';
  assert.equal(warnings.at(-1), warning);
  await etcd.members[0]?.process.kill();
  await assert.rejects(open(false), below(/^Cannot open the store: etcd at https:\S+ refused the connection\.$/));
});

Deno.test("no update is lost or made twice while leaders are killed under three servers", async () => {
  await using etcd = await startCluster(3);
  const orders = [[0, 1, 2], [1, 2, 0], [2, 0, 1]].map((order) => order.map((at) => etcd.settings.endpoints[at] ?? ""));
  const clients = await Promise.all(
    orders.map((endpoints) => EtcdClient.open({ ...etcd.settings, endpoints }, systemClock, () => {})),
  );
  const engines: Engine[] = [];
  for (const client of clients) {
    engines.push(await openEtcdEngine({ client, prefix: "/k/", clock: systemClock, create: true }, signal));
  }
  const [first] = engines;
  assert.ok(first !== undefined);
  await first.commit([], [{ ...row, bytes: Uint8Array.of(0, 0) }], signal);
  const stop = new AbortController();
  let [updates, unknown] = [0, 0];
  const writer = async (engine: Engine) => {
    while (!stop.signal.aborted) {
      try {
        const [found] = await engine.get([row], signal);
        assert.ok(found !== undefined);
        const next = (found.bytes[0] ?? 0) * 256 + (found.bytes[1] ?? 0) + 1;
        if (await engine.commit([found], [{ ...row, bytes: Uint8Array.of(next >> 8, next) }], signal)) updates++;
      } catch (thrown) {
        const { code, details } = thrown as { code: string; details: { outcome?: string } };
        assert.equal(code, "store_unavailable");
        if (details.outcome === "unknown") unknown++;
      }
    }
  };
  const writers = engines.flatMap((engine) => [writer(engine), writer(engine)]);
  for (const member of [0, 1, 2].map((at) => etcd.members[at])) {
    await pause(1_500);
    await member?.process.kill();
    await pause(1_500);
    member?.start();
  }
  await pause(3_000);
  stop.abort();
  await Promise.all(writers);
  const { value: found } = await waitFor("etcd", async () => (await first.get([row], signal))[0], {
    timeoutMs: 30_000,
  });
  const total = (found.bytes[0] ?? 0) * 256 + (found.bytes[1] ?? 0);
  assert.ok(updates > 20, `${updates} updates`);
  assert.ok(total >= updates && total <= updates + unknown, `${total} of ${updates} and ${unknown} unknown ones`);
  for (const engine of engines) await engine[Symbol.asyncDispose]();
  clients.forEach((client) => client[Symbol.dispose]());
});
