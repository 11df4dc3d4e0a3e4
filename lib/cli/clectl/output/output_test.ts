import { deepEqual, equal } from "node:assert/strict";
import fc from "fast-check";
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
