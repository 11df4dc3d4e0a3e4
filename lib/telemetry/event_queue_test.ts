import assert from "node:assert/strict";
import type { Event } from "./events.ts";
import { EventQueue, queueLimits } from "./event_queue.ts";

const event = (entries: number): Event => ({ type: "cache_size", entries });

function queue() {
  const taken: [number, number][] = [];
  const clock = { at: 0 };
  const events = new EventQueue((event, at) => {
    taken.push([event.type === "cache_size" ? event.entries : -1, at]);
  }, () => clock.at);
  return { taken, clock, events };
}

Deno.test("EventQueue delivers events later, in order, with their times", async () => {
  const { taken, clock, events } = queue();
  for (const entries of [1, 2, 3]) {
    clock.at = entries * 10;
    events.push(event(entries));
  }
  clock.at = 99;
  assert.deepEqual(taken, []);
  while (taken.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(taken, [[1, 10], [2, 20], [3, 30]]);
  events[Symbol.dispose]();
});

Deno.test("EventQueue holds no more events than its maximum", () => {
  const { taken, events } = queue();
  for (let n = 0; n < queueLimits.events; n++) events.push(event(n));
  assert.equal(taken.length, queueLimits.events);
  events[Symbol.dispose]();
});

Deno.test("EventQueue delivers the rest when it is disposed of, and later events at once", () => {
  const { taken, events } = queue();
  events.push(event(1));
  events[Symbol.dispose]();
  assert.deepEqual(taken.map(([entries]) => entries), [1]);
  events.push(event(2));
  assert.deepEqual(taken.map(([entries]) => entries), [1, 2]);
});

Deno.test("EventQueue accepts an event during a delivery", () => {
  const taken: string[] = [];
  const events: EventQueue = new EventQueue(({ type }) => {
    if (taken.push(type) === 1) events.push({ type: "queue", provider: "p", waiting: 0 });
  }, () => 0);
  events.push(event(1));
  events.drain();
  assert.deepEqual(taken, ["cache_size"]);
  events[Symbol.dispose]();
  assert.deepEqual(taken, ["cache_size", "queue"]);
});
