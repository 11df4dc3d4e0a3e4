import { deepEqual, equal } from "node:assert/strict";
import fc from "fast-check";
import { startBar } from "./bar.ts";
import { visible, visibleLines } from "./visible.ts";

Deno.test("visible() writes control characters and marks of direction as \\u…", () => {
  equal(visible("a\u001b[2Jb\u009b\u202e\n"), "a\\u001b[2Jb\\u009b\\u202e\\u000a");
  equal(visible("\u{e0001}"), "\\udb40\\udc01");
  equal(visibleLines("a\tb\nc\u0007"), "a\tb\nc\\u0007");
  equal(visible("Grüße 🔑"), "Grüße 🔑");
});

Deno.test("visibleLines() of JSON is JSON of the same value", () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => {
    deepEqual(JSON.parse(visibleLines(JSON.stringify(value, null, 2))), JSON.parse(JSON.stringify(value)));
  }));
});

/** The writes to stderr of a bar that is updated. */
function barWrites(isTerminal: boolean, total: number, updates: readonly number[]): readonly string[] {
  const writes: string[] = [];
  const stderr = { isTerminal, write: (text: string) => void writes.push(text) };
  {
    using bar = startBar({ stderr }, "Checking", total);
    for (const done of updates) bar.update(done);
  }
  return writes;
}

Deno.test("startBar() shows the part that is done on a terminal, and takes the bar away", () => {
  deepEqual(barWrites(true, 1_000, [500, 1_000]), [
    `\r\u001b[KChecking [${"#".repeat(15)}${" ".repeat(15)}] 500 of 1000`,
    `\r\u001b[KChecking [${"#".repeat(30)}] 1000 of 1000`,
    "\r\u001b[K",
  ]);
  deepEqual(barWrites(true, 20, [20]), [], "work of one step needs none");
  deepEqual(barWrites(true, 0, [0]), []);
  deepEqual(barWrites(false, 1_000, [500, 1_000]), [], "a file or a pipe gets none");
});
