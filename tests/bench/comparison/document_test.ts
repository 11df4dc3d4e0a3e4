import assert from "node:assert/strict";
import { type ComparisonDocument, targetsOf } from "./document.ts";
import { parseDocument } from "./document_schema.ts";
import { comparedRow, failedRow, type Pair } from "./pairs.ts";
import { type FigureName, rowDefinition, type RowName, rowNames } from "./rows.ts";

/** The figures of each row, in the order of its kind. */
const figures = {
  us: ["cpu", "rate", "p50", "p99"],
  MB: ["resident", "aboveIdle"],
  ms: ["aboveEmpty", "time", "cpuAboveEmpty", "cpu"],
} as const satisfies Record<string, readonly FigureName[]>;

function pairOfRow(name: RowName, ours: number): Pair {
  const names = figures[rowDefinition(name).unit];
  const side = (value: number) => Object.fromEntries(names.map((figure) => [figure, value]));
  return { ours: side(ours), base: side(4), floor: side(2), peer: side(3) };
}

function documentOf(): ComparisonDocument {
  const rows = rowNames.map((name) => comparedRow(name, [pairOfRow(name, 1), pairOfRow(name, 2)], "a stand-in"));
  const machine = { cores: 2, deno: Deno.version.deno, load: { before: 0.5, after: 2 } };
  return { machine, revision: "b6d3b61", pairs: 2, rows: [...rows, failedRow("version", "Cannot start it.")] };
}

Deno.test("a printed document keeps its shape", () => {
  parseDocument(JSON.stringify(documentOf()));
});

Deno.test("a ratio that is no number, a lost pair and an unknown row are no document", () => {
  const changes = [{ ratios: { toBase: NaN } }, { pairs: [] }, { name: "encrypt-17" }];
  for (const change of changes) {
    const { rows: [first, ...rest], ...others } = documentOf();
    const text = JSON.stringify({ ...others, rows: [{ ...first, ...change }, ...rest] });
    assert.throws(() => parseDocument(text), JSON.stringify(change));
  }
});

Deno.test("targetsOf() has every target of a row with its figure, reached or missed", () => {
  const row = comparedRow("decrypt-uncached-16", [pairOfRow("decrypt-uncached-16", 3.75)]);
  assert.deepEqual(targetsOf(row), [
    { row: "decrypt-uncached-16", name: "rateToPeer", figure: 1.25, bound: ">= 1.2", reached: true },
    { row: "decrypt-uncached-16", name: "cpuToPeer", figure: 1.25, bound: "<= 1", reached: false },
  ]);
});

Deno.test("targetsOf() a row that was not measured has its targets without a figure, missed", () => {
  assert.deepEqual(targetsOf(failedRow("version", "Cannot start it.")), [
    { row: "version", name: "toBase", figure: undefined, bound: "<= 0.5", reached: false },
  ]);
});
