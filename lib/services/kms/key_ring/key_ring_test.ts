import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { type Fault, type MemoryProvider, memoryProviders } from "../../../../tests/support/memory_provider.ts";
import { FakeClock } from "../../../../tests/support/fake_clock.ts";
import { MemoryStore } from "../../../../tests/support/memory_store.ts";
import { startNode, type TestNode } from "../../../../tests/support/test_service.ts";
import type { Event } from "../../../telemetry/events.ts";
import type { FirstEncryptState } from "./first_encrypt.ts";

const seed = new Uint8Array(randomBytes(32));
const second = 1_000;
const minute = 60 * second;

function changes(node: TestNode): Extract<Event, { type: "key_id" }>[] {
  return node.events.filter((event) => event.type === "key_id");
}

/** Calls Status, then Encrypt under the ID of that Status, as kube-apiserver does. */
function statusAndEncrypt(node: TestNode): string {
  const { keyId } = node.service.status();
  assert.ok(keyId);
  assert.equal(node.service.encrypt(seed, "v2").keyId, keyId);
  return keyId;
}

async function started(providers: readonly MemoryProvider[], options: Parameters<typeof startNode>[1] = {}) {
  const node = await startNode(providers, options);
  await node.clock.advance(100);
  return node;
}

Deno.test("status() announces an ID as soon as the quorum has wrapped, and keeps it", async () => {
  await using node = await started(memoryProviders("a", "b", "c"));
  const keyId = statusAndEncrypt(node);
  assert.match(keyId, /^t1-[0-9a-f]{32}$/);
  for (let i = 0; i < 100; i++) {
    await node.clock.advance(minute);
    assert.equal(statusAndEncrypt(node), keyId);
  }
  assert.equal(changes(node).length, 1);
});

Deno.test("status() changes the ID exactly once after a rotation, within 180 s, with a Status each minute", async () => {
  const [a, b] = memoryProviders("a", "b") as [MemoryProvider, MemoryProvider];
  await using node = await started([a, b]);
  const old = statusAndEncrypt(node);
  const sealed = node.service.encrypt(seed, "v2");
  await node.clock.advance(7 * minute);
  a.rotate();
  for (let waited = 0; waited < 3; waited++) {
    await node.clock.advance(minute);
    statusAndEncrypt(node);
  }
  const renewed = statusAndEncrypt(node);
  assert.notEqual(renewed, old);
  await node.clock.advance(60 * minute);
  assert.equal(statusAndEncrypt(node), renewed);
  assert.equal(changes(node).length, 2);
  const { plaintext } = await node.service.decrypt(sealed, "v2", { signal: new AbortController().signal });
  assert.deepEqual(plaintext, seed);
});

Deno.test("status() never changes the ID between a Status and the Encrypt that follows within 3 s", async () => {
  const [a] = memoryProviders("a") as [MemoryProvider];
  await using node = await started([a]);
  for (let round = 0; round < 400; round++) {
    if (round % 25 === 5) a.rotate();
    const { keyId } = node.service.status();
    await node.clock.advance(2_900);
    assert.equal(node.service.encrypt(seed, "v2").keyId, keyId);
    await node.clock.advance(5_300);
  }
  assert.equal(changes(node).length, 17);
});

Deno.test("status() changes the ID at most 30 s late under continuous Status calls", async () => {
  const [a] = memoryProviders("a") as [MemoryProvider];
  await using node = await started([a]);
  const old = node.service.status().keyId;
  a.rotate();
  for (let waited = 0; waited < 180 && node.service.status().keyId === old; waited++) await node.clock.advance(second);
  assert.notEqual(node.service.status().keyId, old);
});

Deno.test("status() counts a version only after two probes in a row, and never an older one", async () => {
  const [a] = memoryProviders("a") as [MemoryProvider];
  a.rotate();
  await using node = await started([a]);
  const keyId = statusAndEncrypt(node);
  a.lag = 1;
  await node.clock.advance(10 * minute);
  assert.equal(statusAndEncrypt(node), keyId, "a lagging replica");
  // A single probe returns a version that does not exist: the next one does not confirm it.
  a.lag = 0;
  const probes = a.calls.probe;
  while (a.calls.probe === probes) {
    a.lag = -1;
    await node.clock.advance(second);
  }
  a.lag = 0;
  await node.clock.advance(10 * minute);
  assert.equal(statusAndEncrypt(node), keyId, "a slip");
  assert.equal(node.service.peek().quorum.state, "held");
  assert.equal(changes(node).length, 1);
});

