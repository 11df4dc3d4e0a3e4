import { deepEqual, equal, rejects, throws } from "node:assert/strict";
import { StateSaver } from "./state_saver.ts";

Deno.test("StateSaver writes one state at a time, and the newest one last", async () => {
  const [begun, ended]: [number[], number[]] = [[], []];
  const gate = Promise.withResolvers<void>();
  let state = 0;
  const saver = new StateSaver(async () => {
    const written = state;
    begun.push(written);
    equal(begun.length - ended.length, 1);
    await gate.promise;
    ended.push(written);
  });
  for (state = 1; state <= 5; state++) saver.soon();
  state = 5;
  gate.resolve();
  await saver.settled();
  deepEqual(ended, [1, 5]);
  state = 6;
  saver.soon();
  await saver.settled();
  deepEqual(ended, [1, 5, 6]);
});

Deno.test("StateSaver passes the failure of a write on, at each later call", async () => {
  const saver = new StateSaver(() => Promise.reject(new Error("disk is full")));
  saver.soon();
  await rejects(saver.settled(), /^Error: disk is full$/);
  throws(() => saver.soon(), /^Error: disk is full$/);
  await rejects(saver.settled(), /^Error: disk is full$/);
});

Deno.test("StateSaver.settled() resolves if nothing was written", async () => {
  await new StateSaver(() => Promise.reject(new Error("not called"))).settled();
});
