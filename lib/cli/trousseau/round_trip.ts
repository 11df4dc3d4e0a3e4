/**
 * Has a provider prove itself: open, probe, wrap, unwrap, and open what this node has sealed with it before.
 *
 * @module
 */
import { equalBytes } from "../../base/bytes.ts";
import { systemClock } from "../../base/clock.ts";
import type { ProviderConfig } from "../../config/config.ts";
import { deadline } from "../../base/deadline.ts";
import { type ErrorCode, KmsError, toKmsError } from "../../base/errors.ts";
import type { Notify } from "../../telemetry/events.ts";
import { NotTried } from "../../provider/not_tried.ts";
import { enforceContract } from "../../provider/enforced_contract.ts";
import type { KeyState, Provider } from "../../provider/provider.ts";
import { remarksOf } from "./remarks.ts";
import { adviseOn, openProvider, type ProviderKind, type ProviderSettings } from "../../provider/registry.ts";
import { Waits } from "../../base/waits.ts";
import type { Sentinel } from "../../services/kms/key_ring/sentinel.ts";
import { openSentinels } from "./open_sentinels.ts";
import type { SentinelResult } from "../../app/sealed_before.ts";

/** What is tried, in this order; a failure ends it. */
const roundTripSteps = ["open", "probe", "wrap", "unwrap"] as const;

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

/** Inputs of a trip, and its last step. */
export interface RoundTripOptions {
  /** Of this node: what its providers keep there is heeded. */
  readonly stateFolder: string;
  /** Takes the provider's events about its calls and logins; they are dropped if it is left out. */
  readonly notify?: Notify;
  /** Ends all of it. */
  readonly signal: AbortSignal;
  /** The last step: `probe` for a provider that only unwraps. One that only wraps ends before the step `unwrap`. */
  readonly last: "probe" | "unwrap";
  /** Versions that a new key must not take the place of. */
  readonly knownVersions: readonly string[] | KmsError;
  /** The key that counts on this node where the provider tells of one: it is what a plugin wraps under. */
  readonly counts: (live: KeyState) => KeyState;
  /** Versions that this node has sealed with, for the remarks. */
  readonly versions: readonly string[];
  /** Sentinels of the versions that this node has sealed with. */
  readonly sentinels: readonly Sentinel[];
  /** {@linkcode openProvider}; another one for tests. */
  readonly open?: typeof openProvider;
}

/** How a provider did. */
export interface RoundTrip {
  readonly name: string;
  readonly kind: ProviderKind;
  readonly key: KeyState | undefined;
  /** What the first start will still make, and for want of which nothing was tried; `undefined` in the normal case. */
  readonly toBeMade: string | undefined;
  /** Why everything after the opening was left out, without any failure: see `NotTried`; `undefined` in the normal case. */
  readonly untried: string | undefined;
  readonly steps: readonly RoundTripStep[];
  /** How each sentinel did, whatever became of the steps after the first. */
  readonly sealed: readonly SentinelResult[];
  /** Remarks of its KMS on the key and on the versions asked about; read after the probe. */
  readonly remarks: readonly string[];
}

/** Milliseconds for each call: more than kube-apiserver would give, so that a slow KMS is told from a dead one. */
const callMs = 10_000;

/**
 * Wraps a throwaway data key, and unwraps it again if the provider can; then opens sentinels. Nothing is retried and
 * nothing created: a check shows the present state.
 */
