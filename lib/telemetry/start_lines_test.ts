import { deepEqual } from "node:assert/strict";
import { StartLines } from "./start_lines.ts";

Deno.test("StartLines holds lines until release(), then writes them in order and later ones at once", () => {
  const written: string[] = [];
  const lines = new StartLines(true, (line) => written.push(line));
  for (const line of ["a", "b"]) lines.write(line);
  deepEqual(written, []);
  lines.release();
  lines.write("c");
  lines.release();
  deepEqual(written, ["a", "b", "c"]);
});

Deno.test("StartLines holds nothing if keep is false, and no more than its maximum", () => {
  const written: string[] = [];
  new StartLines(false, (line) => written.push(line)).write("a");
  const lines = new StartLines(true, (line) => written.push(line));
  for (let at = 0; at < 1_001; at++) lines.write(String(at));
  deepEqual(written, ["a", ...Array.from({ length: 1_001 }, (_, at) => String(at))]);
});
