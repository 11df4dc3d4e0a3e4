import assert from "node:assert/strict";
import { FakeClock } from "../../../../tests/support/fake_clock.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { RowChanges } from "./row_changes.ts";

const row = { table: "token", key: Uint8Array.of(1) } as const;

Deno.test("RowChanges confirms a watch up to the change that has not been taken, or not been applied", async () => {
  const clock = new FakeClock();
  const changes = new RowChanges(clock);
  const control = new AbortController();
  const watch = changes.watch("token", control.signal);
  const start = clock.now();
  const iterator = watch[Symbol.asyncIterator]();
  const first = iterator.next();
  await clock.advance(1_000);
  assert.equal(watch.confirmedAt(), start + 1_000);
  await clock.advance(500);
  changes.announce([row, { ...row, table: "code" }]);
  assert.deepEqual((await first).value, [row]);
  await clock.advance(1_000);
  assert.equal(watch.confirmedAt(), start + 1_500, "the consumer has not asked for more");
  const second = iterator.next();
  await clock.advance(1);
  assert.equal(watch.confirmedAt(), start + 2_501);
  control.abort();
  assert.equal((await second).done, true);
});

Deno.test("RowChanges ends a watch that is too slow, and all watches when changes can have been missed", async () => {
  const changes = new RowChanges(new FakeClock());
  const { signal } = new AbortController();
  const [slow, other] = [changes.watch("token", signal), changes.watch("code", signal)];
  const many = Array.from({ length: 60_000 }, () => row);
  changes.announce(many);
  changes.announce(many);
  await assert.rejects(Array.fromAsync(slow), {
    code: "store_unavailable",
    message: /come faster than they are taken/,
  });
  changes.fail(new KeyringError("store_unavailable", "Cannot use the store."));
  await assert.rejects(Array.fromAsync(other), { message: "Cannot use the store." });
});

Deno.test("RowChanges gives nothing to a watch that was left", async () => {
  const changes = new RowChanges(new FakeClock());
  const watch = changes.watch("token", new AbortController().signal);
  changes.announce([row]);
  for await (const names of watch) {
    assert.deepEqual(names, [row]);
    break;
  }
  changes.announce(Array.from({ length: 200_000 }, () => row));
  assert.deepEqual(await Array.fromAsync(watch), []);
});
