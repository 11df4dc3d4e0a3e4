/**
 * Findings of the KMS about the keys and versions with which this node has sealed data.
 *
 * @module
 */
import type { Config, ProviderConfig } from "../../config/config.ts";
import { deadline } from "../../base/deadline.ts";
import { toKmsError } from "../../base/errors.ts";
import type { Notify } from "../../telemetry/events.ts";
import { forgottenVersions } from "../../services/kms/key_ring/forgotten.ts";
import { unseenVersion } from "../../services/kms/key_ring/key_id.ts";
import type { RingState } from "../../services/kms/key_ring/state.ts";
import type { Provider } from "../../provider/provider.ts";
import { openProvider } from "../../provider/registry.ts";

/** One sentence about one provider. */
export interface ProviderRemark {
  /** The provider's name. */
  readonly provider: string;
  /** A whole sentence. */
  readonly message: string;
}

/** Deadline for one provider in milliseconds, including its login. */
const lookMs = 5_000;

/**
 * The versions of a provider that have counted on this node, under each of its names, oldest first.
 *
 * @param forgotten the configuration's list; a version that was accepted as lost is omitted.
 */
export function versionsOf(
  { name, formerly, settings: { kind } }: ProviderConfig,
  state: RingState | undefined,
  forgotten: readonly string[],
): readonly string[] {
  const ours = (one: { readonly name: string; readonly kind: string }) =>
    one.kind === kind && [name, ...formerly].includes(one.name);
  const past = (state?.history ?? []).flatMap(({ members }) => members).filter(ours);
  const now = (state?.providers ?? []).filter(ours).map(({ state: { version }, ...one }) => ({ ...one, version }));
  const known = [...past, ...now].filter(({ version }) => version !== unseenVersion)
    .map(({ name: provider, kind, version }) => ({ provider, kind, version }));
  const { forgets } = forgottenVersions(forgotten, known);
  return [...new Set(known.filter((one) => !forgets(one)).map(({ version }) => version))];
}

/**
 * The remarks of an open provider; empty if it does not support them.
 *
 * @param failure whether a failed request adds a sentence, or nothing.
 */
export async function remarksOf(
  provider: Provider,
  versions: readonly string[],
  signal: AbortSignal,
  failure: "shown" | "hidden" = "shown",
): Promise<readonly string[]> {
  using limit = deadline(lookMs, signal);
  try {
    return await provider.remarks?.(versions, { signal: limit.signal }) ?? [];
  } catch (thrown) {
    if (failure === "hidden") return [];
    return [`Its versions could not be looked at. ${toKmsError(thrown).message}`];
  }
}

/** The remarks of all providers, each of which is opened for them. */
export async function allRemarks(
  providers: readonly ProviderConfig[],
  state: RingState | undefined,
  { state: stateFolder, forgotten }: Pick<Config, "state" | "forgotten">,
  { signal, notify = () => {} }: { readonly signal: AbortSignal; readonly notify?: Notify },
): Promise<readonly ProviderRemark[]> {
  // Reading remarks uses up no credential that the next start needs.
  const looking = { notify, stateFolder, readOnlyState: true };
  const found = await Promise.all(providers.map(async (config) => {
    try {
      await using provider = await openProvider(config.settings, looking);
      const messages = await remarksOf(provider, versionsOf(config, state, forgotten), signal);
      return messages.map((message) => ({ provider: config.name, message }));
    } catch (thrown) {
      return [{ provider: config.name, message: toKmsError(thrown).message }];
    }
  }));
  return found.flat();
}
