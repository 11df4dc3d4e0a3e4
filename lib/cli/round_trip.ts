/**
 * Has a provider prove itself: open, probe, wrap, unwrap.
 *
 * @module
 */
import { equalBytes } from "../bytes.ts";
import type { ProviderConfig } from "../config/config.ts";
import { deadline } from "../deadline.ts";
import { type ErrorCode, KmsError, toKmsError } from "../errors.ts";
import { observed } from "../provider/observed.ts";
import type { KeyState, Provider } from "../provider/provider.ts";
import { adviseOn, openProvider } from "../provider/registry.ts";
import type { ProviderKind, ProviderSettings } from "../provider/settings.ts";

/** What is tried, in this order; a failure ends it. */
export const roundTripSteps = ["open", "probe", "wrap", "unwrap"] as const;

/** One of {@linkcode roundTripSteps}. */
export type RoundTripStepName = (typeof roundTripSteps)[number];

/** One step that was tried. */
export interface RoundTripStep {
  readonly step: RoundTripStepName;
  readonly result: "ok" | ErrorCode;
  readonly ms: number;
  /** Why it failed: one sentence, `""` where it did not. */
  readonly message: string;
}

/** How a provider did. */
export interface RoundTrip {
  readonly name: string;
  readonly kind: ProviderKind;
  readonly key: KeyState | undefined;
  /** What the first start will still make, and for want of which nothing was tried; `undefined` in the normal case. */
  readonly toBeMade: string | undefined;
  readonly steps: readonly RoundTripStep[];
}

/** Milliseconds for each call: more than kube-apiserver would give, so that a slow KMS is told from a dead one. */
const callMs = 10_000;

/**
 * Wraps a throwaway data key, and unwraps it again. Nothing is retried and nothing made: a check shows what is there.
 *
 * @param stateFolder of this node: what its providers keep there is heeded.
 * @param signal ends all of it.
 * @param last the last step: a provider that only unwraps is not asked to wrap.
 */
export async function roundTrip(
  { name, settings }: ProviderConfig,
  stateFolder: string,
  signal: AbortSignal,
  last: "probe" | "unwrap" = "unwrap",
): Promise<RoundTrip> {
  const toBeMade = await (await adviseOn(settings)).toBeMade();
  if (toBeMade !== undefined) return { name, kind: settings.kind, key: undefined, toBeMade, steps: [] };
  const trip = new Trip(signal);
  let key: KeyState | undefined;
  try {
    await using provider = await trip.take("open", () => openObserved(settings, stateFolder));
    const at = await trip.take("probe", (signal) => provider.probe({ signal }));
    key = at;
    if (last === "probe") return { name, kind: settings.kind, key, toBeMade, steps: trip.steps };
    const dek = crypto.getRandomValues(new Uint8Array(32));
    const wrapped = await trip.take("wrap", (signal) => provider.wrap(dek, at, { signal }));
    await trip.take("unwrap", async (signal) => checkSame(await provider.unwrap(wrapped, { signal }), dek, name));
  } catch (thrown) {
    if (thrown !== trip.failure) throw thrown;
  }
  return { name, kind: settings.kind, key, toBeMade, steps: trip.steps };
}

/** Times steps and notes what became of them. */
class Trip {
  readonly steps: RoundTripStep[] = [];
  readonly #signal: AbortSignal;
  /** What ended it; every failure of a step is noted before it is thrown on. */
  failure: KmsError | undefined;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  async take<T>(step: RoundTripStepName, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const startedAt = performance.now();
    using limit = deadline(callMs, this.#signal);
    try {
      const value = await work(limit.signal);
      this.steps.push({ step, result: "ok", ms: performance.now() - startedAt, message: "" });
      return value;
    } catch (thrown) {
      const error = this.failure = toKmsError(thrown);
      this.steps.push({ step, result: error.code, ms: performance.now() - startedAt, message: error.message });
      throw error;
    }
  }
}

async function openObserved(settings: ProviderSettings, stateFolder: string): Promise<Provider> {
  const context = { notify: () => {}, stateFolder, keepsStateAsItIs: true };
  return observed(await openProvider(settings, context), context);
}

function checkSame(unwrapped: Uint8Array, dek: Uint8Array, name: string): void {
  if (equalBytes(unwrapped, dek)) return;
  throw new KmsError("provider_protocol", `Cannot trust provider "${name}": it unwrapped other bytes than it wrapped.`);
}