for (const fault of ["hang", "unreachable"] as const) {
  Deno.test(`encrypt() works again at once after a restart while one of three providers is unavailable (${fault})`, async () => {
    const [a, b, c] = memoryProviders("a", "b", "c") as [MemoryProvider, MemoryProvider, MemoryProvider];
    const store = new MemoryStore();
    let keyId: string;
    {
      await using node = await started([a, b, c], { store });
      keyId = statusAndEncrypt(node);
    }
    c.faults.set("all", fault);
    await using again = await startNode([a, b, c], { store });
    await again.clock.advance(600);
    assert.equal(statusAndEncrypt(again), keyId);
    const lacking = () => again.service.peek().providers.filter(({ lacksWrapSince }) => lacksWrapSince !== undefined);
    assert.deepEqual(lacking().map(({ name }) => name), ["c"]);
    c.faults.clear();
    for (let waited = 0; waited < 60; waited++) await again.clock.advance(second);
    assert.deepEqual(lacking(), []);
    assert.equal(statusAndEncrypt(again), keyId);
  });
}

Deno.test("encrypt() waits for a slow provider's wrap once a data key is ready, and does not report it as sick", async () => {
  const [a, b, c] = memoryProviders("a", "b", "c") as [MemoryProvider, MemoryProvider, MemoryProvider];
  const store = new MemoryStore();
  {
    await using node = await started([a, b, c], { store });
    statusAndEncrypt(node);
  }
  const clock = new FakeClock();
  const wrap = c.wrap.bind(c);
  c.wrap = async (dek, at, call) => {
    await clock.sleep(2 * second, call.signal);
    call.signal.throwIfAborted();
    return await wrap(dek, at, call);
  };
  await using node = await startNode([a, b, c], { clock, store });
  const lacking = () => node.service.peek().providers.filter(({ lacksWrapSince }) => lacksWrapSince !== undefined);
  await clock.advance(600);
  statusAndEncrypt(node);
  assert.equal(lacking().length, 1);
  await clock.advance(5 * second);
  assert.equal(lacking().length, 0);
  assert.deepEqual(node.events.filter((event) => event.type === "provider_health" && event.to !== "well"), []);
});

Deno.test("status() never counts a replaced version again, even if the KMS does not order versions", async () => {
  const [a] = memoryProviders("a") as [MemoryProvider];
  a.ordered = false;
  const store = new MemoryStore();
  const ids: string[] = [];
  {
    await using node = await started([a], { store });
    ids.push(statusAndEncrypt(node));
    a.rotate();
    await node.clock.advance(5 * minute);
    ids.push(statusAndEncrypt(node));
    a.lag = 1;
    await node.clock.advance(10 * minute);
    assert.equal(statusAndEncrypt(node), ids[1]);
  }
  await using again = await started([a], { store });
  await again.clock.advance(10 * minute);
  assert.equal(statusAndEncrypt(again), ids[1], "after a restart");
  assert.equal(changes(again).length, 0);
  await using raised = await started([a], { store, keyEpoch: 1 });
  await raised.clock.advance(10 * minute);
  assert.equal(raised.service.peek().providers[0]?.version, "v2", "under a new epoch");
});

Deno.test("a warning is logged once for a KMS that stays behind for longer than a replica lags", async () => {
  for (const ordered of [true, false]) {
    const [a] = memoryProviders("a") as [MemoryProvider];
    a.ordered = ordered;
    await using node = await started([a]);
    a.rotate();
    await node.clock.advance(5 * minute);
    const warnings = () =>
      node.events.filter((event) => event.type === "lifecycle" && event.action === "warning")
        .map((event) => event.type === "lifecycle" ? event.message : "");
    a.lag = 1;
    await node.clock.advance(10 * minute);
    assert.deepEqual(warnings(), []);
    await node.clock.advance(60 * minute);
    assert.equal(warnings().length, 1);
    assert.match(warnings()[0] ?? "", /^Provider "a" still answers with version v1, .* under formerly\.$/);
    a.lag = 0;
    await node.clock.advance(5 * minute);
    a.lag = 1;
    await node.clock.advance(20 * minute);
    assert.equal(warnings().length, 2);
  }
});

Deno.test("status() finds the newest version of a provider that was removed and added again, even if its first answer lags", async () => {
  const [a, b] = memoryProviders("a", "b") as [MemoryProvider, MemoryProvider];
  a.ordered = false;
  const store = new MemoryStore();
  for (const providers of [[a, b], [b]]) {
    await using node = await started(providers, { store, wrap: 1 });
    a.rotate();
    await node.clock.advance(5 * minute);
    node.service.status();
  }
  a.lag = 2;
  await using node = await started([a, b], { store, wrap: 1 });
  a.lag = 1;
  await node.clock.advance(5 * minute);
  const version = () => node.service.peek().providers[0]?.version;
  assert.equal(version(), "v2");
  a.lag = 0;
  await node.clock.advance(5 * minute);
  assert.equal(version(), "v3");
});

