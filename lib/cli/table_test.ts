import { deepEqual, equal } from "node:assert/strict";
import { environmentFrom } from "../config/environment.ts";
import { columns, countText, durationText, elapsed, table, wantsColour, wrapped } from "./table.ts";

Deno.test("table() aligns columns and leaves no space at the ends of lines", () => {
  equal(table(["a", "b"], [["long", "x"], ["s", ""]], false), "A     B\nlong  x\ns\n");
});

Deno.test("table() aligns equally with colours, which never include the padding", () => {
  const rows = [[{ text: "ok", tone: "good" }, "x"]] as const;
  equal(table(["result", "y"], rows, true), "\x1b[2mRESULT\x1b[0m  \x1b[2mY\x1b[0m\n\x1b[32mok\x1b[0m      x\n");
});

Deno.test("table() makes foreign control characters visible", () => {
  equal(table(["a"], [["x\x1b[2J\ny\u202e"]], false), "A\nx\ufffd[2J\ufffdy\ufffd\n");
});

Deno.test("wantsColour() requires a terminal that supports it, and no NO_COLOR", () => {
  const wants = (isTerminal: boolean, variables: Record<string, string>) =>
    wantsColour({ isTerminal, write() {} }, environmentFrom((name) => variables[name]));
  deepEqual(
    [wants(true, {}), wants(true, { NO_COLOR: "" }), wants(false, {}), wants(true, { NO_COLOR: "1" })],
    [true, true, false, false],
  );
  equal(wants(true, { TERM: "dumb" }), false);
});

Deno.test("wrapped() breaks between words and does not split a long one", () => {
  deepEqual(wrapped("one two three", 7), ["one two", "three"]);
  deepEqual(wrapped("unbreakable x", 4), ["unbreakable", "x"]);
  deepEqual(wrapped(["a b", "c"], 4), ["a b", "c"]);
});

Deno.test("columns() aligns the second one", () => {
  deepEqual(columns([["a", "x"], ["long", "y"]], 80), ["a     x", "long  y"]);
});

Deno.test("countText() has the words of one for 1 alone", () => {
  deepEqual([0, 1, 2].map((count) => countText(count, "key is", "keys are")), ["0 keys are", "1 key is", "2 keys are"]);
});

Deno.test("durationText() keeps two or three digits", () => {
  deepEqual([0.4211, 9.876, 17.2, 1234].map(durationText), ["0.42 ms", "9.88 ms", "17 ms", "1.2 s"]);
});

Deno.test("elapsed() uses the largest unit of which there are two", () => {
  deepEqual([-5, 0, 90_000, 119_999, 120_000, 7_200_000, 172_800_000].map(elapsed), [
    ...["0 s", "0 s", "90 s", "120 s"],
    ...["2 min", "2 h", "2 d"],
  ]);
});
