import assert from "node:assert/strict";
import { deadline, timeoutReason } from "../base/deadline.ts";
import { KmsError } from "../base/errors.ts";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { DekResolver } from "./dek_resolver.ts";
import { Latencies } from "./latency.ts";
import type { Holder } from "./unwrap.ts";
import { UnwrapCache } from "./unwrap_cache.ts";
import { dek, holders, Key, limits, seed, Stage, stateOf } from "../../tests/support/dek_stage.ts";

async function errorOf(asked: readonly Holder[]): Promise<KmsError> {
  const clock = new FakeClock();
  using source = new DekResolver({
    cache: new UnwrapCache({ entries: 10, maxAgeMs: 1000, graceOnOutageMs: 0, lifetimeMs: 1000 }, clock, () => {}),
    clock,
    strategy: "fastest",
    latencies: new Latencies(),
    lastGoodAt: () => undefined,
    onMismatch: () => {},
  });
  using bound = deadline(300, new AbortController().signal);
  const call = { signal: bound.signal };
  try {
    await source.open({ reference: "00", holders: () => asked, open: () => undefined, call });
  } catch (thrown) {
    assert.ok(thrown instanceof KmsError, String(thrown));
    return thrown;
  }
  throw new Error("It opened.");
}

Deno.test("open() says which server was silent for how long when an RPC's deadline passes", async () => {
  const { code, message } = await errorOf(holders("a"));
  assert.equal(code, "deadline_exceeded");
  assert.match(
    message,
    /^Cannot unwrap with provider "a": Vault at https:\/\/a\.test did not answer within 0\.\d s\.$/,
  );
});

Deno.test("open() says it of every provider that was asked", async () => {
  const { code, message } = await errorOf(holders("a", "b"));
  assert.equal(code, "deadline_exceeded");
  assert.match(
    message,
    /^Cannot unwrap a data key within the deadline\. .*https:\/\/a\.test did not answer within 0\.\d s\./,
  );
});

const wrongDek = new Uint8Array(32).fill(2);

Deno.test("openCached() opens with a data key until maxAge, and asks no provider", async () => {
  const key = new Key("a");
  using stage = new Stage([key]);
  assert.equal(stage.source.openCached(stage.request()), undefined);
  assert.equal(await stage.outcome(), "miss");
  const holders = [{ name: "a", version: "a1" }];
  assert.deepEqual(stage.source.openCached(stage.request()), { seed, cache: "hit", holders, own: false });
  assert.equal(stage.source.openCached(stage.request("01")), undefined);
  await stage.clock.advance(limits.maxAgeMs);
  assert.equal(stage.source.openCached(stage.request())?.cache, "hit");
  await stage.clock.advance(1);
  assert.equal(stage.source.openCached(stage.request()), undefined);
  assert.equal(key.calls.length, 1);
});

Deno.test("openCached() refuses a seed that the data key does not open", async () => {
  using stage = new Stage([new Key("a")]);
  await stage.open();
  assert.throws(() => stage.source.openCached({ reference: "00", open: () => undefined }), { code: "integrity" });
});

Deno.test("open() asks a provider once, and then serves from memory until maxAge", async () => {
  const [a, b] = [new Key("a"), new Key("b")];
  using stage = new Stage([a, b]);
  const holders = [{ name: "a", version: "a1" }, { name: "b", version: "b1" }];
  assert.deepEqual(await stage.open(), { seed, cache: "miss", holders, own: false });
  assert.deepEqual(await stage.open(), { seed, cache: "hit", holders, own: false });
  await stage.clock.advance(limits.maxAgeMs);
  assert.equal(await stage.outcome(), "hit");
  await stage.clock.advance(1);
  assert.deepEqual([await stage.outcome(), await stage.outcome()], ["miss", "hit"]);
  assert.deepEqual([a.calls.length, b.calls.length], [2, 0]);
});

Deno.test("open() refuses a sealed seed that a data key in memory does not open, and keeps the data key", async () => {
  using stage = new Stage([new Key("a")]);
  await stage.open();
  assert.equal(await stage.outcome("00", { open: () => undefined }), "integrity");
  assert.equal(await stage.outcome(), "hit");
});

Deno.test("open() tries a data key on the sealed seed once", async () => {
  using stage = new Stage([new Key("a", () => Promise.resolve(wrongDek)), new Key("b")]);
  const tried: Uint8Array[] = [];
  const open = (other: Uint8Array) => {
    tried.push(other);
    return other === dek ? seed : undefined;
  };
  assert.deepEqual((await stage.open("00", { open })).seed, seed);
  assert.deepEqual(tried, [wrongDek, dek]);
  assert.deepEqual(stage.mismatched, ["a"]);
});

