import assert from "node:assert/strict";
import { type ImportGraph, killersOf, readImports } from "./killers.ts";

const graph: ImportGraph = new Map([
  ["lib/a.ts", []],
  ["lib/a_test.ts", ["lib/a.ts"]],
  ["lib/b.ts", ["lib/a.ts"]],
  ["lib/b_test.ts", ["lib/b.ts"]],
  ["tests/vectors/c_test.ts", ["lib/a.ts"]],
  ["tests/far_test.ts", ["lib/b_test.ts"]],
  ["lib/other_test.ts", []],
]);

Deno.test("killersOf() gives the file's own test first, then the others by their distance", () => {
  assert.deepEqual(killersOf("lib/a.ts", graph, 2), ["lib/a_test.ts", "tests/vectors/c_test.ts", "lib/b_test.ts"]);
  assert.deepEqual(killersOf("lib/a.ts", graph, 1), ["lib/a_test.ts", "tests/vectors/c_test.ts"]);
});

Deno.test("readImports() reads the imports of the product and its vectors", async () => {
  const found = await readImports(new URL("../..", import.meta.url).pathname);
  assert.ok(found.get("lib/services/kms/key_ring/key_id.ts")?.includes("lib/base/bytes.ts"));
  assert.ok(killersOf("lib/envelope/format.ts", found, 1).includes("tests/vectors/kms_test.ts"));
});
