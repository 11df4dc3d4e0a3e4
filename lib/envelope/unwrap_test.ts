import assert from "node:assert/strict";
import { equalBytes } from "../base/bytes.ts";
import { abandoned, timeoutReason } from "../base/deadline.ts";
import { effectiveCode, KmsError } from "../base/errors.ts";
import type { CallOptions, WrappedDek } from "../provider/provider.ts";
import { CountingController } from "../../tests/support/counting_signal.ts";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { type MemoryProvider, memoryProviders } from "../../tests/support/memory_provider.ts";
import { Latencies } from "./latency.ts";
import { newDek, taggedDek } from "./seal.ts";
import { dekUnwrapper, type Holder, holdersOf, inOrder, unwrapFirst, type UnwrapStrategy } from "./unwrap.ts";

const never = new AbortController().signal;

async function holdersFor(providers: readonly MemoryProvider[], dek: Uint8Array): Promise<Holder[]> {
  return await Promise.all(providers.map(async (provider) => {
    const at = await provider.probe({ signal: never });
    const wrapped = await provider.wrap(taggedDek(dek, "v2"), at, { signal: never });
    return { provider: dekUnwrapper(provider, "v2"), wrap: { name: provider.name, ...wrapped }, sick: false };
  }));
}

async function setUp(...names: string[]) {
  const [clock, latencies, dek, providers] = [new FakeClock(), new Latencies(), newDek(), memoryProviders(...names)];
  const holders = await holdersFor(providers, dek);
  const fits = (other: Uint8Array) => equalBytes(dek, other);
  const unwrap = (strategy: UnwrapStrategy = "fastest", signal = never) =>
    unwrapFirst(holders, { signal, clock, strategy, latencies, fits });
  return { clock, latencies, dek, providers, holders, unwrap };
}

