import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { MemoryProvider, memoryProviders } from "../../tests/support/memory_provider.ts";
import type { KeyState } from "../provider/provider.ts";
import { hour, minute, second, settled, signal } from "../../tests/support/kek_group_stage.ts";

Deno.test("KekGroup that probes while unwell leaves a provider alone that is well, and finds the end of an outage", async () => {
  const [a = new MemoryProvider("a")] = memoryProviders("a");
  await using stage = await settled([a], { probes: { when: "while_unwell", intervalMs: minute } });
  assert.equal(a.calls.probe, 1);
  // Away from the hourly look at a provider that rests.
  await stage.clock.advance(5 * hour + 30 * minute);
  assert.equal(a.calls.probe, 1);
  a.faults.set("all", "unreachable");
  await assert.rejects(stage.wrap(), { code: "unreachable" });
  assert.equal(stage.group.status().quorum.state, "lost");
  a.faults.clear();
  await stage.clock.advance(15 * second);
  assert.equal(stage.group.status().quorum.state, "held");
});

Deno.test("KekGroup that probes while unwell ends an outage of wraps with the next good unwrap", async () => {
  const [a = new MemoryProvider("a")] = memoryProviders("a");
  await using stage = await settled([a], { probes: { when: "while_unwell", intervalMs: hour } });
  const wraps = await stage.wrap();
  a.faults.set("all", "unreachable");
  await assert.rejects(stage.wrap(), { code: "unreachable" });
  assert.equal(stage.group.status().providers[0]?.health, "sick");
  a.faults.clear();
  assert.equal(await stage.open(wraps), "miss");
  assert.equal(stage.group.status().providers[0]?.health, "well");
});

Deno.test("KekGroup ends a refusal to wrap with a wrap alone, whatever unwraps and answers probes", async () => {
  for (const when of ["always", "while_unwell"] as const) {
    const [a = new MemoryProvider("a")] = memoryProviders("a");
    await using stage = await settled([a], { probes: { when, intervalMs: minute } });
    const wraps = await stage.wrap();
    a.faults.set("wrap", "permission_denied");
    await assert.rejects(stage.wrap(), { code: "permission_denied" });
    assert.equal(await stage.open(wraps), "miss");
    await stage.clock.advance(hour);
    assert.equal(stage.group.status().providers[0]?.health, "refusing", when);
    a.faults.clear();
    await stage.wrap();
    assert.equal(stage.group.status().providers[0]?.health, "well");
  }
});

Deno.test("KekGroup that always probes does not take a good unwrap for the end of an outage", async () => {
  const [a = new MemoryProvider("a")] = memoryProviders("a");
  await using stage = await settled([a]);
  const wraps = await stage.wrap();
  a.faults.set("probe", "unreachable");
  await stage.clock.advance(2 * minute);
  assert.equal(await stage.open(wraps), "miss");
  assert.equal(stage.group.status().providers[0]?.health, "sick");
});

Deno.test("KekGroup that always probes does not take a good probe for the end of an outage of wraps", async () => {
  const [a = new MemoryProvider("a")] = memoryProviders("a");
  await using stage = await settled([a]);
  a.faults.set("wrap", "unreachable");
  await assert.rejects(stage.wrap(), { code: "unreachable" });
  await stage.clock.advance(5 * minute);
  assert.equal(stage.group.status().quorum.state, "lost", "else it would be held and lost by turns");
  a.faults.clear();
  await stage.wrap();
  assert.equal(stage.group.status().quorum.state, "held");
});

Deno.test("KekGroup that only unwraps makes no other call, and always holds its quorum of none", async () => {
  const [a = new MemoryProvider("a")] = memoryProviders("a");
  const probes = { when: "while_unwell", intervalMs: minute } as const;
  await using stage = await settled([a], { wrap: "none", probes });
  assert.equal(stage.group.status().quorum.state, "held");
  await stage.clock.advance(hour);
  a.faults.set("unwrap", "unreachable");
  const wrapped = await a.wrap(new Uint8Array(randomBytes(47)), { version: "v1" }, { signal });
  assert.equal(await stage.open([{ name: "a", ...wrapped }]), "unreachable");
  const { quorum, needed, providers } = stage.group.status();
  assert.deepEqual([quorum.state, needed, providers[0]?.health, a.calls.probe], ["held", 0, "sick", 0]);
});

