import assert from "node:assert/strict";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { RequestTurns } from "./turns.ts";

Deno.test("RequestTurns serves a few callers in each turn, in order, at the interval", async () => {
  const clock = new FakeClock();
  const turns = new RequestTurns({ most: 2, everyMs: 5 }, clock);
  const had: number[] = [];
  for (let one = 0; one < 5; one++) void turns.next().then(() => had.push(one));
  await clock.settle();
  assert.deepEqual(had, [], "none in the turn of the event loop that asked");
  await clock.advance(0);
  assert.deepEqual(had, [0, 1]);
  await clock.advance(4);
  assert.deepEqual(had, [0, 1]);
  await clock.advance(1);
  assert.deepEqual(had, [0, 1, 2, 3]);
  await clock.advance(5);
  assert.deepEqual(had, [0, 1, 2, 3, 4]);
});

Deno.test("RequestTurns does not delay a rare caller", async () => {
  const clock = new FakeClock();
  const turns = new RequestTurns({ most: 1, everyMs: 5 }, clock);
  for (let asked = 0; asked < 3; asked++) {
    let had = false;
    void turns.next().then(() => had = true);
    await clock.advance(0);
    assert.ok(had);
    await clock.advance(5);
  }
});
