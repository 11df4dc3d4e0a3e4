import assert from "node:assert/strict";
import { FakeClock } from "../../../tests/support/fake_clock.ts";
import { MemoryProvider, memoryProviders } from "../../../tests/support/memory_provider.ts";
import { startNode } from "../../../tests/support/test_service.ts";
import { deadlineBy } from "../../base/clock.ts";
import { retrying } from "../../provider/retrying.ts";
import { codeOf, flipped, hour, minute, opened, seed, started } from "../../../tests/support/started_node.ts";

Deno.test("decrypt() calls its KMS once for concurrent requests, and not again within maxAge", async () => {
  const [a] = memoryProviders("a") as [MemoryProvider];
  await using node = await started([a]);
  const sealed = node.service.encrypt(seed, "v2");
  await using fresh = await started([a]);
  const before = a.calls.unwrap;
  await Promise.all(Array.from({ length: 50 }, () => opened(fresh, sealed)));
  await fresh.clock.advance(9 * minute);
  await opened(fresh, sealed);
  const probesAndWraps = a.calls.unwrap - before;
  assert.equal(probesAndWraps, 1);
  await fresh.clock.advance(2 * minute);
  await opened(fresh, sealed);
  assert.equal(a.calls.unwrap - before, 2);
});

Deno.test("decrypt() of a valid envelope does not fail because of a concurrent invalid one with the same wraps", async () => {
  const [a] = memoryProviders("a") as [MemoryProvider];
  await using node = await started([a]);
  const sealed = node.service.encrypt(seed, "v2");
  const bad = { ...sealed, ciphertext: flipped(sealed.ciphertext, 60) };
  await using fresh = await started([a]);
  const codes = [bad, sealed, sealed, bad, sealed].map((one) => codeOf(() => opened(fresh, one)));
  assert.deepEqual(await Promise.all(codes), ["integrity", "ok", "ok", "integrity", "ok"]);
});

Deno.test("decrypt() of this node's own data needs no KMS", async () => {
  const [a] = memoryProviders("a") as [MemoryProvider];
  await using node = await started([a]);
  const sealed = node.service.encrypt(seed, "v2");
  await node.clock.advance(1_000);
  a.faults.set("all", "unreachable");
  assert.deepEqual(await opened(node, sealed), seed);
});

Deno.test("decrypt() serves a cached data key in an outage, up to the grace since the last successful call", async () => {
  for (const fault of ["unreachable", "hang"] as const) {
    const [a] = memoryProviders("a") as [MemoryProvider];
    await using node = await started([a]);
    const sealed = node.service.encrypt(seed, "v2");
    await node.clock.advance(72 * hour);
    a.faults.set("all", fault);
    const within = async (ms: number) => {
      const answer = codeOf(() => node.service.decrypt(sealed, "v2", { signal: new AbortController().signal }));
      await node.clock.advance(ms);
      return await Promise.race([answer, Promise.resolve("late")]);
    };
    assert.equal(await within(2_900), "ok", fault);
    await node.clock.advance(23 * hour);
    assert.equal(await within(2_900), "ok", fault);
    await node.clock.advance(hour);
    assert.notEqual(await within(15_000), "ok", fault);
    a.faults.clear();
    await node.clock.advance(minute);
    assert.equal(await within(2_900), "ok", "and opens again when the KMS is back");
  }
});

Deno.test("decrypt() without grace refuses as soon as the KMS is unavailable", async () => {
  const [a] = memoryProviders("a") as [MemoryProvider];
  const cache = { entries: 10, maxAgeMs: 10 * minute, graceOnOutageMs: 0, lifetimeMs: 24 * hour };
  await using node = await started([a], { cache });
  const sealed = node.service.encrypt(seed, "v2");
  await node.clock.advance(11 * minute);
  a.faults.set("all", "unreachable");
  assert.equal(await codeOf(() => opened(node, sealed)), "unreachable");
});

