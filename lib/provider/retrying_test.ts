import assert from "node:assert/strict";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { deadlineBy } from "../base/clock.ts";
import { type ErrorCode, errorCodes, KmsError } from "../base/errors.ts";
import type { CallOptions, KeyState, Provider, WrappedDek } from "./provider.ts";
import { retrying } from "./retrying.ts";

const dek = new Uint8Array(47).fill(7);
const state: KeyState = { version: "v1" };
const wrapped: WrappedDek = { version: "v1", ciphertext: new Uint8Array(75) };
const never = new AbortController().signal;

/** A retried provider with a simulated clock. */
class Bench {
  readonly clock = new FakeClock();
  readonly #start = this.clock.now();
  /** Time of each call in milliseconds since the beginning. */
  readonly sent: number[] = [];
  readonly provider: Provider;

  /**
   * @param answer the failure of the call with this number (from 1), or `undefined` for a success.
   * @param options.tookMs duration of each answer in milliseconds.
   */
  constructor(
    answer: (number: number, at: number) => KmsError | undefined,
    { random = () => 0.5, tookMs = 0 }: { readonly random?: () => number; readonly tookMs?: number } = {},
  ) {
    const call = async <T>(value: T, { signal }: CallOptions) => {
      const failure = answer(this.sent.push(this.now), this.now);
      await this.clock.sleep(tookMs, signal);
      if (failure !== undefined) throw failure;
      return value;
    };
    this.provider = retrying({
      name: "vault-eu",
      kind: "test",
      canUnwrap: true,
      probe: (options) => call(state, options),
      wrap: (_dek, _at, options) => call(wrapped, options),
      unwrap: (_wrapped, options) => call(dek, options),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }, { clock: this.clock, random });
  }

  /** Milliseconds since the beginning. */
  get now(): number {
    return this.clock.now() - this.#start;
  }

  /** Unwraps with a deadline, and advances the clock until the call has ended. */
  async unwrap(ms: number): Promise<{ readonly error: KmsError | undefined; readonly endedAt: number }> {
    using bound = deadlineBy(this.clock, ms, never);
    let endedAt = NaN;
    const outcome = this.provider.unwrap(wrapped, bound).then(() => undefined, (thrown) => thrown as KmsError)
      .finally(() => endedAt = this.now);
    await this.clock.advance(ms + 1_000);
    return { error: await outcome, endedAt };
  }
}

/** The pauses between calls with these times, in milliseconds. */
function pauses(sent: readonly number[]): number[] {
  return sent.slice(1).map((at, index) => at - (sent[index] ?? 0));
}

const away = new KmsError("unreachable", "Cannot unwrap: away.");
const throttled = (retryAfterMs?: number) =>
  new KmsError("throttled", "Cannot unwrap: too many requests.", retryAfterMs === undefined ? {} : { retryAfterMs });

Deno.test("retrying() repeats wrap and unwrap until they succeed, with pauses that double", async () => {
  const bench = new Bench((number) => number < 4 ? away : undefined);
  assert.equal((await bench.unwrap(3_000)).error, undefined);
  assert.deepEqual(bench.sent, [0, 50, 150, 350]);
  const wraps = new Bench((number) => number < 2 ? away : undefined);
  const outcome = wraps.provider.wrap(dek, state, { signal: never });
  await wraps.clock.advance(1_000);
  assert.equal(await outcome, wrapped);
});

Deno.test("retrying() stops after four tries with the last error if the KMS is unreachable", async () => {
  const last = new KmsError("unreachable", "The last one.");
  const bench = new Bench((number) => number < 4 ? away : last);
  assert.deepEqual(await bench.unwrap(60_000), { error: last, endedAt: 350 });
});

Deno.test("retrying() multiplies each pause by a factor from 0.5 to 1.5 if the KMS is unreachable", async () => {
  for (const [random, pause] of [[0, 25], [0.999, 74.95]] as const) {
    const bench = new Bench((number) => number < 2 ? away : undefined, { random: () => random });
    await bench.unwrap(3_000);
    assert.ok(Math.abs((pauses(bench.sent)[0] ?? NaN) - pause) < 1e-3);
  }
});

Deno.test("retrying() retries a busy KMS until shortly before the deadline, with pauses whose limits double", async () => {
  const longest = new Bench(() => throttled(), { random: () => 0.999999 });
  const { error, endedAt } = await longest.unwrap(3_000);
  assert.equal(error?.code, "throttled");
  assert.equal(error.message, "Cannot unwrap: too many requests.");
  // The last try has 250 ms left for its response.
  assert.deepEqual(pauses(longest.sent).map(Math.round), [100, 200, 400, 800, 1_250]);
  assert.equal(Math.round(endedAt), 2_750);
  for (const deadline of [1_000, 3_000, 10_000]) {
    const bench = new Bench(() => throttled());
    const { endedAt } = await bench.unwrap(deadline);
    assert.ok(endedAt >= deadline - 300 && endedAt <= deadline - 250, `${endedAt} of ${deadline}`);
    assert.ok(bench.sent.length >= 4 && bench.sent.length <= 12, `${bench.sent.length} calls`);
  }
});

Deno.test("retrying() succeeds if a busy KMS recovers before the deadline", async () => {
  for (const [deadline, busyMs] of [[3_000, 2_700], [10_000, 9_000]] as const) {
    for (const tookMs of [0, 40]) {
      const bench = new Bench((_number, at) => at < busyMs ? throttled() : undefined, { tookMs });
      const { error, endedAt } = await bench.unwrap(deadline);
      assert.equal(error, undefined);
      assert.ok(endedAt >= busyMs && endedAt < deadline);
    }
  }
});