Deno.test("open() asks the providers in turn, beginning with the first", async () => {
  const keys = [new Key("a"), new Key("b")];
  using stage = new Stage(keys, "roundrobin");
  const asked: number[][] = [];
  for (const reference of ["01", "02", "03"]) {
    await stage.open(reference);
    asked.push(keys.map(({ calls }) => calls.length));
  }
  assert.deepEqual(asked, [[1, 0], [1, 1], [2, 1]]);
});

Deno.test("remember() keeps a data key of this process, which it stays when its provider has confirmed it", async () => {
  using stage = new Stage([new Key("a")]);
  const wraps = [{ name: "a", version: "a1", ciphertext: Uint8Array.of(1) }];
  assert.equal(stage.source.knows("00", wraps), false);
  stage.source.remember("00", dek, wraps, [{ name: "a", version: "a1" }]);
  assert.deepEqual(await stage.open(), { seed, cache: "hit", holders: [{ name: "a", version: "a1" }], own: true });
  assert.equal(stage.source.knows("00", wraps), true);
  assert.equal(stage.source.knows("00", [{ name: "a", version: "a2", ciphertext: Uint8Array.of(1) }]), false);
  await stage.clock.advance(limits.maxAgeMs + 1);
  const { cache, own } = await stage.open();
  assert.deepEqual([cache, own], ["miss", true]);
  assert.equal(stage.source.knows("00", wraps), false, "this request came without wraps");
});

Deno.test("knows() holds for the wraps of a request, whatever becomes of its memory", async () => {
  using stage = new Stage([new Key("a")]);
  const ciphertext = Uint8Array.of(1);
  await stage.open("00", { wraps: [{ name: "a", version: "a1", ciphertext }] });
  ciphertext.fill(9);
  assert.equal(stage.source.knows("00", [{ name: "a", version: "a1", ciphertext: Uint8Array.of(1) }]), true);
});

Deno.test("open() makes one call for equal requests at the same time", async () => {
  const a = new Key("a");
  using stage = new Stage([a]);
  const outcomes = await Promise.all([stage.outcome(), stage.outcome(), stage.outcome("01"), stage.outcome()]);
  assert.deepEqual(outcomes, ["miss", "shared", "miss", "shared"]);
  assert.equal(a.calls.length, 2);
});

Deno.test("open() asks again for itself where the shared call was made for a sealed seed that does not open", async () => {
  const a = new Key("a");
  using stage = new Stage([a]);
  const changed = stage.outcome("00", { open: () => undefined });
  assert.deepEqual(await Promise.all([changed, stage.outcome()]), ["integrity", "miss"]);
  assert.equal(a.calls.length, 2);
});

Deno.test("open() gives the error of a shared call to all who wait for it", async () => {
  const a = new Key("a");
  a.fail("key_unknown");
  using stage = new Stage([a]);
  assert.deepEqual(await Promise.all([stage.outcome(), stage.outcome()]), ["key_unknown", "key_unknown"]);
  assert.equal(a.calls.length, 1);
  a.fail("unreachable");
  assert.equal(await stage.outcome(), "unreachable");
});

Deno.test("open() gives a shared call up when the last who waits has given up", async () => {
  const a = new Key("a");
  a.hang();
  using stage = new Stage([a]);
  const [one, other] = [new AbortController(), new AbortController()];
  const first = stage.outcome("00", { call: { signal: one.signal } });
  const second = stage.outcome("00", { call: { signal: other.signal } });
  one.abort();
  assert.equal(await first, "cancelled");
  assert.equal(a.calls[0]?.signal.aborted, false);
  const reason = timeoutReason();
  other.abort(reason);
  assert.equal(await second, "deadline_exceeded");
  assert.equal(a.calls[0]?.signal.reason, reason);
  assert.equal(a.calls.length, 1);
});

Deno.test("open() shares no call that is being given up", async () => {
  const keys = [new Key("a"), new Key("b")];
  keys.forEach((key) => key.hang());
  using stage = new Stage(keys);
  const caller = new AbortController();
  const first = stage.outcome("00", { call: { signal: caller.signal } });
  await stage.clock.settle();
  caller.abort(timeoutReason());
  // Within this turn of the event loop the call still waits for the providers' own errors.
  for (let i = 0; i < 10; i++) await Promise.resolve();
  keys.forEach((key) => key.answer = () => Promise.resolve(dek));
  assert.deepEqual(await Promise.all([stage.outcome(), first]), ["miss", "deadline_exceeded"]);
});

