import assert from "node:assert/strict";
import { fastPauses } from "../../../../tests/support/fast_clock.ts";
import { TestSecrets, textField } from "../../../../tests/support/keyring_secrets.ts";
import { secretPath } from "../../../api/keyring/paths.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import type { SecretChange } from "./model.ts";

const { signal } = new AbortController();
const call = { signal };
const john = secretPath("db/john");

/** Reads a number of changes, and ends the watch. */
async function take(stage: TestSecrets, count: number, work: () => Promise<void>, since?: number) {
  const ending = new AbortController();
  const changes: SecretChange[] = [];
  const reading = (async () => {
    for await (const change of stage.secrets.changes(ending.signal, since)) {
      changes.push(change);
      if (changes.length === count) ending.abort();
    }
  })();
  await new Promise((resolve) => setTimeout(resolve, 5));
  await work();
  await reading;
  return changes;
}

const shown = (changes: readonly SecretChange[]) =>
  changes.map(({ path, version, action }) => `${action} ${path} ${version}`);

Deno.test("changes() yields path, version and action of each write, by any server", async () => {
  await using stage = new TestSecrets({ clock: fastPauses(100) });
  await using other = stage.again();
  const step = () => new Promise((resolve) => setTimeout(resolve, 2));
  const changes = await take(stage, 5, async () => {
    await other.make(john, "1");
    await step();
    await stage.secrets.update(john, { fields: [textField("value", "2")] }, call);
    await step();
    await stage.secrets.patch(john, { labels: { a: "b" } }, call);
    await step();
    await stage.secrets.delete(john, {}, call);
    await step();
    await stage.secrets.move(john, secretPath("x"), call);
  });
  assert.deepEqual(shown(changes), [
    "create db/john 1",
    "update db/john 2",
    "patch db/john 2",
    "delete db/john 2",
    "move x 2",
  ]);
  assert.equal(changes.at(-1)?.from, john);
});

Deno.test("changes() goes on after a gap, and since a revision, without a change missed or told twice", async () => {
  await using stage = new TestSecrets({ clock: fastPauses(1_000) });
  const { watch } = stage.engine;
  let watches = 0;
  stage.engine.watch = (table, signal) => {
    watches++;
    const real = watch.call(stage.engine, table, signal);
    const once = async function* () {
      for await (const names of real) {
        yield names;
        // Each watch reports one change and then fails.
        throw new KeyringError("store_unavailable", "The watch ended.");
      }
    };
    return { confirmedAt: () => real.confirmedAt(), [Symbol.asyncIterator]: once };
  };
  await stage.make("before", "1");
  // More than the clocks of servers may differ.
  await stage.clock.sleep(90_000, signal);
  const paths = ["a", "b", "c", "d", "e"];
  const changes = await take(stage, 5, async () => {
    for (const path of paths) await stage.make(path, "1");
  });
  assert.deepEqual(changes.map(({ path }) => path).toSorted(), paths);
  assert.ok(watches > 1);
  const later = await take(stage, 2, () => Promise.resolve(), changes[2]?.revision);
  assert.ok(later.every(({ revision }) => revision > (changes[2]?.revision ?? 0)));
});
