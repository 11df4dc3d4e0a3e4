import { deepEqual, equal } from "node:assert/strict";
import { CountingController } from "../../tests/support/counting_signal.ts";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { MemoryProvider } from "../../tests/support/memory_provider.ts";
import { type ErrorCode, KmsError } from "../base/errors.ts";
import type { CallOptions, KeyState } from "../provider/provider.ts";
import { Prober } from "./prober.ts";

const second = 1_000;
const minute = 60 * second;

/** A provider whose probes end as the test says, and the times at which they began. */
class ProbedProvider extends MemoryProvider {
  readonly at: number[] = [];
  readonly options: CallOptions[] = [];
  outcome: () => Promise<KeyState> = () => Promise.resolve({ version: "v1" });
  readonly #clock: FakeClock;
  readonly #began: number;

  constructor(name: string, clock: FakeClock) {
    super(name);
    this.#clock = clock;
    this.#began = clock.now();
  }

  override probe(call: CallOptions): Promise<KeyState> {
    this.at.push(this.#clock.now() - this.#began);
    this.options.push(call);
    return this.outcome();
  }

  fail(code: ErrorCode, retryAfterMs?: number): void {
    const details = retryAfterMs === undefined ? {} : { retryAfterMs };
    this.outcome = () => Promise.reject(new KmsError(code, `It is ${code}.`, details));
  }
}

class Stage implements AsyncDisposable {
  readonly clock = new FakeClock();
  readonly a = new ProbedProvider("a", this.clock);
  readonly b = new ProbedProvider("b", this.clock);
  readonly closing = new CountingController();
  readonly answered: string[] = [];
  readonly failed: string[] = [];
  readonly resting = new Set<string>();
  confirms = false;
  readonly prober: Prober;
  #done: Promise<void> = Promise.resolve();

  constructor(random = 0.5) {
    this.prober = new Prober(this.clock, { intervalMs: minute, random: () => random }, {
      answered: (name, { version }) => {
        this.answered.push(`${name} ${version}`);
        return this.confirms;
      },
      failed: (name, { code }) => void this.failed.push(`${name} ${code}`),
      rests: (name) => this.resting.has(name),
    });
  }