Deno.test("open() shares the call that was made after one that was given up", async () => {
  const a = new Key("a");
  a.hang();
  a.heeds = false;
  using stage = new Stage([a]);
  const late = Promise.withResolvers<Uint8Array>();
  a.answer = () => late.promise;
  const caller = new AbortController();
  const first = stage.outcome("00", { call: { signal: caller.signal } });
  caller.abort();
  assert.equal(await first, "cancelled");
  const answer = Promise.withResolvers<Uint8Array>();
  a.answer = () => answer.promise;
  const second = stage.outcome();
  late.reject(new KmsError("unreachable", "Its connection was closed."));
  await stage.clock.settle();
  const third = stage.outcome();
  answer.resolve(dek);
  assert.deepEqual(await Promise.all([second, third]), ["miss", "shared"]);
  assert.equal(a.calls.length, 2);
});

Deno.test("open() gives a call up after 10 s, whoever waits for it", async () => {
  const a = new Key("a");
  a.hang();
  using stage = new Stage([a]);
  const outcome = stage.outcome();
  await stage.clock.advance(9_999);
  assert.equal(await stateOf(outcome), "waits");
  await stage.clock.advance(1);
  assert.equal(await outcome, "deadline_exceeded");
});

Deno.test("open() keeps no timer of a call that has ended", async () => {
  const a = new Key("a");
  using stage = new Stage([a]);
  await stage.open();
  assert.equal(stage.clock.untilNext(), Infinity);
});

Deno.test("open() tells a provider how long the most patient caller waits, 10 s at most", async () => {
  const a = new Key("a");
  a.hang();
  using stage = new Stage([a]);
  const caller = new AbortController();
  const wait = (left?: number) =>
    stage.outcome("00", { call: { signal: caller.signal, ...(left === undefined ? {} : { left: () => left }) } });
  const left = () => a.calls[0]?.left?.();
  const waiting = [wait()];
  assert.equal(left(), undefined);
  waiting.push(wait(3_000));
  assert.equal(left(), 3_000);
  waiting.push(wait(9_000), wait(5_000));
  assert.equal(left(), 9_000);
  await stage.clock.advance(4_000);
  assert.equal(left(), 6_000);
  caller.abort();
  assert.deepEqual(await Promise.all(waiting), waiting.map(() => "cancelled"));
});

Deno.test("DekResolver ends its calls and wipes its data keys when it is disposed of", async () => {
  const a = new Key("a");
  const stage = new Stage([a]);
  stage.source.remember("01", dek.slice(), [], []);
  const kept = stage.cache.peek("01")?.dek;
  a.hang();
  const outcome = stage.outcome();
  await stage.clock.settle();
  stage[Symbol.dispose]();
  assert.equal(await outcome, "cancelled");
  assert.deepEqual(kept, new Uint8Array(32));
});

Deno.test("open() keeps no seed without a name for it", async () => {
  using stage = new Stage([new Key("a")]);
  for (let time = 0; time < 2; time++) await stage.open("00", { open: () => seed.slice() });
  assert.equal(stage.cache.peek("00")?.seeds.size, 0);
});

Deno.test("open() keeps a seed by its name as long as the data key, gives out copies, and wipes it at the end", async () => {
  const a = new Key("a");
  using stage = new Stage([a]);
  let tries = 0;
  const open = () => {
    tries++;
    return seed.slice();
  };
  const ask = async () => (await stage.open("00", { open, keepAs: "x" })).seed;
  (await ask()).fill(0);
  assert.deepEqual(await ask(), seed);
  assert.equal(tries, 1);
  assert.deepEqual((await stage.open("00", { open, keepAs: "y" })).seed, seed);
  assert.equal(tries, 2);
  const kept = stage.cache.peek("00")?.seeds.get("x");
  await stage.clock.advance(limits.maxAgeMs + 1);
  a.fail("key_unusable");
  await assert.rejects(ask(), { code: "key_unusable" });
  assert.deepEqual(kept, new Uint8Array(32), "the seed goes with the data key");
  a.answer = () => Promise.resolve(dek);
  assert.deepEqual(await ask(), seed);
  assert.equal(tries, 3);
  const last = stage.cache.peek("00")?.seeds.get("x");
  stage.source[Symbol.dispose]();
  assert.deepEqual(last, new Uint8Array(32));
});
