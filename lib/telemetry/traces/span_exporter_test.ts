import { deepEqual, equal, ok } from "node:assert/strict";
import { FakeClock } from "../../../tests/support/fake_clock.ts";
import { utf8Text } from "../../base/bytes.ts";
import type { Event, SpanResult } from "../events.ts";
import type { Span } from "./span.ts";
import { exportLimits, SpanExporter, type SpansAnswer } from "./span_exporter.ts";

const span: Span = {
  traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
  spanId: "00f067aa0ba902b7",
  parentSpanId: undefined,
  name: "cache",
  kind: "internal",
  startedAt: 0,
  endedAt: 1,
  attributes: {},
  error: undefined,
};

const taken: SpansAnswer = { state: "taken", rejected: 0, message: "" };
const down: SpansAnswer = { state: "later", afterMs: undefined, message: "Cannot export spans: it is down." };

/** An exporter to a collector that gives these answers, one after the other, and the last one again and again. */
function stage(answer: (at: number, signal: AbortSignal) => SpansAnswer | Promise<SpansAnswer>) {
  const clock = new FakeClock();
  const sizes: number[] = [];
  const counts: Record<SpanResult, number> = { exported: 0, queue_full: 0, refused: 0, unsent: 0 };
  const messages = new Set<string>();
  const exporter = new SpanExporter({
    source: { service: "trousseau", version: "1.2.3", instance: "i" },
    clock,
    notify(event: Event) {
      if (event.type !== "spans") return;
      counts[event.result] += event.count;
      if (event.message !== "") messages.add(event.message);
    },
    send(body, signal) {
      const { resourceSpans: [{ scopeSpans: [{ spans }] }] } = JSON.parse(utf8Text(body) ?? "");
      sizes.push(spans.length);
      return Promise.resolve(answer(sizes.length - 1, signal));
    },
  });
  const take = (count: number) => {
    for (let at = 0; at < count; at++) exporter.take(span);
  };
  return { clock, sizes, counts, messages, exporter, take };
}

/** Runs what waits for no time of the fake clock: the exporter sends outside of the call that filled a batch. */
async function turn(clock: FakeClock): Promise<void> {
  for (let at = 0; at < 3; at++) await new Promise((resolve) => setTimeout(resolve));
  await clock.settle();
}

/** Advances the fake clock from one timer to the next, with a turn after each. */
async function pass(clock: FakeClock, ms: number): Promise<void> {
  for (let left = ms; left > 0;) {
    await turn(clock);
    const step = Math.min(left, Math.max(0, clock.untilNext()));
    await clock.advance(step);
    left -= step;
  }
  await turn(clock);
}

/** Answers when the request is given up. */
function hung(signal: AbortSignal): Promise<SpansAnswer> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(down), { once: true }));
}

Deno.test("SpanExporter.take() sends a full batch at once, and the rest after a pause", async () => {
  const { clock, sizes, counts, exporter, take } = stage(() => taken);
  take(exportLimits.batch + 3);
  equal(sizes.length, 0, "not in the call itself");
  await turn(clock);
  deepEqual(sizes, [exportLimits.batch]);
  await pass(clock, exportLimits.waitMs);
  deepEqual(sizes, [exportLimits.batch, 3]);
  deepEqual(counts, { exported: exportLimits.batch + 3, queue_full: 0, refused: 0, unsent: 0 });
  take(1);
  await pass(clock, exportLimits.waitMs);
  equal(counts.exported, exportLimits.batch + 4, "after it has come to rest, too");
  exporter[Symbol.dispose]();
});

Deno.test("SpanExporter.take() keeps a bounded number of spans, and counts those that find no room", async () => {
  const { clock, counts, messages, exporter, take } = stage((_, signal) => hung(signal));
  take(exportLimits.batch);
  await turn(clock);
  take(exportLimits.queued + 500);
  await pass(clock, exportLimits.sendMs + exportLimits.firstPauseMs);
  equal(counts.queue_full, 500);
  ok([...messages].some((message) => message.includes("more slowly")));
  const flushed = exporter.flush(0);
  await pass(clock, 1);
  await flushed;
  equal(counts.unsent, exportLimits.batch + exportLimits.queued);
});

