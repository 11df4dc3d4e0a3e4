import { deepEqual } from "node:assert/strict";
import { counted, minutes } from "./refused_decrypts.ts";

Deno.test("counted() adds the envelopes of all codes", () => {
  const of = (...numbers: readonly number[]) => counted(numbers.map((envelopes) => ({ envelopes })));
  deepEqual([of(), of(1), of(1, 1), of(2, 3)], ["0 envelopes", "1 envelope", "2 envelopes", "5 envelopes"]);
});

Deno.test("minutes() rounds to whole minutes", () => {
  deepEqual([300_000, 90_000, 89_999].map(minutes), ["5 minutes", "2 minutes", "1 minutes"]);
});
