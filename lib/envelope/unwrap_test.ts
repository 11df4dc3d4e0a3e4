import assert from "node:assert/strict";
import { equalBytes } from "../bytes.ts";
import { effectiveCode, KmsError } from "../errors.ts";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { type MemoryProvider, memoryProviders } from "../../tests/support/memory_provider.ts";
import { Latencies } from "./latency.ts";
import { newDek, taggedDek } from "./seal.ts";
import { dekUnwrapper, type Holder, inOrder, unwrapFirst, type UnwrapStrategy } from "./unwrap.ts";

const never = new AbortController().signal;

async function holdersOf(providers: readonly MemoryProvider[], dek: Uint8Array): Promise<Holder[]> {
  return await Promise.all(providers.map(async (provider) => {
    const at = await provider.probe({ signal: never });
    const wrapped = await provider.wrap(taggedDek(dek), at, { signal: never });
    return { provider: dekUnwrapper(provider), wrap: { name: provider.name, ...wrapped }, sick: false };
  }));
}

async function setUp(...names: string[]) {
  const [clock, latencies, dek, providers] = [new FakeClock(), new Latencies(), newDek(), memoryProviders(...names)];
  const holders = await holdersOf(providers, dek);
  const fits = (other: Uint8Array) => equalBytes(dek, other);
  const unwrap = (strategy: UnwrapStrategy = "fastest", signal = never) =>
    unwrapFirst(holders, { signal, clock, strategy, latencies, fits });
  return { clock, latencies, dek, providers, holders, unwrap };
}

Deno.test("unwrapFirst() asks one provider only while it is quick", async () => {
  const { dek, providers, unwrap } = await setUp("a", "b", "c");
  assert.deepEqual((await unwrap()).dek, dek);
  assert.deepEqual(providers.map(({ calls }) => calls.unwrap), [1, 0, 0]);
});

Deno.test("unwrapFirst() asks the next one when the first takes longer than it usually does, and cancels what is left", async () => {
  const { clock, dek, providers: [a, b], latencies, unwrap } = await setUp("a", "b");
  assert.ok(a && b);
  for (let i = 0; i < 20; i++) latencies.note("a", 30);
  a.faults.set("unwrap", "hang");
  const answer = unwrap();
  await clock.advance(29);
  assert.equal(b.calls.unwrap, 0);
  await clock.advance(2);
  assert.equal(b.calls.unwrap, 1);
  assert.deepEqual((await answer).dek, dek);
});

Deno.test("unwrapFirst() asks the next one at once when the first fails", async () => {
  for (const fault of ["unreachable", "key_unknown", "wrong", "integrity"] as const) {
    const { dek, providers: [a], unwrap } = await setUp("a", "b");
    a?.faults.set("unwrap", fault);
    const { dek: found, holder, liars } = await unwrap("ordered");
    assert.deepEqual(found, dek);
    assert.equal(holder.provider.name, "b");
    assert.deepEqual(liars, fault === "wrong" ? ["a"] : []);
  }
});

Deno.test("unwrapFirst() names every member's reason when all fail", async () => {
  const { providers, unwrap } = await setUp("a", "b");
  providers[0]?.faults.set("unwrap", "unreachable");
  providers[1]?.faults.set("unwrap", "permission_denied");
  await assert.rejects(unwrap(), (thrown: unknown) => {
    assert.ok(thrown instanceof KmsError);
    assert.equal(thrown.code, "quorum_not_reached");
    assert.equal(effectiveCode(thrown), "unreachable");
    assert.match(thrown.message, /"a".*"b"/);
    return true;
  });
});

Deno.test("unwrapFirst() stops when its caller does, and every hung call with it", async () => {
  const { clock, providers, unwrap } = await setUp("a", "b", "c");
  providers.forEach(({ faults }) => faults.set("unwrap", "hang"));
  const caller = new AbortController();
  const answer = unwrap("fastest", caller.signal);
  const refused = assert.rejects(
    answer,
    (thrown: unknown) => thrown instanceof KmsError && thrown.code === "cancelled",
  );
  await clock.advance(2_000);
  assert.deepEqual(providers.map(({ calls }) => calls.unwrap), [1, 1, 1]);
  caller.abort();
  await refused;
});

Deno.test("inOrder() puts the quickest, the next in turn, or the first configured first, and the sick last", async () => {
  const { holders, latencies } = await setUp("a", "b", "c");
  latencies.note("a", 50);
  latencies.note("b", 5);
  latencies.note("c", 20);
  const names = (strategy: UnwrapStrategy, turn = 0, sick = "") =>
    inOrder(holders.map((holder) => ({ ...holder, sick: holder.provider.name === sick })), strategy, turn, latencies)
      .map(({ provider }) => provider.name).join("");
  assert.equal(names("fastest"), "bca");
  assert.equal(names("ordered"), "abc");
  assert.deepEqual([0, 1, 2, 3].map((turn) => names("roundrobin", turn)), ["abc", "bca", "cab", "abc"]);
  assert.equal(names("fastest", 0, "b"), "cab");
  assert.equal(names("ordered", 0, "a"), "bca");
});
