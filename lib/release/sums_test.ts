import assert from "node:assert/strict";
import { formatSums, parseSums } from "./sums.ts";

const hash = "0123456789abcdef".repeat(4);

Deno.test("parseSums() reads what formatSums() wrote, and what sha256sum writes in binary mode", () => {
  assert.deepEqual(parseSums(formatSums([{ file: "trousseau", sha256: hash }])), [{ file: "trousseau", sha256: hash }]);
  assert.deepEqual(parseSums(`${hash} *trousseau\n`), [{ file: "trousseau", sha256: hash }]);
});

Deno.test("parseSums() refuses a line of another form", () => {
  for (const line of [hash, `${hash.slice(1)}  trousseau`, `${hash.toUpperCase()}  trousseau`, "trousseau"]) {
    assert.throws(() => parseSums(`${line}\n`), /Cannot read the line/);
  }
});
