import { deepEqual } from "node:assert/strict";
import { simpleCommands, typedLines } from "./shell.ts";

const cases: readonly (readonly [script: string, commands: readonly (readonly string[])[]])[] = [
  ["a b; c && d || e | f &", [["a", "b"], ["c"], ["d"], ["e"], ["f"]]],
  ["a 'b c' \"d $e\" f\\ g ''", [["a", "b c", "d $e", "f g", ""]]],
  ["a b \\\n  c # d\ne", [["a", "b", "c"], ["e"]]],
  ["a >b 2>&1 <c >>d e", [["a", "e"]]],
  ['a "$(b "c d")" e', [["b", "c d"], ["a", "", "e"]]],
  ["source <(a b)", [["a", "b"], ["source", "/dev/fd/63"]]],
  ["cat <<EOF | a\nb c\nEOF\nd", [["cat"], ["a"], ["d"]]],
  ["cat > b <<'X'\nc; d\nX\ne", [["cat"], ["e"]]],
  ["A=1 sudo a; if b; then c; fi", [["a"], ["b"], ["c"], ["fi"]]],
  ["(a; b)", [["a"], ["b"]]],
  ["a https://b/c#d", [["a", "https://b/c#d"]]],
];

for (const [script, commands] of cases) {
  Deno.test(`simpleCommands() reads ${JSON.stringify(script)}`, () => deepEqual(simpleCommands(script), commands));
}

Deno.test("typedLines() leaves out what a console prints", () => {
  deepEqual(typedLines("$ a \\\n  b\nprinted\n$ c\n"), "a \\\n  b\nc\n");
});