async function errorOf(work: Promise<unknown>): Promise<KmsError> {
  try {
    await work;
  } catch (thrown) {
    assert.ok(thrown instanceof KmsError, String(thrown));
    return thrown;
  }
  throw new Error("It opened.");
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
    const { dek: found, holder, mismatched } = await unwrap("ordered");
    assert.deepEqual(found, dek);
    assert.equal(holder.provider.name, "b");
    assert.deepEqual(mismatched, fault === "wrong" ? ["a"] : []);
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

Deno.test("unwrapFirst() asks the next one at once when the one asked last fails, though another is silent", async () => {
  const { clock, dek, providers: [a, b, c], latencies, unwrap } = await setUp("a", "b", "c");
  assert.ok(a && b && c);
  for (const name of ["a", "b", "c"]) latencies.note(name, 30);
  a.faults.set("unwrap", "hang");
  b.faults.set("unwrap", "unreachable");
  const answer = unwrap();
  await clock.advance(29);
  assert.deepEqual([b.calls.unwrap, c.calls.unwrap], [0, 0]);
  await clock.advance(1);
  assert.deepEqual([b.calls.unwrap, c.calls.unwrap], [1, 1]);
  assert.deepEqual((await answer).dek, dek);
});

Deno.test("unwrapFirst() fails when two wraps of the same provider do not open", async () => {
  const { clock, holders, latencies, providers: [a] } = await setUp("a");
  a?.faults.set("unwrap", "integrity");
  const fits = () => false;
  const twice = [...holders, ...holders];
  const answer = unwrapFirst(twice, { signal: never, clock, strategy: "fastest", latencies, fits });
  assert.equal(effectiveCode(await errorOf(answer)), "integrity");
});

Deno.test("holdersOf() finds providers under each of their names, and says which are sick", async () => {
  const { holders } = await setUp("a", "b");
  const [a, b] = holders.map(({ provider }) => provider);
  assert.ok(a && b);
  const named = new Map([["a", a], ["old-a", a], ["b", b]]);
  const wrap = (name: string) => ({ name, version: "1", ciphertext: Uint8Array.of(1) });
  const wraps = ["old-a", "gone", "b"].map(wrap);
  assert.deepEqual(holdersOf(wraps, named, (name) => name === "a"), [
    { provider: a, wrap: wraps[0], sick: true },
    { provider: b, wrap: wraps[2], sick: false },
  ]);
  assert.throws(() => holdersOf([wrap("gone"), wrap("far")], named, () => false), {
    code: "key_unknown",
    message: 'Cannot decrypt: no provider is configured that wrapped this data key ("gone", "far").',
  });
  assert.throws(() => holdersOf([wrap("gone"), wrap("safe")], named, () => false, new Set(["safe"])), {
    code: "key_unknown",
    message:
      'Cannot decrypt: no provider is configured that can unwrap this data key ("gone", "safe"); give a private ' +
      'key of "safe" with --recovery-key.',
  });
});

Deno.test("dekUnwrapper() gives a data key with the tag of its purpose alone", async () => {
  const [provider] = memoryProviders("a") as [MemoryProvider];
  const dek = newDek();
  const wrapped = await provider.wrap(taggedDek(dek, "sops"), { version: "v1" }, { signal: never });
  const unwrapped = async (purpose: "sops" | "v2" | "v1beta1") =>
    await dekUnwrapper(provider, purpose).unwrap(wrapped, { signal: never });
  const all = [await unwrapped("sops"), await unwrapped("v2"), await unwrapped("v1beta1")];
  assert.deepEqual(all, [dek, undefined, undefined]);
});

/** A holder whose every call waits until the test settles it. */
function held(name: string) {
  const calls: (PromiseWithResolvers<Uint8Array | undefined> & { readonly options: CallOptions })[] = [];
  const unwrap = (_wrapped: WrappedDek, options: CallOptions) => {
    const answer = Promise.withResolvers<Uint8Array | undefined>();
    calls.push({ ...answer, options });
    return answer.promise;
  };
  const holder: Holder = {
    provider: { name, unwrap },
    wrap: { name, version: "1", ciphertext: Uint8Array.of(1) },
    sick: false,
  };
  return { holder, calls };
}

/** A race between holders that the test settles. */
function race(strategy: UnwrapStrategy, ...names: readonly string[]) {
  const [clock, latencies, dek] = [new FakeClock(), new Latencies(), newDek()];
  const members = names.map(held);
  const holders = members.map(({ holder }) => holder);
  const fits = (other: Uint8Array) => equalBytes(dek, other);
  const run = (signal = never, left?: () => number) =>
    unwrapFirst(holders, { signal, clock, strategy, latencies, fits, ...(left && { left }) });
  const asked = () => members.map(({ calls }) => calls.length);
  return { clock, latencies, dek, members, run, asked };
}

Deno.test("unwrapFirst() takes the only holder's data key where it fits, and notes how long that took", async () => {
  const { clock, latencies, dek, members: [a], run } = race("fastest", "a");
  const answer = run(never, () => 123);
  assert.equal(a?.calls[0]?.options.left?.(), 123);
  await clock.advance(40);
  a?.calls[0]?.resolve(dek);
  assert.deepEqual(await answer, { dek, holder: a?.holder, mismatched: [] });
  assert.deepEqual([latencies.typical("a"), clock.untilNext()], [40, Infinity]);
  for (const other of [newDek(), undefined]) {
    const wrong = run();
    a?.calls.at(-1)?.resolve(other);
    const { code, message } = await errorOf(wrong);
    assert.deepEqual([code, message], ["integrity", 'Cannot decrypt: the data key of provider "a" does not fit.']);
  }
});

Deno.test("unwrapFirst() waits 700 ms before it asks the next one, however quick the first is, unless it goes by speed", async () => {
  for (const strategy of ["ordered", "roundrobin"] as const) {
    const { clock, latencies, dek, members: [, b], run, asked } = race(strategy, "a", "b");
    latencies.note("a", 30);
    const answer = run();
    await clock.advance(699);
    assert.deepEqual(asked(), [1, 0]);
    await clock.advance(1);
    assert.deepEqual(asked(), [1, 1]);
    b?.calls[0]?.resolve(dek);
    assert.equal((await answer).holder, b?.holder);
  }
});

Deno.test("unwrapFirst() waits for each holder from the moment it is asked", async () => {
  const { clock, latencies, dek, members: [a, b], run, asked } = race("fastest", "a", "b", "c");
  latencies.note("a", 30);
  latencies.note("b", 100);
  const answer = run();
  a?.calls[0]?.reject(new KmsError("unreachable", "No route."));
  await clock.advance(99);
  assert.deepEqual(asked(), [1, 1, 0]);
  await clock.advance(1);
  assert.deepEqual(asked(), [1, 1, 1]);
  b?.calls[0]?.resolve(dek);
  await answer;
});

Deno.test("unwrapFirst() asks no other one while the one asked last is awaited", async () => {
  const { clock, dek, members: [a, b], run, asked } = race("fastest", "a", "b", "c");
  const answer = run();
  await clock.advance(250);
  a?.calls[0]?.reject(new KmsError("unreachable", "No route."));
  await clock.settle();
  assert.deepEqual(asked(), [1, 1, 0]);
  b?.calls[0]?.reject(new KmsError("unreachable", "No route."));
  await clock.settle();
  assert.deepEqual(asked(), [1, 1, 1]);
  const late = run();
  a?.calls[1]?.resolve(dek);
  await late;
  assert.ok(await Promise.race([answer.then(() => false), clock.settle().then(() => true)]));
});

Deno.test("unwrapFirst() ends its other calls and timers with the first data key that fits, and wipes those that come later", async () => {
  const { clock, dek, members: [a, b], run, asked } = race("fastest", "a", "b", "c");
  const answer = run();
  await clock.advance(250);
  assert.deepEqual(asked(), [1, 1, 0]);
  const late = dek.slice();
  a?.calls[0]?.resolve(dek);
  b?.calls[0]?.resolve(late);
  assert.equal((await answer).dek, dek);
  assert.deepEqual([dek.some((byte) => byte !== 0), late], [true, new Uint8Array(32)]);
  assert.deepEqual([a, b].map((one) => one?.calls[0]?.options.signal.reason), [abandoned, abandoned]);
  await clock.advance(10_000);
  assert.deepEqual([asked(), clock.untilNext()], [[1, 1, 0], Infinity]);
});

Deno.test("unwrapFirst() leaves no timer behind when every holder has failed", async () => {
  const { clock, members: [a, b], run } = race("fastest", "a", "b");
  const [one, other] = [new KmsError("unreachable", "No route."), newDek()];
  const answer = run();
  a?.calls[0]?.reject(one);
  await clock.settle();
  b?.calls[0]?.resolve(other);
  const { members } = await errorOf(answer);
  assert.deepEqual([members[0], members[1]?.code], [one, "integrity"]);
  await clock.settle();
  assert.equal(clock.untilNext(), Infinity);
});

Deno.test("unwrapFirst() asks nobody for a caller that has given up before", async () => {
  const { run, asked } = race("fastest", "a", "b");
  const error = await errorOf(run(AbortSignal.abort()));
  assert.deepEqual([error.code, asked()], ["cancelled", [0, 0]]);
});

Deno.test("unwrapFirst() gives its calls the reason of its caller, and waits this turn for their errors", async () => {
  const { clock, members: [a, b], run } = race("fastest", "a", "b");
  const caller = new AbortController();
  const answer = run(caller.signal);
  await clock.advance(250);
  const silent = new KmsError("deadline_exceeded", "Vault did not answer.");
  for (const one of [a, b]) {
    const call = one?.calls[0];
    call?.options.signal.addEventListener("abort", () => call.reject(silent));
  }
  const reason = timeoutReason();
  caller.abort(reason);
  assert.equal(a?.calls[0]?.options.signal.reason, reason);
  const { code, message, members } = await errorOf(answer);
  assert.deepEqual([code, members], ["deadline_exceeded", [silent, silent]]);
  assert.equal(
    message,
    "Cannot unwrap a data key within the deadline. Vault did not answer. Vault did not answer.",
  );
});

Deno.test("unwrapFirst() names no holder where its caller has given up or none has said anything", async () => {
  const { members: [a], run } = race("fastest", "a", "b");
  for (const [reason, code] of [[timeoutReason(), "deadline_exceeded"], [undefined, "cancelled"]] as const) {
    const caller = new AbortController();
    const answer = run(caller.signal);
    if (code === "cancelled") a?.calls.at(-1)?.reject(new KmsError("unreachable", "No route."));
    await new Promise(setImmediate);
    caller.abort(reason);
    const error = await errorOf(answer);
    assert.deepEqual([error.code, error.members], [code, []]);
  }
});

Deno.test("unwrapFirst() leaves nothing on its caller's signal", async () => {
  const { dek, members: [a], run } = race("fastest", "a", "b");
  const caller = new CountingController();
  const answer = run(caller.signal);
  assert.equal(caller.listeners, 1);
  a?.calls[0]?.resolve(dek);
  await answer;
  assert.equal(caller.listeners, 0);
});
