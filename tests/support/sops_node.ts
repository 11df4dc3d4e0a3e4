/**
 * The key service over providers in memory, on a clock that the test moves.
 *
 * @module
 */
import type { Event } from "../../lib/telemetry/events.ts";
import type { CheckedProvider } from "../../lib/provider/provider.ts";
import { openSopsService, type SopsService, type SopsServiceOptions } from "../../lib/services/sops/service.ts";
import { FakeClock } from "./fake_clock.ts";

/** A service with its dependencies. */
export interface SopsNode extends AsyncDisposable {
  readonly service: SopsService;
  readonly clock: FakeClock;
  readonly events: Event[];
}

/** Options of a test; the rest is as in the default configuration. */
export type SopsNodeOptions = Partial<Omit<SopsServiceOptions, "providers" | "retired" | "clock" | "notify">> & {
  readonly clock?: FakeClock;
  readonly retired?: readonly CheckedProvider[];
  readonly formerly?: Readonly<Record<string, readonly string[]>>;
};

const hour = 3_600_000;

/** Starts a service. The first probes have been answered when it returns. */
export async function startSopsNode(
  providers: readonly CheckedProvider[],
  { clock = new FakeClock(), retired = [], formerly = {}, ...rest }: SopsNodeOptions = {},
): Promise<SopsNode> {
  const events: Event[] = [];
  const wrap = providers.length > 1 ? 2 : 1;
  const named = (list: readonly CheckedProvider[]) =>
    list.map((provider) => ({ provider, formerly: formerly[provider.name] ?? [] }));
  const service = openSopsService({
    wrap,
    keys: [{ name: "default", providers: providers.map(({ name }) => name), wrap }],
    decryptOnly: false,
    unwrap: "fastest",
    cache: { entries: 4096, maxAgeMs: 600_000, graceOnOutageMs: 24 * hour, lifetimeMs: 7 * 24 * hour },
    probeIntervalMs: 75_000,
    ...rest,
    providers: named(providers),
    retired: named(retired),
    clock,
    notify: (event) => void events.push(event),
  });
  await clock.settle();
  return { service, clock, events, [Symbol.asyncDispose]: () => service[Symbol.asyncDispose]() };
}
