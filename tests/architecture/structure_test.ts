/**
 * The structure of the program: no import cycles, and one order of rooms in the code and in the documentation.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { importCycles } from "./cycles.ts";
import { repetitions } from "./repetition.ts";
import { complaintAboutOrder, orderText } from "./rooms.ts";
import { root, sourceFiles } from "./sources.ts";

Deno.test("no file of lib imports itself through others, types included", async () => {
  assert.deepEqual((await importCycles(await sourceFiles())).map((cycle) => cycle.join(" -> ")), []);
});

Deno.test("importCycles() finds a cycle through types, through a dynamic import and through two cycles at once", () => {
  const file = (path: string, ...targets: string[]) => ({
    path,
    text: targets.map((target) => `import type { X } from "./${target}";`).join("\n"),
  });
  assert.deepEqual(importCycles([file("lib/a.ts", "b.ts"), file("lib/b.ts", "c.ts"), file("lib/c.ts")]), []);
  assert.deepEqual(importCycles([file("lib/a.ts", "b.ts"), file("lib/b.ts", "c.ts"), file("lib/c.ts", "a.ts")]), [
    ["lib/a.ts", "lib/b.ts", "lib/c.ts", "lib/a.ts"],
  ]);
  const dynamic = { path: "lib/b.ts", text: `export const load = () => import("./a.ts");` };
  assert.deepEqual(importCycles([file("lib/a.ts", "b.ts"), dynamic]), [["lib/a.ts", "lib/b.ts", "lib/a.ts"]]);
  const twice = [file("lib/a.ts", "b.ts"), file("lib/b.ts", "a.ts", "c.ts"), file("lib/c.ts", "d.ts")];
  assert.equal(importCycles([...twice, file("lib/d.ts", "c.ts")]).length, 2);
});

Deno.test("repetitions() finds equal functions and statements under other names, and no code with other literals", () => {
  const body = (name: string, literal: number) =>
    `export function ${name}(${name}s: number[]): number {\n` +
    `  let ${name}Sum = ${literal};\n  for (const one of ${name}s) ${name}Sum += one * one;\n  return ${name}Sum;\n}\n`;
  const file = (path: string, text: string) => ({ path, text });
  const a = file("lib/a.ts", body("alpha", 1));
  const found = repetitions([a, file("lib/b.ts", `const x = 1;\n${body("beta", 1)}`)], 20);
  assert.deepEqual(found.map(({ places }) => places), [
    [{ path: "lib/a.ts", line: 1, last: 5 }, { path: "lib/b.ts", line: 2, last: 6 }],
  ]);
  assert.ok((found[0]?.tokens ?? 0) > 20);
  assert.deepEqual(repetitions([a, file("lib/b.ts", body("beta", 2))], 30), []);
  const inner = body("gamma", 1).split("\n").slice(1, 4).join("\n").replaceAll("gamma", "delta");
  const within = file("lib/c.ts", `export function other(deltas: number[]) {\n  Deno.cwd();\n${inner}\n}\n`);
  assert.deepEqual(repetitions([a, within], 20).map(({ places }) => places.map(({ line, last }) => [line, last])), [
    [[2, 4], [3, 5]],
  ]);
});

Deno.test("docs/architecture.md lists the rooms in the order of imports", async () => {
  const text = await Deno.readTextFile(join(root, "docs/architecture.md"));
  const [, section] = /<!-- rooms -->([^]*?)<!-- \/rooms -->/.exec(text) ?? [];
  const complaint = section === undefined ? "There is no such section." : complaintAboutOrder(section);
  const expected = `The order between <!-- rooms --> and <!-- /rooms --> is:\n\n${orderText()}\n`;
  assert.equal(complaint, undefined, `${complaint} ${expected}`);
});

Deno.test("complaintAboutOrder() accepts either direction and refuses a room that is missing, doubled or elsewhere", () => {
  const lines = orderText().split("\n");
  assert.equal(complaintAboutOrder(orderText()), undefined);
  assert.equal(complaintAboutOrder(lines.toReversed().join("\n").replaceAll("`lib/", "`")), undefined);
  assert.match(complaintAboutOrder(lines.slice(0, -1).join("\n")) ?? "", /does not name lib\/base/);
  assert.match(complaintAboutOrder([...lines, "`lib/base`"].join("\n")) ?? "", /twice/);
  const [first = "", second = "", third = "", ...rest] = lines;
  assert.match(complaintAboutOrder([first, third, second, ...rest].join("\n")) ?? "", /not at its place/);
});
