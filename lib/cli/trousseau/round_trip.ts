/**
 * Tests a provider: open, probe, wrap, unwrap, and unwrap sentinels of this node.
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

/** The steps, in this order; a failure ends them. */
const roundTripSteps = ["open", "probe", "wrap", "unwrap"] as const;

/** One of {@linkcode roundTripSteps}. */
export type RoundTripStepName = (typeof roundTripSteps)[number];

/** A step that was made. */
export interface RoundTripStep {
  readonly step: RoundTripStepName;
  readonly result: "ok" | ErrorCode;
  /** Duration in milliseconds. */
  readonly ms: number;
  /** The error of the step as one sentence; `""` if it succeeded. */
  readonly message: string;
}

/** The inputs of a round trip. */
export interface RoundTripOptions {
  /** State folder of this node; the providers check their data in it. */
  readonly stateFolder: string;
  /** Receives the provider's events about its calls and logins; they are dropped if absent. */
  readonly notify?: Notify;
  /** Aborts the round trip. */
  readonly signal: AbortSignal;
  /** The last step: `probe` for a provider that only unwraps. A provider that only wraps ends before `unwrap`. */
  readonly last: "probe" | "unwrap";
  /** Versions that a new key must not replace. */
  readonly knownVersions: readonly string[] | KmsError;
  /** Whether its KMS is asked for {@linkcode RoundTrip.remarks}; it is if left out. */
  readonly remarks?: "shown" | "left out" | undefined;
  /** The key that counts on this node after the provider has reported one: a plugin wraps under it. */
  readonly counts: (live: KeyState) => KeyState;
  /** Versions with which this node has sealed data, for the remarks. */
  readonly versions: readonly string[];
  /** Sentinels of the versions with which this node has sealed data. */
  readonly sentinels: readonly Sentinel[];
  /** {@linkcode openProvider} if absent; tests replace it. */
  readonly open?: typeof openProvider;
}

/** The result for a provider. */
export interface RoundTrip {
  readonly name: string;
  readonly kind: ProviderKind;
  /** The key state that the probe returned; `undefined` if it failed or was omitted. */
  readonly key: KeyState | undefined;
  /**
   * The object that the first start will create, without which nothing could be tested; `undefined` in the normal case.
   */
  readonly pendingCreation: string | undefined;
  /**
   * The reason why all steps after opening were omitted without a failure: see `NotTried`; `undefined` in the normal
   * case.
   */
  readonly untried: string | undefined;
  readonly steps: readonly RoundTripStep[];
  /** The result of each sentinel, independent of the steps after the first. */
  readonly sealed: readonly SentinelResult[];
  /** Findings of its KMS about the key and the given versions; read after the probe. */
  readonly remarks: readonly string[];
}

/**
 * Deadline of each call in milliseconds. It is longer than kube-apiserver's, so that a slow KMS can be distinguished
 * from a dead one.
 */
const callMs = 10_000;

/**
 * Wraps a temporary data key, and unwraps it if the provider can; then unwraps sentinels. Nothing is retried and
 * nothing created: a check shows the present state.
 */
export async function roundTrip(
  { name, settings }: Pick<ProviderConfig, "name" | "settings">,
  options: RoundTripOptions,
): Promise<RoundTrip> {
  const found = { name, kind: settings.kind };
  const pendingCreation = await (await adviseOn(settings)).pendingCreation();
  const { knownVersions } = options;
  if (pendingCreation !== undefined && !(knownVersions instanceof KmsError) && knownVersions.length === 0) {
    return {
      ...found,
      key: undefined,
      pendingCreation,
      untried: undefined,
      steps: [],
      sealed: [],
      remarks: [],
    };
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
  const asks = options.remarks !== "left out";
  let remarks: readonly string[] = [];
  await trip.attempt(async () => {
    const probed = key = await trip.take("probe", (signal) => provider.probe({ signal })).catch(async (thrown) => {
      // A login without the permission to wrap, or with a disabled key, may still be permitted to read which versions
      // can decrypt.
      if (isRefusal(thrown) && asks) remarks = await remarksOf(provider, options.versions, options.signal, "hidden");
      throw thrown;
    });
    if (asks) remarks = await remarksOf(provider, options.versions, options.signal);
    if (options.last !== "unwrap") return;
    const at = options.counts(probed);
    if (at.version !== probed.version) remarks = [olderVersionRemark(probed, at), ...remarks];
    await thereAndBack(provider, at, trip);
  });
  if (trip.failure instanceof NotTried) {
    return { ...found, key, ...asUsual, untried: trip.failure.message, steps: trip.steps, sealed: [], remarks };
  }
  const sealed = await openSentinels(provider, options.sentinels, options.signal);
  return { ...found, key, ...asUsual, steps: trip.steps, sealed, remarks };
}

const asUsual = { pendingCreation: undefined, untried: undefined } as const;

/** The warning that a running plugin reports from its probes some minutes later. */
function olderVersionRemark(probed: KeyState, counted: KeyState): string {
  return `It answers with version ${probed.version}, but this node has counted ${counted.version} since, and never goes ` +
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

/** Makes steps with their times, and records their results. */
class Trip {
  readonly steps: RoundTripStep[] = [];
  readonly #signal: AbortSignal;
  /**
   * The error that ended the trip. Each step records its failure before it rethrows it; an omitted step has not failed.
   */
  failure: KmsError | undefined;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** Makes some steps; `undefined` if one of them fails. */
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
  const context = { notify, stateFolder, readOnlyState: true, knownVersions, waits: new Waits() };
  return enforceContract(await open(settings, context), context);
}

function checkSame(unwrapped: Uint8Array, dek: Uint8Array, name: string): void {
  if (equalBytes(unwrapped, dek)) return;
  throw new KmsError("provider_protocol", `Cannot trust provider "${name}": it unwrapped other bytes than it wrapped.`);
}