Deno.test("status() keeps the ID of a complete node through any outage", async () => {
  const faults: Fault[] = ["hang", "unreachable", "permission_denied", "key_unusable", "throttled", "wrong"];
  for (const fault of faults) {
    const providers = memoryProviders("a", "b", "c");
    await using node = await started(providers);
    const keyId = statusAndEncrypt(node);
    providers.forEach((provider) => provider.faults.set("all", fault));
    await node.clock.advance(60 * minute);
    assert.equal(node.service.status().keyId, keyId, fault);
    providers.forEach((provider) => provider.faults.clear());
    await node.clock.advance(5 * minute);
    assert.equal(statusAndEncrypt(node), keyId, fault);
    assert.deepEqual(node.service.peek().providers.map(({ health }) => health), ["well", "well", "well"], fault);
    assert.equal(changes(node).length, 1);
  }
});

Deno.test("status() is answered after a restart in an outage, and Encrypt works when a KMS is available again", async () => {
  const [a] = memoryProviders("a") as [MemoryProvider];
  const store = new MemoryStore();
  const node = await started([a], { store });
  const keyId = statusAndEncrypt(node);
  await node[Symbol.asyncDispose]();
  a.faults.set("all", "unreachable");
  await using again = await started([a], { store });
  assert.equal(again.service.status().keyId, keyId);
  assert.equal(again.service.peek().canEncrypt, false);
  a.faults.clear();
  await again.clock.advance(30 * second);
  assert.equal(statusAndEncrypt(again), keyId);
  assert.equal(changes(again).length, 0);
});

Deno.test("status() announces a provisional ID after 30 s if the quorum is held without a new provider, and replaces it once", async () => {
  const [a, b, c] = memoryProviders("a", "b", "c") as [MemoryProvider, MemoryProvider, MemoryProvider];
  c.faults.set("all", "hang");
  await using node = await started([a, b, c]);
  await node.clock.advance(25 * second);
  assert.equal(node.service.status().keyId, undefined);
  await node.clock.advance(10 * second);
  assert.equal(node.service.peek().provisional, true);
  statusAndEncrypt(node);
  c.faults.clear();
  await node.clock.advance(3 * minute);
  const { provisional, keyId } = node.service.peek();
  assert.equal(provisional, false);
  assert.equal(changes(node).length, 2);
  await using other = await started([a, b, c]);
  assert.equal(other.service.status().keyId, keyId);
});

Deno.test("status() reports since when a provider lacks a wrap; the data key is made again when it is available", async () => {
  const [a, b, c] = memoryProviders("a", "b", "c") as [MemoryProvider, MemoryProvider, MemoryProvider];
  await using node = await started([a, b, c]);
  c.faults.set("all", "unreachable");
  const since = node.clock.now();
  node.service.encrypt(seed, "v2");
  await node.clock.advance(5 * minute);
  const lacking = () => node.service.peek().providers.find(({ name }) => name === "c")?.lacksWrapSince;
  assert.ok(Math.abs((lacking() ?? 0) - since) < 20 * second);
  assert.equal(node.service.encrypt(seed, "v2").providers.length, 2);
  await node.clock.advance(second);
  c.faults.clear();
  await node.clock.advance(30 * second);
  assert.equal(lacking(), undefined);
  assert.equal(node.service.encrypt(seed, "v2").providers.length, 3);
});

Deno.test("status() shows a refused KEK within 180 s as refused, and an unreachable one as lost", async () => {
  for (const [fault, refused] of [["key_unusable", true], ["unauthenticated", true], ["unreachable", false]] as const) {
    const [a] = memoryProviders("a") as [MemoryProvider];
    await using node = await started([a]);
    assert.equal(node.service.status().quorum.state, "held");
    a.faults.set("all", fault);
    await node.clock.advance(90 * second);
    const { quorum } = node.service.status();
    assert.equal(quorum.state === "lost" && quorum.refused, refused, fault);
    a.faults.clear();
    await node.clock.advance(20 * second);
    assert.equal(node.service.status().quorum.state, "held", fault);
  }
});

Deno.test("status() reports a refused wrap even if the probe succeeds", async () => {
  const [a] = memoryProviders("a") as [MemoryProvider];
  await using node = await started([a]);
  a.faults.set("wrap", "permission_denied");
  node.service.encrypt(seed, "v2");
  await node.clock.advance(5 * minute);
  const { quorum } = node.service.status();
  assert.equal(quorum.state === "lost" && quorum.refused, true);
  a.faults.clear();
  await node.clock.advance(2 * minute);
  assert.equal(node.service.status().quorum.state, "held");
});

Deno.test("encrypt() uses the old ID while the new one cannot be written", async () => {
  const [a] = memoryProviders("a") as [MemoryProvider];
  const store = new MemoryStore();
  await using node = await started([a], { store });
  const old = statusAndEncrypt(node);
  store.broken = true;
  a.rotate();
  await node.clock.advance(10 * minute);
  assert.equal(statusAndEncrypt(node), old);
  store.broken = false;
  await node.clock.advance(minute);
  assert.notEqual(statusAndEncrypt(node), old);
  assert.equal(store.saved?.history.length, 2);
});

