import { deepEqual } from "node:assert/strict";
import fc from "fast-check";
import { environmentIn } from "./environment_file.ts";

Deno.test("environmentIn() reads quotes, continued lines and comments as systemd does", () => {
  const text = [
    "# A=comment",
    "  ; B=comment \\",
    "PLAIN=a b  ",
    "EMPTY=",
    "CONTINUED=a \\",
    "  b\\",
    "c",
    'DOUBLE="a \\"b\\" \\',
    'c \\d"',
    "SINGLE='a \\",
    "b # c'",
    'MIXED=\'a\'"b" c"d',
    "ESCAPED=a\\ \\\\b",
    "LATE=don't",
    "no assignment",
    "WINDOWS=a\r",
    "PLAIN=last",
  ].join("\n");
  deepEqual([...environmentIn(text)], [
    ["PLAIN", "last"],
    ["EMPTY", ""],
    ["CONTINUED", "a   bc"],
    ["DOUBLE", 'a "b" c \\d'],
    ["SINGLE", "a \\\nb # c"],
    ["MIXED", 'abc"d'],
    ["ESCAPED", "a \\b"],
    ["LATE", "don't"],
    ["WINDOWS", "a"],
  ]);
});

Deno.test("environmentIn() takes any text", () => {
  const text = fc.string({ unit: fc.constantFrom("A", "=", '"', "'", "\\", "\n", "#", " ") });
  fc.assert(fc.property(text, (one) => {
    for (const [name] of environmentIn(one)) deepEqual(/^\w+$/.test(name), true);
  }));
});
