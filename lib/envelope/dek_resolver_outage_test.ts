import assert from "node:assert/strict";
import { timeoutReason } from "../base/deadline.ts";
import { dek, Key, limits, never, Stage, stateOf } from "../../tests/support/dek_stage.ts";

/** A stage whose data key is in memory and past maxAge. */
async function aged(...keys: readonly Key[]): Promise<Stage> {
  const stage = new Stage(keys);
  await stage.open();
  await stage.clock.advance(limits.maxAgeMs + 1);
  return stage;
}

Deno.test("open() serves an old data key on in an outage, and asks its provider every 10 s", async () => {
  const a = new Key("a");
  using stage = await aged(a);
  a.fail("unreachable");
  assert.deepEqual([await stage.outcome(), await stage.outcome()], ["stale", "stale"]);
  assert.equal(a.calls.length, 2);
  await stage.clock.advance(9_999);
  assert.equal(await stage.outcome(), "stale");
  assert.equal(a.calls.length, 2);
  await stage.clock.advance(1);
  assert.equal(await stage.outcome(), "stale");
  assert.equal(a.calls.length, 3);
  a.answer = () => Promise.resolve(dek);
  await stage.clock.advance(10_000);
  assert.deepEqual([await stage.outcome(), await stage.outcome()], ["miss", "hit"]);
});

Deno.test("open() waits 1 s for a silent provider of an old data key", async () => {
  const a = new Key("a");
  using stage = await aged(a);
  a.hang();
  const outcome = stage.outcome("00", { call: { signal: never, left: () => 3_000 } });
  await stage.clock.advance(999);
  assert.equal(a.calls[1]?.left?.(), 1);
  assert.equal(await stateOf(outcome), "waits");
  await stage.clock.advance(1);
  assert.equal(await outcome, "stale");
  assert.equal(stage.clock.untilNext(), Infinity);
});

Deno.test("open() of an old data key waits no longer than its caller, and then fails", async () => {
  const a = new Key("a");
  using stage = await aged(a);
  a.hang();
  const caller = new AbortController();
  const outcome = stage.outcome("00", { call: { signal: caller.signal, left: () => 300 } });
  await stage.clock.settle();
  assert.equal(a.calls[1]?.left?.(), 300);
  caller.abort(timeoutReason());
  assert.equal(await outcome, "deadline_exceeded");
});

Deno.test("open() serves an old data key on until the grace since the last good answer of any holder is over", async () => {
  const [a, b] = [new Key("a"), new Key("b")];
  using stage = await aged(a, b);
  const confirmedAt = stage.clock.now() - limits.maxAgeMs - 1;
  for (const key of [a, b]) key.fail("unreachable");
  await stage.clock.advance(confirmedAt + limits.graceOnOutageMs - stage.clock.now() - 1);
  assert.equal(await stage.outcome(), "stale");
  await stage.clock.advance(1);
  assert.equal(await stage.outcome(), "quorum_not_reached");
  assert.deepEqual(stage.evicted, []);
  stage.goodAt.set("a", confirmedAt + 1).set("b", confirmedAt);
  assert.equal(await stage.outcome(), "stale");
});

Deno.test("open() waits for a provider as long as its caller does once the grace is over", async () => {
  const a = new Key("a");
  using stage = await aged(a);
  a.hang();
  await stage.clock.advance(limits.graceOnOutageMs);
  const outcome = stage.outcome();
  await stage.clock.advance(5_000);
  assert.equal(await stateOf(outcome), "waits");
  assert.equal(a.calls[1]?.left?.(), undefined);
});

Deno.test("open() fails when the grace ends while its provider is asked", async () => {
  const a = new Key("a");
  using stage = await aged(a);
  a.hang();
  await stage.clock.advance(limits.graceOnOutageMs - limits.maxAgeMs - 500);
  const outcome = stage.outcome();
  await stage.clock.advance(1_000);
  assert.equal(await outcome, "deadline_exceeded");
});

Deno.test("open() forgets an old data key at once when every holder says that its key is unusable", async () => {
  const [a, b] = [new Key("a"), new Key("b")];
  for (const key of [a, b]) key.fail("key_unusable");
  for (const keys of [[a], [a, b]]) {
    const good = keys.map(({ name }) => new Key(name));
    using stage = await aged(...good);
    good.forEach((key) => key.fail("key_unusable"));
    assert.equal(await stage.outcome(), keys.length === 1 ? "key_unusable" : "quorum_not_reached");
    assert.deepEqual(stage.evicted, ["refused"]);
    assert.equal(stage.cache.peek("00"), undefined);
  }
});

Deno.test("open() forgets an old data key when permission is denied again 10 s later", async () => {
  for (const other of ["permission_denied", "key_unusable"] as const) {
    const [a, b] = [new Key("a"), new Key("b")];
    using stage = await aged(a, b);
    a.fail("permission_denied");
    b.fail(other);
    assert.deepEqual([await stage.outcome(), stage.evicted], ["stale", []]);
    await stage.clock.advance(10_000);
    assert.deepEqual([await stage.outcome(), stage.evicted], ["quorum_not_reached", ["refused"]]);
  }
});

Deno.test("open() keeps an old data key while one holder may still open it, whoever refuses", async () => {
  const [a, b] = [new Key("a"), new Key("b")];
  using stage = await aged(a, b);
  a.fail("key_unusable");
  b.fail("unreachable");
  for (let i = 0; i < 3; i++) {
    assert.equal(await stage.outcome(), "stale");
    await stage.clock.advance(10_000);
  }
  assert.deepEqual(stage.evicted, []);
});

Deno.test("open() keeps an old data key while one holder is silent, whoever refuses", async () => {
  const [a, b] = [new Key("a"), new Key("b")];
  using stage = await aged(a, b);
  a.fail("key_unusable");
  b.hang();
  b.heeds = false;
  const outcome = stage.outcome();
  await stage.clock.advance(1_000);
  assert.deepEqual([await outcome, stage.evicted], ["stale", []]);
});
