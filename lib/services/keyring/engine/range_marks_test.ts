import assert from "node:assert/strict";
import { RangeMarks } from "./range_marks.ts";

const prefix = (first: number) => new Uint8Array(16).fill(first);
const row = (first: number, last: number) => ({ table: "index", key: Uint8Array.of(...prefix(first), last) } as const);

Deno.test("RangeMarks gives a range another mark with each change in it, and no other range", () => {
  const marks = new RangeMarks();
  const all = () => [marks.of("index", prefix(1)), marks.of("index", prefix(2)), marks.of("value", prefix(1))];
  const before = all();
  marks.changed([row(1, 1), row(1, 2)]);
  const after = all();
  assert.deepEqual(after.map((mark, index) => mark === before[index]), [false, true, true]);
  marks.changed([row(1, 1)]);
  assert.notEqual(marks.of("index", prefix(1)), after[0]);
  marks.allChanged();
  assert.ok(all().every((mark) => !before.includes(mark) && !after.includes(mark)));
});

Deno.test("RangeMarks never gives a mark again when it forgets the marks of many ranges", () => {
  const marks = new RangeMarks();
  const seen = new Set([marks.of("index", prefix(1))]);
  for (let round = 0; round < 3; round++) {
    for (let at = 0; at < 10_001; at++) {
      marks.changed([{ table: "index", key: Uint8Array.of(...prefix(0), 0).fill(at >> 8, 0, 8).fill(at, 8, 16) }]);
    }
    marks.changed([row(1, round)]);
    const mark = marks.of("index", prefix(1));
    assert.equal(seen.has(mark), false);
    seen.add(mark);
  }
});