Deno.test("KekGroup.start() probes at the interval, and soon again where a version has to be confirmed", async () => {
  for (const [confirms, expected] of [[undefined, [1, 2]], [false, [1, 2]], [true, [12, 13]]] as const) {
    const [a = new MemoryProvider("a")] = memoryProviders("a");
    const seen: string[] = [];
    const onState = (name: string, { version }: KeyState) => {
      seen.push(`${name} ${version}`);
      return confirms === true;
    };
    await using stage = await settled([a], {}, ...(confirms === undefined ? [] : [onState]));
    await stage.clock.advance(minute - 1);
    const before = a.calls.probe;
    await stage.clock.advance(1);
    assert.deepEqual([before, a.calls.probe], expected);
    if (confirms !== undefined) assert.deepEqual(seen.slice(0, 2), ["a v1", "a v1"]);
  }
});

Deno.test("KekGroup.open() has a provider probed soon after an unwrap of it failed", async () => {
  const [a = new MemoryProvider("a")] = memoryProviders("a");
  await using stage = await settled([a]);
  const wraps = await stage.wrap();
  await stage.clock.advance(30 * second);
  a.faults.set("unwrap", "unreachable");
  const before = a.calls.probe;
  assert.equal(await stage.open(wraps), "unreachable");
  await stage.clock.settle();
  assert.equal(a.calls.probe, before + 1);
});

Deno.test("KekGroup that always probes keeps to its interval when a wrap fails", async () => {
  const [a = new MemoryProvider("a")] = memoryProviders("a");
  await using stage = await settled([a]);
  a.faults.set("wrap", "unreachable");
  await stage.clock.advance(30 * second);
  await assert.rejects(stage.wrap(), { code: "unreachable" });
  await stage.clock.advance(29 * second);
  assert.equal(a.calls.probe, 2, "the first one, and that of the wrap itself");
});

Deno.test("KekGroup that only unwraps ends an outage with the next good unwrap, however it probes", async () => {
  const [a = new MemoryProvider("a")] = memoryProviders("a");
  await using wrapping = await settled([a]);
  const wraps = await wrapping.wrap();
  await using stage = await settled([a], { wrap: "none" });
  stage.dek.set(wrapping.dek);
  a.faults.set("unwrap", "unreachable");
  assert.equal(await stage.open(wraps), "unreachable");
  assert.equal(stage.group.status().providers[0]?.health, "sick");
  a.faults.clear();
  assert.equal(await stage.open(wraps), "miss");
  assert.equal(stage.group.status().providers[0]?.health, "well");
});

Deno.test("KekGroup ends its calls when it is disposed of, and waits for the probes in progress", async () => {
  const [a = new MemoryProvider("a")] = memoryProviders("a");
  const stage = await settled([a], { probes: { when: "always", intervalMs: second, random: () => 0.5 } });
  const wraps = await stage.wrap();
  a.faults.set("unwrap", "hang");
  const pending = stage.open(wraps);
  let ended = false;
  a.probe = ({ signal }) =>
    new Promise((_, reject) => {
      signal.addEventListener("abort", () =>
        setImmediate(() => {
          ended = true;
          reject(new Error("It was closed."));
        }));
    });
  await stage.clock.advance(second);
  await stage[Symbol.asyncDispose]();
  assert.equal(ended, true);
  assert.equal(await pending, "cancelled");
  assert.equal(stage.group.status().providers[0]?.health, "well");
  await stage.clock.settle();
  assert.equal(stage.clock.untilNext(), Infinity);
});
