import assert from "node:assert/strict";
import { changes, minute, second, seed, started, statusAndEncrypt } from "../../../../tests/support/key_ring_node.ts";
import { type MemoryProvider, memoryProviders } from "../../../../tests/support/memory_provider.ts";
import { MemoryStore } from "../../../../tests/support/memory_store.ts";
import { startNode } from "../../../../tests/support/test_service.ts";
import type { FirstEncryptState } from "./first_encrypt.ts";

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
