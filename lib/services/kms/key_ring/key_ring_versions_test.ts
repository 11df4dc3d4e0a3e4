import assert from "node:assert/strict";
import { changes, minute, second, started, statusAndEncrypt } from "../../../../tests/support/key_ring_node.ts";
import { type MemoryProvider, memoryProviders } from "../../../../tests/support/memory_provider.ts";
import { MemoryStore } from "../../../../tests/support/memory_store.ts";

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
