import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { MemoryProvider, memoryProviders, WrapOnlyProvider } from "../../tests/support/memory_provider.ts";
import { equalBytes } from "../base/bytes.ts";
import { toKmsError } from "../base/errors.ts";
import { newDek } from "../envelope/seal.ts";
import { referenceTo, type Wrap } from "../envelope/wrap.ts";
import type { CheckedProvider, KeyState } from "../provider/provider.ts";
import type { Event } from "../telemetry/events.ts";
import { KekGroup, type KekGroupOptions } from "./kek_group.ts";

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const { signal } = new AbortController();

/** A group on a clock that the test moves. */
class Stage implements AsyncDisposable {
  readonly clock = new FakeClock();
  readonly events: Event[] = [];
  readonly group: KekGroup;
  readonly dek = newDek();

  constructor(
    providers: readonly CheckedProvider[],
    options: Partial<KekGroupOptions> = {},
    onState?: Parameters<KekGroup["start"]>[0],
  ) {
    this.group = new KekGroup({
      providers: providers.map((provider) => ({ provider, formerly: [] })),
      retired: [],
      wrap: "all",
      unwrap: "ordered",
      cache: { entries: 8, maxAgeMs: minute, graceOnOutageMs: hour, lifetimeMs: 24 * hour },
      probes: { when: "always", intervalMs: minute, random: () => 0.5 },
      decrypts: { canFail: true, onFailing: () => {} },
      ...options,
      clock: this.clock,
      notify: (event) => void this.events.push(event),
    });
    this.group.start(onState);
  }

  /** Wraps the stage's data key with all providers. */
  wrap(): Promise<readonly Wrap[]> {
    const { providers, needed } = this.group;
    return this.group.wrap({
      dek: this.dek,
      purpose: "v2",
      members: providers.map((provider) => ({ provider })),
      needed,
    }, signal);
  }

  /** Unwraps it: the way by which that was answered, or the code of the error. */
  async open(wraps: readonly Wrap[]): Promise<string> {
    const reference = referenceTo(wraps);
    const open = (dek: Uint8Array) => equalBytes(dek, this.dek) ? dek.slice() : undefined;
    try {
      return (await this.group.open({ wraps, reference, purpose: "v2", open }, { signal })).cache;
    } catch (thrown) {
      return toKmsError(thrown).code;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.group[Symbol.asyncDispose]();
  }
}

async function settled(...options: ConstructorParameters<typeof Stage>): Promise<Stage> {
  const stage = new Stage(...options);
  await stage.clock.settle();
  return stage;
}

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

Deno.test("KekGroup.open() asks a provider that only wraps for nothing, and names the others where none can unwrap", async () => {
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
    message: 'Cannot decrypt: no provider is configured that wrapped this data key ("a").',
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
