/**
 * A store of records in memory: an engine, a KMS and a clock that a test controls.
 *
 * @module
 */
import type { Clock } from "../../lib/base/clock.ts";
import { KekGroup, type KekGroupOptions } from "../../lib/kek/kek_group.ts";
import {
  openRecordStore,
  type RecordStoreOptions,
  type SealedRecordStore,
} from "../../lib/services/keyring/records/record_store.ts";
import type { Event } from "../../lib/telemetry/events.ts";
import { FakeClock } from "./fake_clock.ts";
import { MemoryEngine } from "./memory_engine.ts";
import { MemoryProvider } from "./memory_provider.ts";

const minute = 60_000;

/** The parts of a store that a test chooses; each is made if left out. */
export interface TestStoreOptions {
  readonly engine?: MemoryEngine;
  readonly provider?: MemoryProvider;
  readonly clock?: Clock;
  readonly group?: Partial<KekGroupOptions>;
  readonly store?: Partial<RecordStoreOptions>;
}

/** A store and its parts. */
export class TestStore implements AsyncDisposable {
  readonly engine: MemoryEngine;
  readonly provider: MemoryProvider;
  readonly clock: Clock;
  readonly group: KekGroup;
  readonly store: SealedRecordStore;
  readonly events: Event[] = [];
  /** A signal that is never aborted. */
  readonly signal: AbortSignal = new AbortController().signal;

  constructor(options: TestStoreOptions = {}) {
    this.clock = options.clock ?? new FakeClock();
    this.engine = options.engine ?? new MemoryEngine(this.clock);
    this.provider = options.provider ?? new MemoryProvider("a");
    this.group = new KekGroup({
      providers: [{ provider: this.provider, formerly: [] }],
      retired: [],
      wrap: "all",
      unwrap: "ordered",
      cache: { entries: 100, maxAgeMs: 10 * minute, graceOnOutageMs: 60 * minute, lifetimeMs: 24 * 60 * minute },
      probes: { when: "while_unwell", intervalMs: minute, random: () => 0.5 },
      decrypts: { canFail: false, onFailing: () => {} },
      ...options.group,
      clock: this.clock,
      notify: (event) => void this.events.push(event),
    });
    this.store = openRecordStore({ engine: this.engine, group: this.group, clock: this.clock, ...options.store });
  }

  /** Another server on the same engine and KMS, or, with an engine, on a copy of the store. */
  again(options: TestStoreOptions = {}): TestStore {
    return new TestStore({ engine: this.engine, provider: this.provider, clock: this.clock, ...options });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.store[Symbol.dispose]();
    await this.group[Symbol.asyncDispose]();
  }
}
