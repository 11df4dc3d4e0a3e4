import { equal } from "node:assert/strict";
import type { LockState } from "./socket_lock.ts";
import { StartWatch } from "./start_watch.ts";

const startedAt = 1_000_000;

/** Checks a row of states, 200 ms apart. @returns after how many the process counted as ended; -1 for never */
async function looksUntilEnded(row: readonly LockState["state"][], takenAt = 0): Promise<number> {
  const states = [...row];
  const watch = new StartWatch("/s", startedAt, () => Promise.resolve({ state: states.shift() ?? "unknown", takenAt }));
  for (let look = 1; look <= row.length; look++) if (await watch.hasEnded(startedAt + 200 * look)) return look;
  return -1;
}

Deno.test("StartWatch.hasEnded() when the lock that was held is free", async () => {
  equal(await looksUntilEnded(["absent", "held", "held", "free", "free"]), 5);
  equal(await looksUntilEnded(["held", "absent", "absent"]), 3, "its folder may be gone with it");
  equal(await looksUntilEnded(["held", "free", "held", "free", "held"]), -1, "another start takes it");
});

Deno.test("StartWatch.hasEnded() when the lock was taken since the start and is free, though it was never seen held", async () => {
  equal(await looksUntilEnded(["free", "free"], startedAt + 100), 2);
  equal(await looksUntilEnded(["free", "free"], startedAt - 400), 2, "the main process starts before its watch");
  equal(await looksUntilEnded(["free", "free"], startedAt - 1_000), -1, "that was the start before this one");
  equal(
    await looksUntilEnded(["free", "free"], startedAt + 3_600_000),
    -1,
    "and that one, before the clock was set back",
  );
});

Deno.test("StartWatch.hasEnded() when no process takes the lock for five seconds, and not before", async () => {
  equal(await looksUntilEnded(Array(40).fill("absent")), 26);
  equal(await looksUntilEnded(Array(40).fill("free"), startedAt - 60_000), 26);
});

Deno.test("StartWatch.hasEnded() is never true for a lock that must not be opened", async () => {
  equal(await looksUntilEnded(Array(40).fill("unknown")), -1);
});
