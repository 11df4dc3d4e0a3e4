/**
 * The records and secrets of one server on a real engine, with a KMS in memory.
 *
 * @module
 */
import { systemClock } from "../../lib/base/clock.ts";
import { KekGroup } from "../../lib/kek/kek_group.ts";
import type { Engine } from "../../lib/services/keyring/engine/engine.ts";
import { openRecordStore, type SealedRecordStore } from "../../lib/services/keyring/records/record_store.ts";
import { Secrets } from "../../lib/services/keyring/secrets/secrets.ts";
import type { MemoryProvider } from "./memory_provider.ts";

const minute = 60_000;

/** One server. The engine stays the caller's. */
export class KeyringServer implements AsyncDisposable {
  readonly store: SealedRecordStore;
  readonly secrets: Secrets;
  readonly #group: KekGroup;

  constructor(engine: Engine, provider: MemoryProvider) {
    this.#group = new KekGroup({
      providers: [{ provider, formerly: [] }],
      retired: [],
      wrap: "all",
      unwrap: "ordered",
      cache: { entries: 100, maxAgeMs: 10 * minute, graceOnOutageMs: 60 * minute, lifetimeMs: 60 * minute },
      probes: { when: "while_unwell", intervalMs: minute },
      decrypts: { canFail: false, onFailing: () => {} },
      clock: systemClock,
      notify: () => {},
    });
    this.store = openRecordStore({ engine, group: this.#group, clock: systemClock });
    this.secrets = new Secrets({ store: this.store, clock: systemClock });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.store[Symbol.dispose]();
    await this.#group[Symbol.asyncDispose]();
  }
}
