import assert from "node:assert/strict";
import { coalescedTimers, deadline, orAborted, startedOrAborted } from "./deadline.ts";

/** Timers that fire when the test advances the time, and their number. */
function timers() {
  let now = 0;
  const set = new Set<{ at: number; fire: () => void }>();
  return {
    set,
    now: () => now,
    after(ms: number, fire: () => void) {
      const timer = { at: now + ms, fire };
      set.add(timer);
      return () => void set.delete(timer);
    },
    pass(ms: number) {
      const end = now + ms;
      for (;;) {
        const [next] = [...set].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
        if (next === undefined) break;
        now = next.at;
        set.delete(next);
        next.fire();
      }
      now = end;
    },
  };
}

Deno.test("coalescedTimers() keeps many deadlines, at most a tick late, with one timer", () => {
  const { after, now, pass, set } = timers();
  const deadlines = coalescedTimers(after, 10, now);
  const fired: [number, number][] = [];
  for (const ms of [100, 105, 250, 1000]) deadlines(ms, () => fired.push([ms, now()]));
  assert.equal(set.size, 1);
  pass(2000);
  assert.deepEqual(fired.map(([ms]) => ms), [100, 105, 250, 1000]);
  for (const [ms, at] of fired) assert.ok(at >= ms && at <= ms + 10, `${ms} fired at ${at}`);
  assert.equal(set.size, 0);
});

Deno.test("coalescedTimers() fires no cancelled deadline, and keeps no timer without deadlines", () => {
  const { after, now, pass, set } = timers();
  const deadlines = coalescedTimers(after, 10, now);
  const fired: string[] = [];
  const first = deadlines(100, () => {
    fired.push("first");
    second();
  });
  const second = deadlines(100, () => fired.push("second"));
  pass(200);
  assert.deepEqual(fired, ["first"]);
  const third = deadlines(100, () => fired.push("third"));
  third();
  third();
  first();
  assert.equal(set.size, 0);
  pass(200);
  assert.deepEqual(fired, ["first"]);
});

Deno.test("coalescedTimers() is exact for short deadlines", () => {
  const { after, now, pass } = timers();
  let at = 0;
  coalescedTimers(after, 10, now)(33, () => at = now());
  pass(100);
  assert.equal(at, 33);
});

Deno.test("orAborted() removes its listener for every outcome of the work", async () => {
  const heard: string[] = [];
  const { signal } = new AbortController();
  const { addEventListener, removeEventListener } = signal;
  Object.assign(signal, {
    addEventListener(...args: Parameters<typeof addEventListener>) {
      heard.push("added");
      addEventListener.apply(signal, args);
    },
    removeEventListener(...args: Parameters<typeof removeEventListener>) {
      heard.push("removed");
      removeEventListener.apply(signal, args);
    },
  });
  assert.equal(await orAborted(Promise.resolve(7), signal, "work"), 7);
  await assert.rejects(orAborted(Promise.reject(new TypeError("no")), signal, "work"), TypeError);
  assert.deepEqual(heard, ["added", "removed", "added", "removed"]);
});

Deno.test("deadline() returns the remaining time, on the clock of its timer", () => {
  const time = timers();
  using bound = deadline(3_000, undefined, time.after, time.now);
  assert.equal(bound.left(), 3_000);
  time.pass(2_999);
  assert.deepEqual([bound.left(), bound.signal.aborted], [1, false]);
  time.pass(1);
  assert.deepEqual([bound.left(), bound.signal.aborted], [0, true]);
});

Deno.test("startedOrAborted() calls back at an abort before the work's own listeners, and ends with abortError()", async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const order: string[] = [];
  const start = () =>
    new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => {
        order.push("work");
        reject(new TypeError("the work's own"));
      });
    });
  const waits = startedOrAborted(start, signal, "work", () => order.push("back"));
  controller.abort();
  await assert.rejects(waits, { code: "cancelled", message: "Cannot work: the caller gave up." });
  assert.deepEqual(order, ["back", "work"]);
});

Deno.test("startedOrAborted() gives the outcome of the work, thrown at once too, and leaves no listener behind", async () => {
  const controller = new AbortController();
  const { signal } = controller;
  let backs = 0;
  const back = () => void backs++;
  assert.equal(await startedOrAborted(() => Promise.resolve(7), signal, "work", back), 7);
  await assert.rejects(startedOrAborted(() => Promise.reject(new TypeError("no")), signal, "work", back), TypeError);
  const throws = () => {
    throw new RangeError("at once");
  };
  await assert.rejects(startedOrAborted(throws, signal, "work", back), RangeError);
  controller.abort();
  assert.equal(backs, 0);
});
