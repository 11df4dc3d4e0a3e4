/**
 * Reads from the state folder, without a running plugin, the versions that this node has sealed with.
 *
 * @module
 */
import { systemClock } from "../base/clock.ts";
import type { Config, ProviderConfig } from "../config/config.ts";
import { KmsError } from "../base/errors.ts";
import { forgottenVersions } from "../services/kms/key_ring/forgotten.ts";
import { knownVersions, sealedVersions } from "../services/kms/key_ring/sealed_versions.ts";
import { idOf, isLoss, type SealedVersion, type Sentinel } from "../services/kms/key_ring/sentinel.ts";
import { folderSentinels } from "../services/kms/key_ring/sentinel_file.ts";
import { readRingState, type RingState } from "../services/kms/key_ring/state.ts";
import type { KeyState } from "../provider/provider.ts";
import { fileTag, type KnownKey, readKnownKeys } from "../provider/local/key_ledger.ts";
import type { SealedVersionStatus } from "../services/kms/service.ts";
import { decryptorsOf } from "./decryptors.ts";
import { didYouMean } from "../base/nearest.ts";

type Configured = Pick<Config, "file" | "providers" | "retired" | "forgotten" | "state">;

/** The content of the state folder. A file that cannot be used is an error. */
export interface NodeMemory {
  readonly state: RingState | undefined | KmsError;
  readonly sentinels: readonly Sentinel[] | KmsError;
  /** The versions of `local` keys that this node has used. */
  readonly localKeys: readonly KnownKey[] | KmsError;
}

/** The result of a test of a sentinel. `error` is left out if the sentinel opened. */
export interface SentinelResult {
  readonly sentinel: Sentinel;
  readonly error?: KmsError;
}

/** Reads the state folder. */
export async function nodeMemory({ state: folder }: Pick<Config, "state">): Promise<NodeMemory> {
  const [state, sentinels, localKeys] = await Promise.all([
    orConfigError(readRingState(folder)),
    orConfigError(folderSentinels(folder).load()),
    orConfigError(readKnownKeys(folder)),
  ]);
  return { state, sentinels, localKeys };
}

async function orConfigError<T>(work: Promise<T>): Promise<T | KmsError> {
  try {
    return await work;
  } catch (thrown) {
    if (thrown instanceof KmsError) return thrown;
    throw thrown;
  }
}

/** Every version that the node may have sealed with, as far as the files can be used. */
export function versionsIn({ state, sentinels }: NodeMemory): readonly SealedVersion[] {
  const history = state instanceof KmsError ? [] : state?.history ?? [];
  return knownVersions(sentinels instanceof KmsError ? [] : sentinels, history);
}

/**
 * The versions of a provider that a new local key must not replace: those that the node has sealed with, and those of its
 * key file that were used, without those under `forgotten`.
 *
 * @returns a function from a provider to its versions. It returns an error if a file of the state folder cannot be used.
 */
export function irreplaceable(
  config: Configured,
  memory: NodeMemory,
): (provider: ProviderConfig) => readonly string[] | KmsError {
  const { state, sentinels, localKeys: keys } = memory;
  if (state instanceof KmsError) return () => state;
  if (sentinels instanceof KmsError) return () => sentinels;
  if (keys instanceof KmsError) return () => keys;
  const counted = (state?.providers ?? []).map(({ name, kind, state: { version } }) => ({
    provider: name,
    kind,
    version,
  }));
  const used = keys.map(({ provider, version, file }) => ({ provider, kind: "local", version, file }));
  const known: readonly (SealedVersion & { readonly file?: string })[] = [...versionsIn(memory), ...counted, ...used];
  const { forgets } = forgottenVersions(config.forgotten, known);
  return ({ name, formerly, settings }) => {
    const file = "keyFile" in settings ? fileTag(settings.keyFile) : undefined;
    const ours = known.filter((one) =>
      one.kind === settings.kind && [name, ...formerly].includes(one.provider) && (one.file ?? file) === file
    );
    return [...new Set(ours.filter((one) => !forgets(one)).map(({ version }) => version))];
  };
}

