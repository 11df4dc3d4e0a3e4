import { equal, throws } from "node:assert/strict";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { RateLimit } from "./rate_limit.ts";

const isLimited = (thrown: unknown) => thrown instanceof KeyringError && thrown.code === "rate_limited";

Deno.test("RateLimit lets a burst pass, then the rate, for each identity by itself", () => {
  let now = 0;
  const limit = new RateLimit({ perSecond: 2, burst: 3 }, { now: () => now });
  for (let count = 0; count < 3; count++) limit.take("a");
  throws(() => limit.take("a"), isLimited);
  limit.take("b");
  now += 500;
  limit.take("a");
  throws(() => limit.take("a"), isLimited);
  now += 60_000;
  for (let count = 0; count < 3; count++) limit.take("a");
  throws(() => limit.take("a"), isLimited);
});

Deno.test("RateLimit keeps its limit while more identities come than it has places", () => {
  let now = 0;
  const limit = new RateLimit({ perSecond: 1, burst: 1 }, { now: () => now });
  let refused = 0;
  for (let count = 0; count < 25_000; count++) {
    limit.take(`id-${count}`);
    now += 1;
    try {
      limit.take(`id-${count}`);
    } catch {
      refused++;
    }
  }
  equal(refused, 25_000);
});
