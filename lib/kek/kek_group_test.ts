import assert from "node:assert/strict";
import { MemoryProvider, memoryProviders, WrapOnlyProvider } from "../../tests/support/memory_provider.ts";
import { referenceTo } from "../envelope/wrap.ts";
import { hour, minute, second, settled, signal } from "../../tests/support/kek_group_stage.ts";

/** One provider that can unwrap, and one that only wraps. */
function withRecovery(): readonly [MemoryProvider, WrapOnlyProvider] {
  return [new MemoryProvider("a"), new WrapOnlyProvider("r")];
}

Deno.test("KekGroup.wrap() gives each provider's wrap, notes failures on the board and reports who is missing", async () => {
  const providers = memoryProviders("a", "b");
  await using stage = await settled(providers, { wrap: 1 });
  providers[1]?.faults.set("wrap", "permission_denied");
  assert.deepEqual((await stage.wrap()).map(({ name }) => name), ["a"]);
  const [event] = stage.events.filter((event) => event.type === "ready_dek");
  assert.deepEqual(event && [event.result, event.wrapped, event.missing], ["ok", ["a"], ["b"]]);
  assert.deepEqual(stage.group.status().providers.map(({ health }) => health), ["well", "refusing"]);
});

Deno.test("KekGroup.wrap() blames no provider where its caller left", async () => {
  const [a = new MemoryProvider("a")] = memoryProviders("a");
  await using stage = await settled([a]);
  a.faults.set("wrap", "hang");
  const leaving = new AbortController();
  const members = [{ provider: a }];
  const pending = stage.group.wrap({ dek: stage.dek, purpose: "v2", members, needed: 1 }, leaving.signal);
  await stage.clock.settle();
  leaving.abort();
  await assert.rejects(pending, { code: "cancelled" });
  assert.equal(stage.group.status().providers[0]?.health, "well");
  assert.deepEqual(stage.events.filter((event) => event.type === "ready_dek"), []);
});

Deno.test("KekGroup.wrap() has a provider that only wraps wrap too, unchecked and beside the quorum", async () => {
  const [a, r] = withRecovery();
  await using stage = await settled([a, r]);
  assert.equal(stage.group.needed, 1);
  assert.deepEqual((await stage.wrap()).map(({ name }) => name), ["a", "r"]);
  assert.equal(r.calls.unwrap, 0);
  a.faults.set("wrap", "unreachable");
  await assert.rejects(stage.wrap(), { code: "unreachable" }, "its wrap alone is not enough");
  a.faults.clear();
  r.faults.set("wrap", "unreachable");
  assert.deepEqual((await stage.wrap()).map(({ name }) => name), ["a"], "and its failure is no obstacle");
});

Deno.test("KekGroup.wrap() in haste does not take the wrap of a provider that only wraps for the quorum", async () => {
  const [a, r] = withRecovery();
  await using stage = await settled([a, r]);
  a.faults.set("wrap", "hang");
  const members = [a, r].map((provider) => ({ provider }));
  const pending = stage.group.wrap({ dek: stage.dek, purpose: "v2", members, needed: 1, hasty: true }, signal);
  await stage.clock.advance(9 * second);
  const early = await Promise.race([pending, stage.clock.settle().then(() => "waits")]);
  assert.equal(early, "waits");
  await stage.clock.advance(2 * second);
  await assert.rejects(pending);
});

Deno.test("KekGroup has no quorum without a provider that can unwrap", async () => {
  await using stage = await settled([new WrapOnlyProvider("r")]);
  assert.equal(stage.group.status().quorum.state, "lost");
  await assert.rejects(stage.wrap(), { code: "quorum_not_reached" });
});

Deno.test("KekGroup.open() asks a provider that only wraps for nothing, and names all of them where none can unwrap", async () => {
  const [a, r] = withRecovery();
  await using stage = await settled([r, a]);
  const wraps = await stage.wrap();
  assert.deepEqual(wraps.map(({ name }) => name), ["r", "a"]);
  assert.equal(await stage.open(wraps), "miss");
  assert.equal(r.calls.unwrap, 0);
  await using alone = await settled([r, new MemoryProvider("b")]);
  const reference = referenceTo(wraps);
  const open = () => undefined;
  await assert.rejects(alone.group.open({ wraps, reference, purpose: "v2", open }, { signal }), {
    code: "key_unknown",
    message:
      'Cannot decrypt: no provider is configured that can unwrap this data key ("r", "a"); give a private key of ' +
      '"r" with --recovery-key.',
  });
  assert.equal(alone.group.unwrapperOf("r", "v2"), undefined);
  const recovered = wraps.slice(0, 1);
  const request = { wraps: recovered, reference: referenceTo(recovered), purpose: "v2", open } as const;
  await assert.rejects(stage.group.open(request, { signal }), { code: "key_unknown", message: /\("r"\)/ });
});

