import { deepEqual, equal, match } from "node:assert/strict";
import { FakeClock } from "../../../../tests/support/fake_clock.ts";
import { MemoryEngine } from "../../../../tests/support/memory_engine.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import type { RowWatch } from "../engine/engine.ts";
import { StoreContact } from "./store_contact.ts";

/** A store whose watches a test confirms and ends. */
class Watched {
  readonly clock = new FakeClock();
  readonly engine = new MemoryEngine(this.clock);
  at = this.clock.now();
  watches = 0;
  end = Promise.withResolvers<void>();

  watch(_table: string, signal: AbortSignal): RowWatch {
    this.watches++;
    const ended = this.end.promise;
    return {
      confirmedAt: () => this.at,
      async *[Symbol.asyncIterator]() {
        const aborted = new Promise<void>((resolve) =>
          signal.addEventListener("abort", () => resolve(), { once: true })
        );
        yield* [];
        await Promise.race([ended, aborted]);
      },
    };
  }
}

Deno.test("StoreContact fails five seconds after the last confirmation, and is well with the next one", async () => {
  const store = new Watched();
  await using contact = new StoreContact(store, store.clock);
  await store.clock.advance(5_000);
  deepEqual(contact.health(), { state: "ok" });
  await store.clock.advance(2_000);
  equal(contact.health().state, "failed");
  match(contact.health().reason ?? "", /has not answered for 7 seconds; look at it/);
  store.at = store.clock.now();
  deepEqual(contact.health(), { state: "ok" });
});

Deno.test("StoreContact watches again after a watch that has failed", async () => {
  const store = new Watched();
  await using contact = new StoreContact(store, store.clock);
  store.end.reject(new KeyringError("store_unavailable", "compacted"));
  store.end.promise.catch(() => {});
  await store.clock.advance(1);
  store.end = Promise.withResolvers<void>();
  await store.clock.advance(10_000);
  equal(store.watches, 2);
  equal(contact.health().state, "failed");
  store.at = store.clock.now();
  equal(contact.health().state, "ok");
});
