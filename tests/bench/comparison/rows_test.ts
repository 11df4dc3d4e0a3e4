import assert from "node:assert/strict";
import { rowDefinition, rowNames, selectRows } from "./rows.ts";
import { vendors } from "../vendors.ts";

Deno.test("rows every provider that the benchmark can start has a row of its idle memory", () => {
  const idle = rowNames.filter((name) => name.startsWith("idle-rss-"));
  assert.deepEqual(idle.toSorted(), Object.keys(vendors).map((kind) => `idle-rss-${kind}`).toSorted());
});

Deno.test("rows each has a target", () => {
  for (const name of rowNames) assert.notDeepEqual(rowDefinition(name).targets, {}, name);
});

Deno.test("selectRows() takes a row, the beginning of names up to a hyphen, and all rows without a word", () => {
  assert.deepEqual([...selectRows(["encrypt-16"])], ["encrypt-16"]);
  assert.deepEqual([...selectRows(["encrypt-1"])], ["encrypt-1"]);
  assert.deepEqual([...selectRows(["decrypt-cached", "version"])], [
    "decrypt-cached-1",
    "decrypt-cached-16",
    "decrypt-cached-128",
    "version",
  ]);
  assert.deepEqual([...selectRows([])], rowNames);
});

Deno.test("selectRows() refuses a word that names no row", () => {
  assert.throws(
    () => selectRows(["encrypt-16", "decrypt-c"]),
    /There is no row decrypt-c; the rows are decrypt-cached-1,/,
  );
});
