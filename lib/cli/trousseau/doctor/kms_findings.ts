/**
 * The findings of `trousseau check` and of the examination of each key.
 *
 * @module
 */
import { deadline } from "../../../base/deadline.ts";
import { KmsError, toKmsError } from "../../../base/errors.ts";
import type { Config, ProviderConfig } from "../../../config/config.ts";
import { NotTried } from "../../../provider/not_tried.ts";
import type { KeyExamination } from "../../../provider/key_findings.ts";
import { openProvider } from "../../../provider/registry.ts";
import type { RingState } from "../../../services/kms/key_ring/state.ts";
import type { CheckFindings } from "../check_findings.ts";
import { planSentence } from "../key_plan.ts";
import { versionsOf } from "../remarks.ts";
import type { RoundTrip } from "../round_trip.ts";
import { type DoctorFinding, found, foundInKey } from "./finding.ts";

/** Milliseconds for one key, with the login. */
const examineMs = 10_000;

/** Milliseconds by which two clocks may differ. */
export const clockLimitMs = 5_000;

/** The findings about the configuration and the state of this node. */
export function stateFindings(checked: CheckFindings): readonly DoctorFinding[] {
  const { config, plan, unusableFiles, warnings } = checked;
  const option = configOption(config);
  const unusable = [
    ...(plan instanceof KmsError ? [plan.message] : plan.verdict === "returns" ? [planSentence(plan, "opens")] : []),
    ...unusableFiles.map(({ message }) => message),
  ];
  return [
    found("config-valid", { file: config.file ?? "(embedded default)" }),
    ...(unusable.length === 0 ? [found("state-known", {})] : []),
    ...unusable.map((message) => found("state-unusable", { message, config: option })),
    ...warnings.filter(({ provider }) => provider === undefined).map(({ message }) =>
      found("process-warning", { message })
    ),
  ];
}

/** The findings about the providers. */
export function providerFindings(checked: CheckFindings): readonly DoctorFinding[] {
  const { config, trips, retired, quorum, lost, losses, warnings } = checked;
  const option = configOption(config);
  const [needed, reached] = [`${quorum.needed}`, `${quorum.reached}`];
  const isWhole = [...trips, ...retired].every(({ untried, pendingCreation }) =>
    untried === undefined && pendingCreation === undefined
  );
  return [
    ...[...trips, ...retired].flatMap((trip) => tripFindings(trip, option)),
    ...(isWhole ? [found(quorum.reached < quorum.needed ? "quorum-missed" : "quorum-held", { needed, reached })] : []),
    ...[...(lost === "" ? [] : [lost]), ...losses].map((message) => found("data-lost", { message, config: option })),
    ...warnings.flatMap(({ provider, message }) =>
      provider === undefined ? [] : [found("provider-remark", { name: provider, message })]
    ),
  ];
}

function tripFindings(trip: RoundTrip, config: string): readonly DoctorFinding[] {
  const { name, kind, key, untried, pendingCreation, steps } = trip;
  const message = untried ?? pendingCreation;
  if (message !== undefined) return [found("provider-untried", { name, message })];
  const failed = steps.filter(({ message }) => message !== "");
  if (failed.length > 0) return failed.map(({ message }) => found("provider-fails", { message, config }));
  return [found("provider-well", { name, kind, version: key?.version ?? "?" })];
}

/** Examines the key of each provider that can be examined; a provider whose round trip has failed is left out. */
export async function keyFindingsOf(
  config: Config,
  { trips, retired }: Pick<CheckFindings, "trips" | "retired">,
  state: RingState | undefined,
  signal: AbortSignal,
): Promise<readonly DoctorFinding[]> {
  const isTried = ({ untried, pendingCreation }: RoundTrip) => untried === undefined && pendingCreation === undefined;
  const tried = new Set([...trips, ...retired].filter(isTried).map(({ name }) => name));
  const providers = [...config.providers, ...config.retired].filter(({ name }) => tried.has(name));
  const fails = new Set(
    [...trips, ...retired].filter(({ steps }) => steps.some(({ message }) => message !== "")).map(({ name }) => name),
  );
  const parts = await Promise.all(providers.map(async (provider) => {
    const { name } = provider;
    const result = await examination(provider, config, state, signal);
    if (result === undefined) return [];
    if (result instanceof NotTried) return [];
    if (result instanceof KmsError) {
      // The round trip has failed for the same reason.
      return fails.has(name)
        ? []
        : [found("key-unexamined", { name, message: result.message, config: configOption(config) })];
    }
    return [
      ...result.findings.map(foundInKey),
      ...result.remarks.map((message) => found("provider-remark", { name, message })),
      ...clockFindings(name, result.clockAheadMs),
    ];
  }));
  return parts.flat();
}

/** `undefined` for a provider that cannot be examined. */
async function examination(
  provider: ProviderConfig,
  { state: stateFolder, forgotten }: Config,
  state: RingState | undefined,
  signal: AbortSignal,
): Promise<KeyExamination | KmsError | undefined> {
  using limit = deadline(examineMs, signal);
  try {
    await using opened = await openProvider(provider.settings, { notify() {}, stateFolder, readOnlyState: true });
    return await opened.examine?.(versionsOf(provider, state, forgotten), { signal: limit.signal });
  } catch (thrown) {
    return toKmsError(thrown);
  }
}

function clockFindings(name: string, aheadMs: number | undefined): readonly DoctorFinding[] {
  if (aheadMs === undefined) return [];
  if (Math.abs(aheadMs) <= clockLimitMs) return [found("clock-kms", { name })];
  return [found("clock-kms-off", { name, ...clockTexts(aheadMs) })];
}

/** @param aheadMs milliseconds by which the other clock is ahead of this node's. */
export function clockTexts(aheadMs: number): { readonly seconds: string; readonly direction: string } {
  return { seconds: `${Math.round(Math.abs(aheadMs) / 1000)}`, direction: aheadMs > 0 ? "behind" : "ahead of" };
}

/** The option by which a command gets the same configuration, with a space before it; `""` for the embedded default. */
export function configOption({ file }: Pick<Config, "file">): string {
  return file === undefined ? "" : ` --config ${file}`;
}