Deno.test("open() writes each ID before it is announced", async () => {
  const store = new MemoryStore();
  const [a] = memoryProviders("a") as [MemoryProvider];
  await using node = await startNode([a], { store });
  for (let i = 0; i < 3; i++) {
    await node.clock.advance(5 * minute);
    const announced = node.service.status().keyId;
    assert.ok(store.saved?.history.some(({ id }) => id === announced));
    a.rotate();
  }
});

Deno.test("an idle node probes each provider at most 1,253 times a day and wraps nothing", async () => {
  const [a] = memoryProviders("a") as [MemoryProvider];
  await using node = await started([a]);
  const before = { ...a.calls };
  await node.clock.advance(24 * 60 * minute);
  assert.ok(a.calls.probe - before.probe <= 1253, String(a.calls.probe));
  assert.equal(a.calls.wrap, before.wrap);
  assert.equal(a.calls.unwrap, before.unwrap);
});

Deno.test("adding and removing a provider changes the ID of a node once each, reordering and retiring another never", async () => {
  const [a, b, c, d] = memoryProviders("a", "b", "c", "d") as [
    MemoryProvider,
    MemoryProvider,
    MemoryProvider,
    MemoryProvider,
  ];
  const store = new MemoryStore();
  const changed = async (providers: readonly MemoryProvider[], retired: readonly MemoryProvider[] = []) => {
    await using node = await started(providers, {
      store,
      retired: retired.map((provider) => ({ provider, formerly: [] })),
    });
    for (let waited = 0; waited < 10; waited++) {
      await node.clock.advance(minute);
      statusAndEncrypt(node);
    }
    return changes(node).length;
  };
  assert.equal(await changed([a, b]), 1);
  assert.equal(await changed([b, a]), 0, "reordered");
  assert.equal(await changed([c, a, b]), 1, "added");
  assert.equal(await changed([b, c, a], [d]), 0, "another one retired");
  assert.equal(await changed([b, c], [a]), 1, "retired");
  assert.equal(await changed([c, b], [a]), 0);
  assert.equal(await changed([c, b]), 0, "taken out");
});

Deno.test("the ID is the same for any order of providers, and differs for each change of the configuration", async () => {
  const [a, b] = memoryProviders("a", "b") as [MemoryProvider, MemoryProvider];
  const idOf = async (providers: MemoryProvider[], keyEpoch = 0) => {
    await using node = await started(providers, { keyEpoch });
    return node.service.status().keyId;
  };
  const ids = [await idOf([a, b]), await idOf([a, b], 1), await idOf([a]), await idOf([b])];
  assert.equal(new Set(ids).size, 4);
  assert.equal(await idOf([b, a]), ids[0]);
});

Deno.test("status() reports when the key ID was announced and when an API server first encrypted under it", async () => {
  const [a] = memoryProviders("a") as [MemoryProvider];
  const store = new MemoryStore();
  let kept: FirstEncryptState | undefined;
  const firstEncrypt = {
    read: () => Promise.resolve(kept),
    write: (state: FirstEncryptState) => Promise.resolve(void (kept = state)),
  };
  const announced = { at: 0, used: 0 };
  {
    await using node = await started([a], { store, firstEncrypt });
    const times = () => [node.service.peek().announcedAt, node.service.peek().firstEncryptAt];
    assert.ok(Math.abs((times()[0] ?? NaN) - node.clock.now()) <= 100);
    await node.clock.advance(minute);
    node.service.encrypt(seed, "v1beta1");
    node.service.encrypt(seed, "v2", true);
    assert.equal(times()[1], undefined, "neither over v1beta1 nor by a tool");
    node.service.encrypt(seed, "v2");
    const first = node.clock.now();
    await node.clock.advance(minute);
    node.service.encrypt(seed, "v2");
    assert.equal(times()[1], first);

    a.rotate();
    for (let i = 0; i < 4; i++) {
      await node.clock.advance(minute);
      node.service.status();
    }
    assert.ok((times()[0] ?? 0) > first, "the new ID's");
    assert.equal(times()[1], undefined);
    node.service.encrypt(seed, "v2");
    announced.at = times()[0] ?? NaN;
    announced.used = times()[1] ?? NaN;
    assert.equal(announced.used, node.clock.now());
  }
  // kube-apiserver does not call Encrypt again after a restart of the plugin.
  await using again = await started([a], { store, firstEncrypt });
  const { announcedAt, firstEncryptAt } = again.service.peek();
  assert.deepEqual([announcedAt, firstEncryptAt], [announced.at, announced.used]);
});