Deno.test("retrying() reserves time for the response of a slow KMS", async () => {
  const bench = new Bench(() => throttled(), { tookMs: 400 });
  const { error, endedAt } = await bench.unwrap(3_000);
  assert.equal(error?.code, "throttled");
  assert.ok(endedAt <= 2_600, `${endedAt}`);
});

Deno.test("retrying() draws each pause for a busy KMS from zero to the limit, and makes at most 12 tries", async () => {
  const bench = new Bench(() => throttled(), { random: () => 0 });
  const { error, endedAt } = await bench.unwrap(3_000);
  assert.deepEqual([error?.code, bench.sent.length, endedAt], ["throttled", 12, 0]);
});

Deno.test("retrying() keeps the pause that the KMS requests, and reports its length if it is too long", async () => {
  for (const code of ["throttled", "unreachable"] as const) {
    const asks = (retryAfterMs: number) => new KmsError(code, "Cannot unwrap: too many requests.", { retryAfterMs });
    const patient = new Bench((number) => number < 3 ? asks(700) : undefined, { random: () => 0 });
    assert.equal((await patient.unwrap(3_000)).error, undefined);
    assert.deepEqual(patient.sent, [0, 700, 1_400]);
    const hasty = new Bench(() => asks(6_100));
    const { error, endedAt } = await hasty.unwrap(3_000);
    assert.deepEqual([hasty.sent.length, endedAt, error?.code, error?.retryAfterMs], [1, 0, code, 6_100]);
    assert.equal(
      error?.message,
      "Cannot unwrap: too many requests. The next try may come in 7 s, which is longer than this call can wait.",
    );
    const longer = new Bench((number) => number < 2 ? asks(6_100) : undefined);
    assert.equal((await longer.unwrap(10_000)).error, undefined);
  }
});

Deno.test("retrying() assumes the deadline of kube-apiserver for a call without a known one", async () => {
  const bench = new Bench(() => throttled());
  const outcome = assert.rejects(bench.provider.unwrap(wrapped, { signal: never }), { code: "throttled" });
  await bench.clock.advance(2_500);
  await outcome;
  assert.ok((bench.sent.at(-1) ?? 0) > 2_000 && bench.sent.length >= 5);
});

Deno.test("retrying() shares the pause among all calls: a hundred waiting calls do not each send requests", async () => {
  let seed = 1;
  const random = () => (seed = seed * 48_271 % 2_147_483_647) / 2_147_483_647;
  const bench = new Bench(() => throttled(), { random, tookMs: 5 });
  const calls = Array.from(
    { length: 100 },
    () => bench.provider.unwrap(wrapped, deadlineBy(bench.clock, 3_000, never)),
  );
  const outcomes = Promise.allSettled(calls);
  await bench.clock.advance(3_000);
  assert.ok((await outcomes).every((one) => one.status === "rejected" && one.reason.code === "throttled"));
  // Without a shared pause, each call would make six or seven tries.
  const repeats = bench.sent.length - 100;
  assert.ok(repeats >= 5 && repeats <= 80, `${repeats} repeats`);
});

Deno.test("retrying() holds new calls back for at most a second after a refusal, and releases them after a success", async () => {
  let busyNow = true;
  const bench = new Bench(() => busyNow ? throttled() : undefined, { random: () => 0.9 });
  using bound = deadlineBy(bench.clock, 10_000, never);
  const first = bench.provider.unwrap(wrapped, bound);
  await bench.clock.advance(2_000);
  const before = bench.sent.length;
  busyNow = false;
  const later = bench.provider.unwrap(wrapped, bound);
  await bench.clock.settle();
  assert.equal(bench.sent.length, before, "it waits with the other");
  await bench.clock.advance(5_000);
  assert.equal(await later, dek);
  assert.equal(await first, dek);
  const at = bench.sent.length;
  const calls = Array.from({ length: 20 }, () => bench.provider.unwrap(wrapped, bound));
  await bench.clock.settle();
  assert.equal(bench.sent.length, at + 20, "nobody waits any more");
  await bench.clock.advance(0);
  await Promise.all(calls);
});

Deno.test("retrying() retries exactly the codes that the table marks as retryable", async () => {
  for (const code of Object.keys(errorCodes) as ErrorCode[]) {
    const bench = new Bench((number) => number < 2 ? new KmsError(code, "So.") : undefined);
    await bench.unwrap(3_000);
    assert.equal(bench.sent.length, errorCodes[code].retry === "yes" ? 2 : 1, code);
  }
});

Deno.test("retrying() makes no call after its signal is aborted, and throws the last error of the KMS", async () => {
  for (const failure of [away, throttled()]) {
    const controller = new AbortController();
    const bench = new Bench(() => failure);
    const outcome = bench.provider.unwrap(wrapped, { signal: controller.signal });
    const rejected = assert.rejects(outcome, failure);
    await bench.clock.settle();
    controller.abort();
    await rejected;
    await bench.clock.advance(10_000);
    assert.equal(bench.sent.length, 1);
  }
});

Deno.test("retrying() makes a probe once", async () => {
  for (const failure of [away, throttled()]) {
    const bench = new Bench(() => failure);
    await assert.rejects(
      Promise.all([bench.provider.probe({ signal: never }), bench.clock.advance(3_000)]),
      { code: failure.code },
    );
    assert.equal(bench.sent.length, 1);
  }
});