Deno.test("SpanExporter sends a batch again while its collector is down, with growing pauses, then drops it", async () => {
  const { clock, sizes, counts, messages, exporter, take } = stage((at) => at < 3 ? down : taken);
  take(1);
  await pass(clock, exportLimits.waitMs);
  equal(sizes.length, 1);
  await pass(clock, exportLimits.firstPauseMs);
  equal(sizes.length, 2);
  await pass(clock, exportLimits.firstPauseMs);
  equal(sizes.length, 2, "the second pause is longer");
  await pass(clock, 10 * exportLimits.firstPauseMs);
  deepEqual(counts, { exported: 1, queue_full: 0, refused: 0, unsent: 0 });
  exporter[Symbol.dispose]();

  const gone = stage(() => down);
  gone.take(1);
  await pass(gone.clock, exportLimits.waitMs + 2 * exportLimits.keepMs);
  deepEqual(gone.counts, { exported: 0, queue_full: 0, refused: 0, unsent: 1 });
  deepEqual([...gone.messages], [down.message]);
  equal(messages.size, 0);
  gone.exporter[Symbol.dispose]();
});

Deno.test("SpanExporter waits as long as its collector asks, and drops at once what would be too late", async () => {
  const { clock, sizes, exporter, take } = stage((at) => at === 0 ? { ...down, afterMs: 20_000 } : taken);
  take(1);
  await pass(clock, exportLimits.waitMs + 19_000);
  equal(sizes.length, 1);
  await pass(clock, 1_000);
  equal(sizes.length, 2);
  exporter[Symbol.dispose]();
  const late = stage(() => ({ ...down, afterMs: exportLimits.keepMs + 1 }));
  late.take(1);
  await pass(late.clock, exportLimits.waitMs);
  equal(late.counts.unsent, 1);
  late.exporter[Symbol.dispose]();
});

Deno.test("SpanExporter drops what its collector refuses, and counts a part that it refuses", async () => {
  const refused = stage(() => ({ state: "refused", message: "Cannot export spans: the collector answers 400." }));
  refused.take(2);
  await pass(refused.clock, exportLimits.waitMs);
  deepEqual([refused.counts.refused, refused.sizes], [2, [2]]);
  const part = stage(() => ({ state: "taken", rejected: 1, message: "A part." }));
  part.take(3);
  await pass(part.clock, exportLimits.waitMs);
  deepEqual([part.counts.exported, part.counts.refused], [2, 1]);
  const liar = stage(() => ({ state: "taken", rejected: 1e9, message: "A part." }));
  liar.take(3);
  await pass(liar.clock, exportLimits.waitMs);
  deepEqual([liar.counts.exported, liar.counts.refused], [0, 3]);
  for (const { exporter } of [refused, part, liar]) exporter[Symbol.dispose]();
});

Deno.test("SpanExporter.flush() sends all that waits without a pause, and takes nothing after it", async () => {
  const { sizes, counts, exporter, take } = stage(() => taken);
  take(exportLimits.batch * 2 + 1);
  await exporter.flush(1_000);
  equal(counts.exported, exportLimits.batch * 2 + 1);
  equal(sizes.length, 3);
  take(1);
  await exporter.flush(1_000);
  deepEqual([counts.exported, counts.queue_full], [exportLimits.batch * 2 + 1, 1]);
});

Deno.test("SpanExporter.flush() ends within its time though the collector hangs or is down, in a pause too", async () => {
  const silent = stage((_, signal) => hung(signal));
  silent.take(exportLimits.batch + 1);
  await turn(silent.clock);
  const flushed = silent.exporter.flush(500);
  await pass(silent.clock, 500);
  await flushed;
  equal(silent.counts.unsent, exportLimits.batch + 1);
  const gone = stage(() => down);
  gone.take(exportLimits.batch + 1);
  await pass(gone.clock, 100);
  await gone.exporter.flush(500);
  equal(gone.counts.unsent, exportLimits.batch + 1);
});

Deno.test("SpanExporter gives a slow collector the time of one request, and waits for it", async () => {
  const slow = Promise.withResolvers<SpansAnswer>();
  const { clock, counts, sizes, exporter, take } = stage((at) => at === 0 ? slow.promise : taken);
  take(exportLimits.batch);
  await turn(clock);
  take(exportLimits.batch);
  await pass(clock, exportLimits.sendMs - 1);
  equal(sizes.length, 1, "one request at a time");
  slow.resolve(taken);
  await turn(clock);
  equal(counts.exported, 2 * exportLimits.batch);
  exporter[Symbol.dispose]();
});
