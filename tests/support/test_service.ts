/**
 * The service over providers in memory, on a clock that the test moves.
 *
 * @module
 */
import type { Event } from "../../lib/telemetry/events.ts";
import { type OpenedService, openService, type ServiceOptions } from "../../lib/services/kms/service.ts";
import { FakeClock } from "./fake_clock.ts";
import type { CheckedProvider } from "../../lib/provider/provider.ts";
import { MemoryStore } from "./memory_store.ts";

/** A service with its dependencies. */
export interface TestNode extends AsyncDisposable {
  readonly service: OpenedService;
  readonly clock: FakeClock;
  readonly store: MemoryStore;
  readonly events: Event[];
}

/** Options of a test; the rest is as in the default configuration. */
export type TestNodeOptions = Partial<Omit<ServiceOptions, "providers" | "clock" | "store" | "notify">> & {
  readonly clock?: FakeClock;
  readonly store?: MemoryStore;
  readonly formerly?: Readonly<Record<string, readonly string[]>>;
};

const hour = 3_600_000;

/** Settings of a service in tests: the defaults of a configuration. */
export const serviceSettings = {
  unwrap: "fastest",
  keyEpoch: 0,
  cache: { entries: 4096, maxAgeMs: 600_000, graceOnOutageMs: 24 * hour, lifetimeMs: 7 * 24 * hour },
  dekMaxAgeMs: hour,
  probeIntervalMs: 75_000,
} as const;

/** Starts a node. The clock has not moved when it returns. */
export async function startNode(
  providers: readonly CheckedProvider[],
  options: TestNodeOptions = {},
): Promise<TestNode> {
  const { clock = new FakeClock(), store = new MemoryStore(), formerly = {}, ...rest } = options;
  const events: Event[] = [];
  const service = await openService({
    ...serviceSettings,
    wrap: providers.length > 1 ? 2 : 1,
    ...rest,
    providers: providers.map((provider) => ({ provider, formerly: formerly[provider.name] ?? [] })),
    store,
    clock,
    notify: (event) => void events.push(event),
  });
  return { service, clock, store, events, [Symbol.asyncDispose]: () => service[Symbol.asyncDispose]() };
}