Deno.test("KekGroup.open() refuses wraps of another reference, and a data key of another purpose", async () => {
  await using stage = await settled(memoryProviders("a"));
  const wraps = await stage.wrap();
  const request = { wraps, reference: referenceTo(wraps), purpose: "v2", open: (dek: Uint8Array) => dek } as const;
  const changed = wraps.map((wrap) => ({ ...wrap, version: "v2" }));
  await assert.rejects(stage.group.open({ ...request, wraps: changed }, { signal }), {
    code: "integrity",
    message: /the wraps are not those of the envelope/,
  });
  await assert.rejects(stage.group.open({ ...request, purpose: "sops" }, { signal }), { code: "integrity" });
  assert.equal((await stage.group.open(request, { signal })).cache, "miss");
});

Deno.test("KekGroup.openCached() opens with a cached data key, and with the wraps of its reference alone", async () => {
  await using stage = await settled(memoryProviders("a"));
  const wraps = await stage.wrap();
  const request = { wraps, reference: referenceTo(wraps), open: (dek: Uint8Array) => dek };
  assert.equal(stage.group.openCached(request), undefined);
  assert.equal(await stage.open(wraps), "miss");
  assert.deepEqual(stage.group.openCached(request)?.seed, stage.dek);
  assert.equal(stage.group.openCached(request)?.cache, "hit");
  const changed = wraps.map((wrap) => ({ ...wrap, version: "v2" }));
  assert.equal(stage.group.openCached({ ...request, wraps: changed }), undefined);
  assert.throws(() => stage.group.openCached({ ...request, open: () => undefined }), { code: "integrity" });
});

Deno.test("KekGroup.open() ends the grace of an outage although a provider that only wraps still answers", async () => {
  for (const own of [true, false]) {
    const [a, r] = withRecovery();
    await using stage = await settled([a, r]);
    const wraps = await stage.wrap();
    if (own) stage.group.remember(stage.dek.slice(), referenceTo(wraps), wraps);
    else assert.equal(await stage.open(wraps), "miss");
    a.faults.set("all", "unreachable");
    await stage.clock.advance(hour - minute);
    assert.equal(await stage.open(wraps), "stale");
    await stage.clock.advance(2 * minute);
    assert.equal(await stage.open(wraps), "unreachable", own ? "a data key made here" : "one that was unwrapped");
    assert.equal(stage.group.status().wrapOnly[0]?.health, "well");
  }
});

Deno.test("KekGroup.open() takes a refusal for confirmed although a provider that only wraps does not refuse", async () => {
  const [a, r] = withRecovery();
  await using stage = await settled([a, r]);
  const wraps = await stage.wrap();
  stage.group.remember(stage.dek.slice(), referenceTo(wraps), wraps);
  await stage.clock.advance(2 * minute);
  a.faults.set("unwrap", "key_unusable");
  assert.equal(await stage.open(wraps), "key_unusable");
  assert.deepEqual(stage.events.flatMap((event) => event.type === "cache_evicted" ? [event.reason] : []), ["refused"]);
  a.faults.set("unwrap", "unreachable");
  assert.equal(await stage.open(wraps), "unreachable", "the cached data key is gone");
});

Deno.test("KekGroup.status() counts a provider that only wraps neither as a provider of the quorum nor as a retired one", async () => {
  const [a, r] = withRecovery();
  await using stage = await settled([a, r]);
  const names = () => {
    const { providers, retired, wrapOnly } = stage.group.status();
    return [providers, retired, wrapOnly].map((list) => list.map(({ name, health }) => `${name} ${health}`));
  };
  assert.deepEqual(names(), [["a well"], [], ["r well"]]);
  a.faults.set("all", "unreachable");
  await stage.clock.advance(2 * minute);
  assert.deepEqual(names(), [["a sick"], [], ["r well"]]);
  assert.equal(stage.group.status().quorum.state, "lost");
});

