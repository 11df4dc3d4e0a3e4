import { deepEqual, equal, ok } from "node:assert/strict";
import { hour, minute, second, settled } from "../../tests/support/kek_group_stage.ts";
import { MemoryProvider, memoryProviders } from "../../tests/support/memory_provider.ts";
import type { Wrap } from "../envelope/wrap.ts";
import type { KekGroupOptions } from "./kek_group.ts";

type Stage = Awaited<ReturnType<typeof settled>>;

const named = (provider: MemoryProvider) => ({ provider, formerly: [] });

/** A group with a retired provider, and what that provider wrapped. */
async function withRetired(options: Partial<KekGroupOptions> = {}) {
  const [old = new MemoryProvider("old"), a = new MemoryProvider("a")] = memoryProviders("old", "a");
  await using before = await settled([old]);
  const wraps = await before.wrap();
  Object.assign(old.calls, { probe: 0, wrap: 0, unwrap: 0 });
  const stage = await settled([a], { retired: [named(old)], ...options });
  stage.dek.set(before.dek);
  return { stage, old, wraps };
}

function retiredOf(stage: Stage): readonly [string | undefined, number | undefined] {
  const [old] = stage.group.status().retired;
  return [old?.health, old?.lastGoodAt];
}

Deno.test("KekGroup finds the end of a retired provider's outage without a Decrypt, by unwraps alone", async () => {
  const { stage, old, wraps } = await withRetired();
  await using _ = stage;
  old.faults.set("all", "unreachable");
  equal(await stage.open(wraps), "unreachable");
  old.faults.set("probe", "permission_denied");
  old.faults.set("wrap", "permission_denied");
  old.faults.delete("all");
  await stage.clock.advance(minute - 1);
  deepEqual([retiredOf(stage), old.calls.unwrap], [["sick", undefined], 1]);
  await stage.clock.advance(1);
  equal(retiredOf(stage)[0], "well");
  await stage.clock.advance(24 * hour);
  deepEqual(old.calls, { probe: 0, wrap: 0, unwrap: 2 });
});

Deno.test("KekGroup asks a retired provider that stays away at most a hundred times a day, and finds it when it is back", async () => {
  const { stage, old, wraps } = await withRetired();
  await using _ = stage;
  old.faults.set("all", "unreachable");
  await stage.open(wraps);
  await stage.clock.advance(31 * minute);
  equal(old.calls.unwrap, 6, "after 1, 3, 7, 15 and 30 minutes");
  await stage.clock.advance(24 * hour - 31 * minute);
  ok(old.calls.unwrap < 101, `${old.calls.unwrap} calls`);
  const before = old.calls.unwrap;
  await stage.clock.advance(24 * hour);
  equal(old.calls.unwrap - before, 96);
  equal(retiredOf(stage)[0], "sick");
  old.faults.clear();
  await stage.clock.advance(15 * minute);
  equal(retiredOf(stage)[0], "well");
});

Deno.test("KekGroup has one repeated unwrap for a provider, however many fail", async () => {
  const { stage, old, wraps } = await withRetired();
  await using _ = stage;
  old.faults.set("all", "unreachable");
  for (let i = 0; i < 20; i++) await stage.open(wraps);
  equal(old.calls.unwrap, 20);
  await stage.clock.advance(3 * minute);
  equal(old.calls.unwrap, 22);
});

Deno.test("KekGroup repeats no unwrap of a provider that a Decrypt has found to be well", async () => {
  const { stage, old, wraps } = await withRetired();
  await using _ = stage;
  old.faults.set("all", "unreachable");
  await stage.open(wraps);
  old.faults.clear();
  equal(await stage.open(wraps), "miss");
  await stage.clock.advance(hour);
  deepEqual([retiredOf(stage)[0], old.calls.unwrap], ["well", 2]);
});