  start(...providers: readonly ProbedProvider[]): void {
    this.#done = this.prober.run(providers, this.closing.signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.closing.abort();
    await this.#done;
  }
}

/** The pauses between the first probes of a provider, in milliseconds. */
async function pauses(count: number, set: (stage: Stage) => void, random?: number): Promise<readonly number[]> {
  await using stage = new Stage(random);
  set(stage);
  stage.start(stage.a);
  for (let i = 0; i < 10_000 && stage.a.at.length <= count; i++) await stage.clock.advance(100);
  return stage.a.at.slice(1).map((at, index) => at - (stage.a.at[index] ?? 0));
}

Deno.test("Prober.run() probes each provider at once and then at its interval, and says what each probe gave", async () => {
  await using stage = new Stage();
  const { a, b, clock } = stage;
  b.fail("unreachable");
  stage.start(a, b);
  await clock.advance(minute - 1);
  deepEqual(a.at, [0]);
  await clock.advance(1);
  deepEqual(a.at, [0, minute]);
  deepEqual(stage.answered, ["a v1", "a v1"]);
  deepEqual(stage.failed[0], "b unreachable");
});

Deno.test("Prober.run() spreads its probes by a tenth of the interval", async () => {
  deepEqual(await pauses(1, () => {}, 0), [54_000]);
  deepEqual(await pauses(1, () => {}, 0.75), [63_000]);
});

Deno.test("Prober.run() has a version confirmed after 5 s", async () => {
  deepEqual(await pauses(1, (stage) => stage.confirms = true, 0.75), [5 * second]);
});

Deno.test("Prober.run() retries after a second, then after twice as long, up to 10 s", async () => {
  deepEqual(await pauses(5, ({ a }) => a.fail("unreachable")), [1_000, 2_000, 4_000, 8_000, 10_000]);
  deepEqual(await pauses(2, ({ a }) => a.fail("unreachable"), 0), [900, 1_800]);
});

Deno.test("Prober.run() retries a refusal every 15 s from the fourth one on", async () => {
  deepEqual(await pauses(5, ({ a }) => a.fail("permission_denied")), [1_000, 2_000, 4_000, 15_000, 15_000]);
});

Deno.test("Prober.run() waits for as long as a KMS asks", async () => {
  deepEqual(await pauses(2, ({ a }) => a.fail("throttled", 3_000)), [3_000, 3_000]);
  deepEqual(await pauses(2, ({ a }) => a.fail("throttled", 30)), [1_000, 2_000]);
});

Deno.test("Prober.run() counts failures in a row", async () => {
  await using stage = new Stage();
  const { a, clock } = stage;
  a.fail("unreachable");
  stage.start(a);
  await clock.advance(3_500);
  deepEqual(a.at, [0, 1_000, 3_000]);
  a.outcome = () => Promise.resolve({ version: "v2" });
  await clock.advance(4_500);
  deepEqual(a.at.slice(3), [7_000]);
  a.fail("unreachable");
  await clock.advance(minute + second);
  deepEqual(a.at.slice(4), [67_000, 68_000]);
});

Deno.test("Prober.run() gives a probe 5 s, and waits for the error that names the server", async () => {
  await using stage = new Stage();
  const { a, clock } = stage;
  a.outcome = () =>
    new Promise((_, reject) => {
      const { signal } = a.options[0] as CallOptions;
      signal.addEventListener("abort", () => queueMicrotask(() => reject(new KmsError("unreachable", "Named."))));
    });
  stage.start(a);
  await clock.advance(5 * second - 1);
  deepEqual(stage.failed, []);
  await clock.advance(1);
  deepEqual(stage.failed, ["a unreachable"]);
  a.outcome = () => new Promise(() => {});
  await clock.advance(6 * second);
  deepEqual([a.at, stage.failed], [[0, 6_000], ["a unreachable", "a deadline_exceeded"]]);
});

Deno.test("Prober.probeSoon() has the provider probed now, and no sooner than a second after the last probe", async () => {
  await using stage = new Stage();
  const { a, b, clock, prober } = stage;
  prober.probeSoon("a");
  stage.start(a, b);
  await clock.advance(400);
  prober.probeSoon("a");
  prober.probeSoon("a");
  prober.probeSoon("c");
  await clock.advance(599);
  deepEqual(a.at, [0]);
  await clock.advance(1);
  deepEqual(a.at, [0, 1_000]);
  await clock.advance(9_000);
  prober.probeSoon("a");
  await clock.settle();
  deepEqual([a.at, b.at], [[0, 1_000, 10_000], [0]]);
});

Deno.test("Prober.run() asks a provider that rests for nothing until it is to be probed, and looks at it every hour", async () => {
  await using stage = new Stage();
  const { a, b, clock, prober, resting } = stage;
  resting.add("a");
  stage.start(a, b);
  await clock.advance(30 * minute);
  deepEqual(a.at, []);
  resting.clear();
  await clock.advance(30 * minute - 1);
  deepEqual(a.at, []);
  await clock.advance(1);
  deepEqual(a.at, [60 * minute]);
  resting.add("a");
  await clock.advance(90 * minute);
  deepEqual(a.at, [60 * minute]);
  resting.clear();
  prober.probeSoon("a");
  await clock.settle();
  deepEqual(a.at, [60 * minute, 150 * minute]);
});

Deno.test("Prober.run() ends with its signal, blames no provider for that, and leaves no timer or listener", async () => {
  const stage = new Stage();
  const { a, b, clock, closing } = stage;
  a.outcome = () => new Promise(() => {});
  stage.start(a, b);
  await clock.advance(second / 2);
  await stage[Symbol.asyncDispose]();
  await clock.settle();
  deepEqual([stage.failed, stage.answered, clock.untilNext()], [[], ["b v1"], Infinity]);
  equal(a.options[0]?.signal.aborted, true);
  await clock.advance(2 * minute);
  deepEqual([a.at, b.at], [[0], [0]]);
  equal(closing.listeners, 0);
});

Deno.test("Prober.run() begins nothing when its signal has fired", async () => {
  const stage = new Stage();
  stage.closing.abort();
  stage.start(stage.a);
  await stage[Symbol.asyncDispose]();
  deepEqual(stage.a.at, []);
});
