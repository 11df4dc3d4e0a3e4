import { deepEqual, equal, ok } from "node:assert/strict";
import { Reloads } from "./reloads.ts";

Deno.test("Reloads.announce() calls each subscriber until it is disposed of", () => {
  const reloads = new Reloads();
  const calls: string[] = [];
  const first = reloads.subscribe(() => calls.push("first"));
  reloads.subscribe(() => calls.push("second"));
  ok(reloads.announce());
  first[Symbol.dispose]();
  ok(reloads.announce());
  deepEqual(calls, ["first", "second", "second"]);
  ok(!reloads.missed);
});

Deno.test("Reloads.missed is true after an announcement before the first subscription", () => {
  const reloads = new Reloads();
  equal(reloads.missed, false);
  equal(reloads.announce(), false);
  reloads.subscribe(() => {});
  equal(reloads.missed, true);
});
