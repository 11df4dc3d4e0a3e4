import { equal, ok } from "node:assert/strict";
import fc from "fast-check";
import { budgets, Pool, Share } from "./budget.ts";

Deno.test("Share.take() permits exactly the maximum of one connection", () => {
  const share = new Share(new Pool());
  ok(share.take(budgets.connection));
  ok(!share.take(1));
  equal(share.used, budgets.connection);
  share.credit(1);
  ok(share.take(1));
});

Deno.test("Share.take() limits all connections together, beyond the guaranteed bytes of each", () => {
  const pool = new Pool();
  const each = budgets.connection - budgets.granted;
  const greedy = Array.from({ length: Math.floor(budgets.all / each) }, () => new Share(pool));
  for (const share of greedy) ok(share.take(budgets.connection));
  const late = new Share(pool);
  const rest = budgets.all - greedy.length * each;
  ok(!late.take(budgets.granted + rest + 1));
  ok(late.take(budgets.granted + rest));
  // A new connection has its guaranteed bytes, regardless of the others.
  const last = new Share(pool);
  ok(last.take(budgets.granted) && !last.take(1));
  greedy[0]?.credit(budgets.connection);
  ok(last.take(1));
});

Deno.test("Share.credit() restores the pool, for any order of take and credit", () => {
  const step = fc.record({ which: fc.nat(3), bytes: fc.nat(budgets.connection) });
  fc.assert(fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
    const pool = new Pool();
    const shares = Array.from({ length: 4 }, () => new Share(pool));
    for (const { which, bytes } of steps) {
      const share = shares[which] as Share;
      if (!share.take(bytes)) share.credit(Math.min(share.used, bytes));
      ok(share.used >= 0 && share.used <= budgets.connection);
    }
    for (const share of shares) share.credit(share.used);
    ok(pool.take(budgets.all) && !pool.take(1));
  }));
});