Deno.test("decrypt() drops a cached data key on a confirmed refusal only", async () => {
  const [a] = memoryProviders("a") as [MemoryProvider];
  await using node = await started([a]);
  const sealed = node.service.encrypt(seed, "v2");
  await node.clock.advance(11 * minute);
  a.faults.set("all", "permission_denied");
  assert.equal(await codeOf(() => opened(node, sealed)), "ok", "said once");
  await node.clock.advance(5_000);
  assert.equal(await codeOf(() => opened(node, sealed)), "ok", "not asked again yet");
  await node.clock.advance(6_000);
  assert.equal(await codeOf(() => opened(node, sealed)), "permission_denied", "said twice");
  a.faults.set("all", "unreachable");
  assert.equal(await codeOf(() => opened(node, sealed)), "unreachable", "gone from the cache");
});

Deno.test("decrypt() drops a cached data key at once when its KEK is disabled, but not while another provider holds it", async () => {
  const [a, b] = memoryProviders("a", "b") as [MemoryProvider, MemoryProvider];
  await using node = await started([a, b]);
  const sealed = node.service.encrypt(seed, "v2");
  await node.clock.advance(11 * minute);
  a.faults.set("all", "key_unusable");
  b.faults.set("all", "unreachable");
  assert.equal(await codeOf(() => opened(node, sealed)), "ok");
  b.faults.set("all", "key_unusable");
  await node.clock.advance(11_000);
  assert.equal(await codeOf(() => opened(node, sealed)), "key_unusable");
});

Deno.test("decrypt() reports a cancellation by its caller, and the next one works", async () => {
  const [a] = memoryProviders("a") as [MemoryProvider];
  await using node = await started([a]);
  const sealed = node.service.encrypt(seed, "v2");
  await using fresh = await started([a]);
  a.faults.set("unwrap", "hang");
  const caller = new AbortController();
  const answer = codeOf(() => fresh.service.decrypt(sealed, "v2", { signal: caller.signal }));
  await fresh.clock.settle();
  caller.abort();
  assert.equal(await answer, "cancelled");
  a.faults.clear();
  assert.deepEqual(await opened(fresh, sealed), seed);
});

Deno.test("decrypt() with a throttling KMS is answered, or ends shortly before its caller's deadline with the KMS's error", async () => {
  for (const deadline of [1_000, 2_900, 8_000]) {
    for (const busyMs of [deadline / 2, Infinity]) {
      const clock = new FakeClock();
      const memory = new MemoryProvider("a");
      await using writer = await startNode([memory], { clock });
      await clock.advance(100);
      const sealed = writer.service.encrypt(seed, "v2");
      await using reader = await startNode([retrying(memory, { clock, random: () => 0.5 })], { clock });
      await clock.advance(100);
      memory.faults.set("unwrap", "throttled");
      clock.after(busyMs, () => memory.faults.clear());
      const began = clock.now();
      using bound = deadlineBy(clock, deadline, new AbortController().signal);
      // An earlier call with a shorter deadline does not shorten that of the other one.
      using short = deadlineBy(clock, 400, new AbortController().signal);
      const early = codeOf(() => reader.service.decrypt(sealed, "v2", short));
      let endedAt = NaN;
      const outcome = codeOf(() => reader.service.decrypt(sealed, "v2", bound)).finally(() => endedAt = clock.now());
      await clock.advance(deadline);
      assert.equal(await outcome, busyMs === Infinity ? "throttled" : "ok");
      assert.ok(["throttled", "deadline_exceeded"].includes(await early));
      const took = endedAt - began;
      assert.ok(took >= Math.min(busyMs, deadline - 300) && took < deadline, `${took} of ${deadline}`);
    }
  }
});

Deno.test("a wrap by a throttling KMS is repeated within the time limit of a data key's preparation", async () => {
  const clock = new FakeClock();
  const memory = new MemoryProvider("a");
  memory.faults.set("wrap", "throttled");
  clock.after(8_000, () => memory.faults.clear());
  await using node = await startNode([retrying(memory, { clock, random: () => 0.5 })], { clock });
  await clock.advance(11_000);
  assert.equal(await codeOf(() => node.service.encrypt(seed, "v2")), "ok");
  assert.ok(memory.calls.wrap >= 6 && memory.calls.wrap <= 13, `${memory.calls.wrap} wraps`);
});