/** The sentinels that a provider can open: those of all its names, without forgotten versions. */
export function sentinelsOf(
  { name, formerly, settings: { kind } }: ProviderConfig,
  memory: NodeMemory,
  forgotten: readonly string[],
): readonly Sentinel[] {
  if (memory.sentinels instanceof KmsError) return [];
  const { forgets } = forgottenVersions(forgotten, versionsIn(memory));
  return memory.sentinels.filter((one) =>
    one.kind === kind && [name, ...formerly].includes(one.provider) && !forgets(one)
  );
}

/** The status of each version, from the state folder and from tests that were just made. */
export function statusesOf(
  config: Configured,
  memory: NodeMemory,
  results: readonly SentinelResult[] = [],
): readonly SealedVersionStatus[] {
  const { state, sentinels } = memory;
  const history = state instanceof KmsError ? [] : state?.history ?? [];
  const errors = new Map(results.map(({ sentinel, error }) => [idOf(sentinel), error]));
  const failures = new Map(
    [...errors].flatMap(([id, error]) => error && !isLoss(error.code) ? [[id, failureOf(error)] as const] : []),
  );
  const tested = (sentinels instanceof KmsError ? [] : sentinels).map((sentinel): Sentinel => {
    if (!errors.has(idOf(sentinel))) return sentinel;
    const error = errors.get(idOf(sentinel));
    if (error && !isLoss(error.code)) return sentinel;
    const test = { at: systemClock.wall(), code: error?.code ?? "ok", message: error?.message ?? "" } as const;
    return { ...sentinel, test, lost: error !== undefined && sentinel.lost };
  });
  const announced = history.at(-1)?.members ?? [];
  return sealedVersions({ sentinels: tested, history, announced, decryptors: decryptorsOf(config), failures });
}

function failureOf({ code, message }: KmsError) {
  return { at: systemClock.wall(), code, message };
}

/**
 * The entries of `forgotten` that match no version of this node, several, or one that still counts.
 *
 * @param live the versions that providers have just returned, by name.
 * @returns each entry with a warning.
 */
export function doubtfulForgotten(
  forgotten: readonly string[],
  memory: NodeMemory,
  live: ReadonlyMap<string, KeyState>,
): readonly { readonly provider: string; readonly message: string }[] {
  return [...idleForgotten(forgotten, memory), ...countedForgotten(forgotten, memory, live)];
}

/** The entries for a version that still counts. No other version has replaced it, so its data cannot have been rewritten. */
function countedForgotten(forgotten: readonly string[], memory: NodeMemory, live: ReadonlyMap<string, KeyState>) {
  const announced = memory.state instanceof KmsError ? [] : memory.state?.history.at(-1)?.members ?? [];
  const counted = announced.map(({ name: provider, kind, version }) => ({ provider, kind, version }))
    .filter(({ provider, version }) => live.get(provider)?.version === version);
  return forgotten.flatMap((entry) => {
    const { forgets } = forgottenVersions([entry], versionsIn(memory));
    return counted.filter(forgets).map(({ provider }) => ({
      provider,
      message: `forgotten: "${entry}" names a version of the announced key ID: it is not tested, and its loss would ` +
        "go unnoticed; take the entry out until another version has taken its place.",
    }));
  });
}

function idleForgotten(forgotten: readonly string[], memory: NodeMemory) {
  return forgottenVersions(forgotten, versionsIn(memory)).idle.map(({ entry, candidates, reason }) => {
    const [provider = ""] = entry.split("@", 1);
    const known = candidates.map((version) => `${provider}@${version}`);
    if (reason === "ambiguous") {
      return { provider, message: `forgotten: "${entry}" may mean several versions; write ${known.join(" or ")}.` };
    }
    const meant = didYouMean(entry, known);
    const message = `forgotten: "${entry}" accepts nothing on this node, which has not sealed with it.${meant}`;
    return { provider, message };
  });
}
