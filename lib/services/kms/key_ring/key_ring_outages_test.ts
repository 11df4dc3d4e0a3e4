import assert from "node:assert/strict";
import { changes, minute, second, seed, started, statusAndEncrypt } from "../../../../tests/support/key_ring_node.ts";
import { type Fault, type MemoryProvider, memoryProviders } from "../../../../tests/support/memory_provider.ts";
import { FakeClock } from "../../../../tests/support/fake_clock.ts";
import { MemoryStore } from "../../../../tests/support/memory_store.ts";
import { startNode } from "../../../../tests/support/test_service.ts";

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
