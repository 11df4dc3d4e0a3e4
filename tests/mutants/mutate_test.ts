import assert from "node:assert/strict";
import { mutantsOf, mutated } from "./mutate.ts";

/** The mutants of one line of code, as texts. */
function textsOf(source: string, operator: string): string[] {
  return mutantsOf("a.ts", source).filter((one) => one.operator === operator).map((one) => mutated(source, one));
}

Deno.test("mutantsOf() swaps operators, and leaves sums of texts alone", () => {
  assert.deepEqual(textsOf("const a = b < c;", "swap"), ["const a = b <= c;", "const a = b >= c;"]);
  assert.deepEqual(textsOf("const a = b === c && d;", "swap"), ["const a = b !== c && d;", "const a = b === c || d;"]);
  assert.deepEqual(textsOf('const a = "b" + c;', "swap"), []);
});

Deno.test("mutantsOf() changes numbers, truth values and texts of formats, and no types or sentences", () => {
  assert.deepEqual(textsOf("const a = 15;", "number"), ["const a = 16;"]);
  assert.deepEqual(textsOf("const a: true = f(true);", "truth"), ["const a: true = f(false);"]);
  assert.deepEqual(textsOf('const a = "trousseau/1 wraps";', "text"), ['const a = "trousseau/1 wrapsx";']);
  assert.deepEqual(textsOf('import { a } from "b";\nconst c: "d" = f("it is too long");', "text"), []);
});

Deno.test("mutantsOf() decides conditions, drops negations, statements and elements", () => {
  assert.deepEqual(textsOf("if (a) b();", "condition"), ["if (true) b();", "if (false) b();"]);
  assert.deepEqual(textsOf("const a = b ? c : d;", "condition"), [
    "const a = true ? c : d;",
    "const a = false ? c : d;",
  ]);
  assert.deepEqual(textsOf("while (a) b();", "condition"), ["while (false) b();"]);
  assert.deepEqual(textsOf("const a = !b;", "negation"), ["const a = b;"]);
  assert.deepEqual(textsOf("a();\nthrow b;", "statement"), [";\nthrow b;", "a();\n;"]);
  assert.deepEqual(textsOf("const a = [b, c, d];", "element"), [
    "const a = [c, d];",
    "const a = [b, d];",
    "const a = [b, c];",
  ]);
});

Deno.test("mutantsOf() names file, line, and both texts", () => {
  const [first] = mutantsOf("lib/a.ts", "\nconst a = 1;");
  assert.deepEqual([first?.file, first?.line, first?.operator, first?.from, first?.to], [
    "lib/a.ts",
    2,
    "number",
    "1",
    "2",
  ]);
});
