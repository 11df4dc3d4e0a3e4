import { deepEqual, equal, ok } from "node:assert/strict";
import { Reloads } from "./reloads.ts";

Deno.test("Reloads.announce() calls back who has subscribed, until disposed of", () => {
  const reloads = new Reloads();
  const told: string[] = [];
  const first = reloads.subscribe(() => told.push("first"));
  reloads.subscribe(() => told.push("second"));
  ok(reloads.announce());
  first[Symbol.dispose]();
  ok(reloads.announce());
  deepEqual(told, ["first", "second", "second"]);
  ok(!reloads.missed);
});

Deno.test("Reloads.missed tells of an announcement before the first subscription", () => {
  const reloads = new Reloads();
  equal(reloads.missed, false);
  equal(reloads.announce(), false);
  reloads.subscribe(() => {});
  equal(reloads.missed, true);
});