export async function roundTrip(
  { name, settings }: Pick<ProviderConfig, "name" | "settings">,
  options: RoundTripOptions,
): Promise<RoundTrip> {
  const found = { name, kind: settings.kind };
  const toBeMade = await (await adviseOn(settings)).toBeMade();
  const { knownVersions } = options;
  if (toBeMade !== undefined && !(knownVersions instanceof KmsError) && knownVersions.length === 0) {
    return { ...found, key: undefined, toBeMade, untried: undefined, steps: [], sealed: [], remarks: [] };
  }
  const trip = new Trip(options.signal);
  const provider = await trip.attempt(() => trip.take("open", () => openObserved(settings, options)));
  if (provider === undefined) {
    const error = trip.failure ?? toKmsError(undefined);
    const sealed = options.sentinels.map((sentinel) => ({ sentinel, error }));
    return { ...found, key: undefined, ...asUsual, steps: trip.steps, sealed, remarks: [] };
  }
  await using _closing = provider;
  let key: KeyState | undefined;
  let remarks: readonly string[] = [];
  await trip.attempt(async () => {
    const told = key = await trip.take("probe", (signal) => provider.probe({ signal })).catch(async (thrown) => {
      // A login that may not wrap any more, or a disabled key, may still be told which versions open.
      if (isRefusal(thrown)) remarks = await remarksOf(provider, options.versions, options.signal, "hidden");
      throw thrown;
    });
    remarks = await remarksOf(provider, options.versions, options.signal);
    if (options.last !== "unwrap") return;
    const at = options.counts(told);
    if (at.version !== told.version) remarks = [takenBack(told, at), ...remarks];
    await thereAndBack(provider, at, trip);
  });
  if (trip.failure instanceof NotTried) {
    return { ...found, key, ...asUsual, untried: trip.failure.message, steps: trip.steps, sealed: [], remarks };
  }
  const sealed = await openSentinels(provider, options.sentinels, options.signal);
  return { ...found, key, ...asUsual, steps: trip.steps, sealed, remarks };
}

const asUsual = { toBeMade: undefined, untried: undefined } as const;

/** What a plugin that runs tells some minutes later, from its probes. */
function takenBack(told: KeyState, counted: KeyState): string {
  return `It answers with version ${told.version}, but this node has counted ${counted.version} since, and never goes ` +
    "back: it wraps under that version alone. If the key was taken back on purpose, or the other version was a mistake, " +
    "rotate the key, or give the provider a new name, with this one under formerly.";
}

async function thereAndBack(provider: Provider, at: KeyState, trip: Trip): Promise<void> {
  const dek = crypto.getRandomValues(new Uint8Array(32));
  const wrapped = await trip.take("wrap", (signal) => provider.wrap(dek, at, { signal }));
  if (!provider.canUnwrap) return;
  await trip.take(
    "unwrap",
    async (signal) => checkSame(await provider.unwrap(wrapped, { signal }), dek, provider.name),
  );
}

function isRefusal(thrown: unknown): boolean {
  return thrown instanceof KmsError && (thrown.code === "permission_denied" || thrown.code === "key_unusable");
}

/** Times steps and notes what became of them. */
class Trip {
  readonly steps: RoundTripStep[] = [];
  readonly #signal: AbortSignal;
  /** The error that ended it. Each step notes its failure before it rethrows it; an untried step has not failed. */
  failure: KmsError | undefined;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** Does some steps; `undefined` if one of them fails. */
  async attempt<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (thrown) {
      if (thrown !== this.failure) throw thrown;
      return undefined;
    }
  }

  async take<T>(step: RoundTripStepName, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const startedAt = systemClock.now();
    using limit = deadline(callMs, this.#signal);
    try {
      const value = await work(limit.signal);
      this.steps.push({ step, result: "ok", ms: systemClock.now() - startedAt, message: "" });
      return value;
    } catch (thrown) {
      const error = this.failure = toKmsError(thrown);
      if (error instanceof NotTried) throw error;
      this.steps.push({ step, result: error.code, ms: systemClock.now() - startedAt, message: error.message });
      throw error;
    }
  }
}

async function openObserved(
  settings: ProviderSettings,
  { stateFolder, knownVersions, notify = () => {}, open = openProvider }: Pick<
    RoundTripOptions,
    "stateFolder" | "knownVersions" | "notify" | "open"
  >,
): Promise<Provider> {
  const context = { notify, stateFolder, keepsStateAsItIs: true, knownVersions, waits: new Waits() };
  return enforceContract(await open(settings, context), context);
}

function checkSame(unwrapped: Uint8Array, dek: Uint8Array, name: string): void {
  if (equalBytes(unwrapped, dek)) return;
  throw new KmsError("provider_protocol", `Cannot trust provider "${name}": it unwrapped other bytes than it wrapped.`);
}
