import { deepEqual, equal, match, throws } from "node:assert/strict";
import { join } from "node:path";
import { targetsOf } from "../bench/comparison/document.ts";
import { comparedRow, failedRow } from "../bench/comparison/pairs.ts";
import { rowNames } from "../bench/comparison/rows.ts";
import { performancePage, withPerformanceTable } from "./performance_table.ts";

const page = await Deno.readTextFile(join(new URL("../..", import.meta.url).pathname, performancePage));

/** Row, target and bound of each line of the table. */
function targetsIn(text: string): string[] {
  const line =
    /^\| `([a-z0-9-]+)` .*\| `([A-Za-z0-9]+)` [^|]*\| ([\d.]+ or (?:less|more)) *\| (?:reached|missed) *\|$/gm;
  return [...text.matchAll(line)].map(([, row, name, bound]) => `${row} ${name} ${bound}`);
}

Deno.test("docs/performance.md has every target of the table of rows", () => {
  const targets = rowNames.flatMap((name) => targetsOf(failedRow(name, ""))).map(({ row, name, bound }) => {
    return `${row} ${name} ${bound.replace(/^<= (.*)/, "$1 or less").replace(/^>= (.*)/, "$1 or more")}`;
  });
  deepEqual(targetsIn(page), targets, "run deno task docs:performance FILE");
});

Deno.test("withPerformanceTable() shows the figures of a measurement, and misses what it lacks", () => {
  const pair = { ours: { cpu: 33, rate: 100 }, base: { cpu: 66, rate: 50 }, floor: { cpu: 30, rate: 90 } };
  const machine = { cores: 2, deno: "2.9.6", load: { before: 1, after: 2 } };
  const rows = JSON.parse(JSON.stringify([comparedRow("encrypt-16", [pair])]));
  const text = withPerformanceTable(page, { machine, revision: "b6d3b61", pairs: 1, rows });
  match(text, /^Medians of 1 pairs with `b6d3b61` on 2 cores, with a load average of 1 before and 2 after\.$/m);
  const cells = (row: string) => {
    return text.split("\n").filter((line) => line.startsWith(`| \`${row}\``)).map((line) => line.replace(/ +/g, " "));
  };
  deepEqual(cells("encrypt-16"), [
    "| `encrypt-16` | 33.00 µs | 66.00 µs | 30.00 µs | `cpuToFloor` 1.10 | 1 or less | missed |",
    "| `encrypt-16` | | | | `rateToFloor` 1.11 | 1 or more | reached |",
  ]);
  deepEqual(cells("version"), ["| `version` | | | | `toBase` not measured | 0.5 or less | missed |"]);
  equal(targetsIn(text).length, targetsIn(page).length);
});

Deno.test("withPerformanceTable() refuses a page without its marks", () => {
  throws(() => withPerformanceTable("# Performance"), /marks/);
});
