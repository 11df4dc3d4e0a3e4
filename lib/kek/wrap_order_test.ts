import { deepEqual, equal } from "node:assert/strict";
import { CountingController } from "../../tests/support/counting_signal.ts";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { MemoryProvider } from "../../tests/support/memory_provider.ts";
import { abandoned, abortError, timeoutReason } from "../base/deadline.ts";
import { newDek, taggedDek } from "../envelope/seal.ts";
import type { CallOptions, KeyState, WrappedDek } from "../provider/provider.ts";
import { fillOrder, type WrapOrder } from "./wrap_order.ts";

/** A provider that wraps after a time, and keeps what it is given. */
class SlowProvider extends MemoryProvider {
  readonly given: { readonly bytes: Uint8Array; readonly call: CallOptions }[] = [];
  readonly #clock: FakeClock;
  readonly #ms: number;

  constructor(name: string, clock: FakeClock, ms: number) {
    super(name);
    this.#clock = clock;
    this.#ms = ms;
  }

  override async wrap(bytes: Uint8Array, at: KeyState, call: CallOptions): Promise<WrappedDek> {
    this.given.push({ bytes: bytes.slice(), call });
    await this.#clock.sleep(this.#ms, call.signal);
    if (call.signal.aborted) throw abortError(call.signal, "wrap");
    return await super.wrap(bytes, at, call);
  }
}

/** An order of one data key from providers that take as many milliseconds as are given. */
function ordered(delays: readonly number[], order: Partial<WrapOrder> = {}) {
  const clock = new FakeClock();
  const caller = new CountingController();
  const dek = newDek();
  const providers = delays.map((ms, index) => new SlowProvider(`p${index}`, clock, ms));
  const members = providers.map((provider) => ({ provider }));
  const began = clock.now();
  const result: { ms?: number; wrapped?: readonly string[]; codes?: readonly string[] } = {};
  const fill = async () => {
    const report = await fillOrder({ dek, purpose: "v2", members, needed: 1, ...order }, clock, caller.signal);
    result.ms = clock.now() - began;
    result.wrapped = report.wraps.map(({ name }) => name);
    result.codes = [...report.failures.values()].map(({ code }) => code);
  };
  return { clock, caller, dek, providers, result, fill };
}

Deno.test("fillOrder() has each member wrap the data key with the tag of its purpose, and leaves the data key as it is", async () => {
  const { clock, dek, providers, result, fill } = ordered([0, 0], { purpose: "sops" });
  const before = dek.slice();
  const done = fill();
  await clock.advance(1);
  await done;
  deepEqual(result.wrapped, ["p0", "p1"]);
  deepEqual(providers.map(({ given }) => given[0]?.bytes), [taggedDek(before, "sops"), taggedDek(before, "sops")]);
  deepEqual(dek, before);
});

Deno.test("fillOrder() waits 10 s for all members, however soon the quorum is reached", async () => {
  const { clock, providers, result, fill } = ordered([0, 9_999, 20_000]);
  const done = fill();
  await clock.advance(4_000);
  equal(providers[2]?.given[0]?.call.left?.(), 6_000);
  await clock.advance(6_000);
  await done;
  deepEqual(result, { ms: 10_000, wrapped: ["p0", "p1"], codes: ["deadline_exceeded"] });
});

Deno.test("fillOrder() in haste waits half a second after the quorum is reached, and not again after later wraps", async () => {
  const { clock, providers, result, fill } = ordered([100, 200, 600, 701, 9_000], { needed: 2, hasty: true });
  const done = fill();
  await clock.advance(10_000);
  await done;
  deepEqual(result, { ms: 700, wrapped: ["p0", "p1", "p2"], codes: ["cancelled", "cancelled"] });
  equal(providers[4]?.given[0]?.call.signal.reason, abandoned);
  equal(clock.untilNext(), Infinity);
});

Deno.test("fillOrder() in haste waits 10 s for a quorum that is not reached", async () => {
  const { clock, result, fill } = ordered([100, 20_000], { needed: 2, hasty: true });
  const done = fill();
  await clock.advance(10_000);
  await done;
  deepEqual(result, { ms: 10_000, wrapped: ["p0"], codes: ["deadline_exceeded"] });
});

Deno.test("fillOrder() ends as soon as all have wrapped, and leaves no timer and no listener", async () => {
  const { clock, caller, result, fill } = ordered([100, 200], { hasty: true });
  const done = fill();
  equal(caller.listeners, 1);
  await clock.advance(200);
  await done;
  deepEqual([result.ms, clock.untilNext(), caller.listeners], [200, Infinity, 0]);
});

Deno.test("fillOrder() ends with its signal, whose reason its calls get", async () => {
  const { clock, caller, providers, result, fill } = ordered([100, 2_000]);
  const done = fill();
  await clock.advance(1_000);
  const reason = timeoutReason();
  caller.abort(reason);
  await done;
  deepEqual(result, { ms: 1_000, wrapped: ["p0"], codes: ["deadline_exceeded"] });
  equal(providers[1]?.given[0]?.call.signal.reason, reason);
});

Deno.test("fillOrder() wraps nothing when its signal has fired", async () => {
  const { clock, caller, result, fill } = ordered([100]);
  caller.abort();
  const done = fill();
  await clock.settle();
  await done;
  deepEqual([result.wrapped, result.codes], [[], ["cancelled"]]);
});