Deno.test("KekGroup that only unwraps finds the end of an outage without a Decrypt", async () => {
  const [a = new MemoryProvider("a")] = memoryProviders("a");
  await using wrapping = await settled([a]);
  const wraps = await wrapping.wrap();
  await using stage = await settled([a], { wrap: "none", probes: { when: "while_unwell", intervalMs: minute } });
  a.faults.set("all", "unreachable");
  await stage.open(wraps);
  equal(stage.group.status().providers[0]?.health, "sick");
  a.faults.clear();
  await stage.clock.advance(2 * minute);
  equal(stage.group.status().providers[0]?.health, "well");
});

Deno.test("KekGroup repeats no unwrap of a provider that it probes", async () => {
  const [a = new MemoryProvider("a")] = memoryProviders("a");
  for (const when of ["always", "while_unwell"] as const) {
    a.faults.clear();
    await using stage = await settled([a], { probes: { when, intervalMs: minute, random: () => 0.5 } });
    const wraps = await stage.wrap();
    a.faults.set("all", "unreachable");
    await stage.open(wraps);
    const before = a.calls.unwrap;
    await stage.clock.advance(hour);
    equal(a.calls.unwrap, before, when);
  }
});

Deno.test("KekGroup takes a KMS that refuses the bytes for one that is back, and not for a success", async () => {
  for (const code of ["integrity", "key_unknown", "key_unusable", "permission_denied"] as const) {
    const { stage, old, wraps } = await withRetired();
    await using _ = stage;
    old.faults.set("all", "unreachable");
    await stage.open(wraps);
    old.faults.set("all", code);
    await stage.clock.advance(minute);
    deepEqual(retiredOf(stage), ["well", undefined], code);
    await stage.clock.advance(hour);
    equal(old.calls.unwrap, 2);
  }
});

Deno.test("KekGroup goes on where a KMS throttles, refuses the login, answers wrongly or not at all", async () => {
  const expected = { throttled: "sick", unauthenticated: "refusing", provider_protocol: "sick", hang: "sick" } as const;
  for (const [fault, health] of Object.entries(expected)) {
    const { stage, old, wraps } = await withRetired();
    await using _ = stage;
    old.faults.set("all", "unreachable");
    await stage.open(wraps);
    old.faults.set("all", fault as keyof typeof expected);
    await stage.clock.advance(hour);
    deepEqual([retiredOf(stage)[0], old.calls.unwrap > 5], [health, true], fault);
    old.faults.clear();
    await stage.clock.advance(16 * minute);
    equal(retiredOf(stage)[0], "well", fault);
  }
});

Deno.test("KekGroup repeats no unwrap that gave the wrong bytes: the provider stays sick until it gives the right ones", async () => {
  const [old = new MemoryProvider("old"), a = new MemoryProvider("a")] = memoryProviders("old", "a");
  await using stage = await settled([a], { retired: [named(old)] });
  const [ofA] = await stage.wrap();
  const wrapped = await old.wrap(new Uint8Array(47), { version: "v1" }, { signal: AbortSignal.timeout(60_000) });
  const wraps = [{ name: "old", ...wrapped }, ofA].filter((wrap): wrap is Wrap => wrap !== undefined);
  old.faults.set("unwrap", "wrong");
  equal(await stage.open(wraps), "miss");
  equal(retiredOf(stage)[0], "sick");
  const before = old.calls.unwrap;
  await stage.clock.advance(hour);
  deepEqual([retiredOf(stage)[0], old.calls.unwrap], ["sick", before]);
});

Deno.test("KekGroup ends its repeated unwraps when it is disposed of, in a pause and in a call, and leaves no timer", async () => {
  for (const ms of [30 * second, minute + second]) {
    const { stage, old, wraps } = await withRetired();
    old.faults.set("all", "unreachable");
    await stage.open(wraps);
    old.faults.set("all", "hang");
    await stage.clock.advance(ms);
    await stage[Symbol.asyncDispose]();
    await stage.clock.settle();
    deepEqual([stage.clock.untilNext(), retiredOf(stage)[0]], [Infinity, "sick"]);
  }
});
