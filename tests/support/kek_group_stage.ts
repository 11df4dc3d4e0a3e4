/**
 * A `KekGroup` on a fake clock.
 *
 * @module
 */
import { FakeClock } from "./fake_clock.ts";
import { equalBytes } from "../../lib/base/bytes.ts";
import { toKmsError } from "../../lib/base/errors.ts";
import { newDek } from "../../lib/envelope/seal.ts";
import { referenceTo, type Wrap } from "../../lib/envelope/wrap.ts";
import type { CheckedProvider } from "../../lib/provider/provider.ts";
import type { Event } from "../../lib/telemetry/events.ts";
import { KekGroup, type KekGroupOptions } from "../../lib/kek/kek_group.ts";

export const second = 1_000;

export const minute = 60 * second;

export const hour = 60 * minute;

export const { signal } = new AbortController();

/** A group on a clock that the test moves. */
class Stage implements AsyncDisposable {
  readonly clock = new FakeClock();
  readonly events: Event[] = [];
  readonly group: KekGroup;
  readonly dek = newDek();

  constructor(
    providers: readonly CheckedProvider[],
    options: Partial<KekGroupOptions> = {},
    onState?: Parameters<KekGroup["start"]>[0],
  ) {
    this.group = new KekGroup({
      providers: providers.map((provider) => ({ provider, formerly: [] })),
      retired: [],
      wrap: "all",
      unwrap: "ordered",
      cache: { entries: 8, maxAgeMs: minute, graceOnOutageMs: hour, lifetimeMs: 24 * hour },
      probes: { when: "always", intervalMs: minute, random: () => 0.5 },
      decrypts: { canFail: true, onFailing: () => {} },
      ...options,
      clock: this.clock,
      notify: (event) => void this.events.push(event),
    });
    this.group.start(onState);
  }

  /** Wraps the stage's data key with all providers. */
  wrap(): Promise<readonly Wrap[]> {
    const { providers, needed } = this.group;
    return this.group.wrap({
      dek: this.dek,
      purpose: "v2",
      members: providers.map((provider) => ({ provider })),
      needed,
    }, signal);
  }

  /** Unwraps it: the way by which that was answered, or the code of the error. */
  async open(wraps: readonly Wrap[]): Promise<string> {
    const reference = referenceTo(wraps);
    const open = (dek: Uint8Array) => equalBytes(dek, this.dek) ? dek.slice() : undefined;
    try {
      return (await this.group.open({ wraps, reference, purpose: "v2", open }, { signal })).cache;
    } catch (thrown) {
      return toKmsError(thrown).code;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.group[Symbol.asyncDispose]();
  }
}

export async function settled(...options: ConstructorParameters<typeof Stage>): Promise<Stage> {
  const stage = new Stage(...options);
  await stage.clock.settle();
  return stage;
}