Deno.test("KekGroup.wrap() reports who wrapped, who is missing of those that were expected, and how long it took", async () => {
  const providers = memoryProviders("a", "b");
  const [a = new MemoryProvider("a"), b = a] = providers;
  await using stage = await settled(providers);
  const members = [{ provider: a }];
  const order = { dek: stage.dek, purpose: "v2", members, needed: 1, expected: ["a", "b", "c"] } as const;
  await stage.group.wrap(order, signal);
  a.faults.set("wrap", "hang");
  const pending = stage.group.wrap({ ...order, members: [{ provider: a }, { provider: b }], needed: 2 }, signal);
  await Promise.all([assert.rejects(pending, { code: "quorum_not_reached" }), stage.clock.advance(10 * second)]);
  const failed = stage.events.flatMap((event) => event.type === "ready_dek" ? [event] : []);
  assert.deepEqual(failed, [
    { type: "ready_dek", wrapped: ["a"], missing: ["b", "c"], seconds: 0, result: "ok" },
    {
      type: "ready_dek",
      wrapped: ["b"],
      missing: ["a", "c"],
      seconds: 10,
      result: "quorum_not_reached",
      message:
        'Cannot wrap: 1 of 2 needed providers did. Cannot wrap with provider "a": no answer within the deadline.',
    },
  ]);
});

Deno.test("KekGroup.open() takes a provider for sick that unwraps to other bytes than the others", async () => {
  const [a = new MemoryProvider("a"), b = a] = memoryProviders("a", "b");
  await using stage = await settled([a, b]);
  const wraps = await stage.wrap();
  a.faults.set("unwrap", "wrong");
  assert.equal(await stage.open(wraps), "miss");
  const [health] = stage.group.status().providers;
  assert.deepEqual([health?.health, health?.code, health?.message], [
    "sick",
    "provider_protocol",
    'Provider "a" unwrapped a data key to the wrong bytes while another provider had the right ones.',
  ]);
});

Deno.test("KekGroup.open() asks a provider that is sick after the others", async () => {
  const [a = new MemoryProvider("a"), b = a] = memoryProviders("a", "b");
  await using stage = await settled([a, b]);
  const wraps = await stage.wrap();
  a.faults.set("probe", "unreachable");
  await stage.clock.advance(2 * minute);
  const before = [a.calls.unwrap, b.calls.unwrap];
  assert.equal(await stage.open(wraps), "miss");
  assert.deepEqual([a.calls.unwrap, b.calls.unwrap], [before[0], (before[1] ?? 0) + 1]);
});

Deno.test("KekGroup.open() finds providers under their former names, and retired ones, whose unwraps alone show their health", async () => {
  const [a = new MemoryProvider("a"), old = a] = memoryProviders("a", "old");
  await using before = await settled([a, old]);
  const wraps = await before.wrap();
  const renamed = wraps.map((wrap) => ({ ...wrap, name: `former-${wrap.name}` }));
  const named = (provider: MemoryProvider) => ({ provider, formerly: [`former-${provider.name}`] });
  const retired = old;
  const probes = old.calls.probe;
  await using stage = await settled([], { providers: [named(a)], retired: [named(retired)] });
  stage.dek.set(before.dek);
  a.faults.set("unwrap", "unreachable");
  assert.equal(await stage.open(renamed), "miss");
  const health = () => stage.group.status().retired.map(({ name, health }) => `${name} ${health}`);
  assert.deepEqual(health(), ["old well"]);
  old.faults.set("unwrap", "unreachable");
  assert.equal(await stage.open(wraps), "quorum_not_reached");
  assert.deepEqual(health(), ["old sick"]);
  old.faults.clear();
  assert.equal(await stage.open(wraps), "miss");
  assert.deepEqual([health(), old.calls.probe], [["old well"], probes]);
  assert.equal(stage.group.unwrapperOf("former-old", "v2")?.name, "old");
});

Deno.test("KekGroup.unwrapperOf() makes one for each provider and purpose", async () => {
  await using stage = await settled(memoryProviders("a"));
  const { group } = stage;
  assert.equal(group.unwrapperOf("a", "v2"), group.unwrapperOf("a", "v2"));
  assert.notEqual(group.unwrapperOf("a", "v2"), group.unwrapperOf("a", "sops"));
});
