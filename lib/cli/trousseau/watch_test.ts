import { deepEqual, equal } from "node:assert/strict";
import { FakeClock } from "../../../tests/support/fake_clock.ts";
import { redraw, watch } from "./watch.ts";

Deno.test("watch() makes a request at once, and the next one a pause after each has ended", async () => {
  const clock = new FakeClock();
  const stop = new AbortController();
  const shown: number[] = [];
  let [looks, underWay, most] = [0, 0, 0];
  const watching = watch({
    look: async (signal) => {
      most = Math.max(most, ++underWay);
      await clock.sleep(3000, signal);
      underWay--;
      return ++looks;
    },
    show: (found) => void shown.push(found),
    everyMs: 2000,
    clock,
    signal: stop.signal,
  });
  await clock.advance(3000);
  deepEqual(shown, [1]);
  await clock.advance(4999);
  deepEqual(shown, [1]);
  await clock.advance(1);
  deepEqual(shown, [1, 2]);
  await clock.advance(50_000);
  deepEqual([shown.length, most], [12, 1], "58 s hold no more than twelve looks of 3 s with pauses of 2 s");
  stop.abort();
  equal(await watching, 12);
});

Deno.test("watch() shows nothing of a request that the signal aborts", async () => {
  const clock = new FakeClock();
  const stop = new AbortController();
  const shown: string[] = [];
  const watching = watch({
    look: async (signal) => {
      await clock.sleep(60_000, signal);
      return "cut short";
    },
    show: (found) => void shown.push(found),
    everyMs: 1000,
    clock,
    signal: stop.signal,
  });
  stop.abort();
  deepEqual([await watching, shown], [undefined, []]);
});

Deno.test("redraw() overwrites the previous text only on a terminal", () => {
  const written: string[] = [];
  const output = { isTerminal: true, write: (text: string) => void written.push(text) };
  redraw(output, "a\nb\n", true);
  redraw(output, "a\nb\n", false);
  deepEqual(written, ["\x1b[Ha\x1b[K\nb\x1b[K\n\x1b[J", "a\nb\n\n"]);
});
