/**
 * The versions that a node may have sealed with, and whether each can still be opened.
 *
 * @module
 */
import type { ErrorCode } from "../../../base/errors.ts";
import type { SealedVersionStatus } from "../status.ts";
import { entryFor, forgottenVersions } from "./forgotten.ts";
import { type KeyIdMember, unseenVersion } from "./key_id.ts";
import type { Decryptors, WrapSet } from "./wrap_sets.ts";
import { idOf, isLoss, type SealedVersion, type Sentinel } from "./sentinel.ts";
import type { AnnouncedId } from "./state.ts";

/** Maximum number of versions in the status document. */
const maxStatuses = 256;

/** The sources of {@linkcode sealedVersions}. */
export interface SealedKnowledge {
  readonly sentinels: readonly Sentinel[];
  /** Oldest first. */
  readonly history: readonly AnnouncedId[];
  /** The members of the announced key ID. */
  readonly announced: readonly KeyIdMember[];
  readonly decryptors: Decryptors;
  /** The last tests that had no result, because of an outage for example, by {@linkcode idOf}. `at` is since the epoch. */
  readonly failures?: ReadonlyMap<string, { readonly at: number; readonly code: ErrorCode; readonly message: string }>;
}

/** The versions of sentinels and of announced key IDs, each once, newest first. */
export function knownVersions(
  sentinels: readonly SealedVersion[],
  history: readonly Pick<AnnouncedId, "members">[],
): readonly SealedVersion[] {
  const found = new Map<string, SealedVersion>();
  const add = ({ provider, kind, version }: SealedVersion) => {
    const one = { provider, kind, version };
    if (version !== unseenVersion) found.set(idOf(one), one);
  };
  for (const { members } of history) for (const { name, ...rest } of members) add({ provider: name, ...rest });
  sentinels.forEach(add);
  return [...found.values()].reverse();
}

/** The versions without those that are forgotten, and without those of providers that are forgotten or only wrap. */
export function sealedVersions(knowledge: SealedKnowledge): readonly SealedVersionStatus[] {
  const { sentinels, history, announced, decryptors, failures = new Map() } = knowledge;
  const known = knownVersions(sentinels, history);
  const { forgets } = forgottenVersions(decryptors.forgotten, known);
  const bySentinel = new Map(sentinels.map((sentinel) => [idOf(sentinel), sentinel]));
  const matters = (one: SealedVersion) =>
    !forgets(one) && !decryptors.forgotten.includes(one.provider) && !hasHolder(one, decryptors.wrapOnly ?? []);
  const all = known.filter(matters).map((one) => {
    const sentinel = bySentinel.get(idOf(one));
    const counts = announced.some(({ name, kind, version }) =>
      name === one.provider && kind === one.kind && version === one.version
    );
    return { ...one, announced: counts || (sentinel?.lost ?? false), ...stateOf(one, sentinel, decryptors, failures) };
  });
  const rank = ({ state, announced }: SealedVersionStatus) => (state === "refused" ? 0 : 2) + (announced ? 0 : 1);
  return all.sort((a, b) => rank(a) - rank(b)).slice(0, maxStatuses);
}

/** Whether `holders` has the provider of the version. */
export function hasHolder({ provider, kind }: SealedVersion, holders: WrapSet): boolean {
  return holders.some((one) => one.name === provider && one.kind === kind);
}

type State = Pick<SealedVersionStatus, "state" | "code" | "message" | "testedAt">;

function stateOf(
  version: SealedVersion,
  sentinel: Sentinel | undefined,
  { holders }: Decryptors,
  failures: NonNullable<SealedKnowledge["failures"]>,
): State {
  const untested = (message: string): State => ({ state: "not_tested", code: "ok", message, testedAt: undefined });
  if (!hasHolder(version, holders)) return untested("No provider of this name is configured any more.");
  if (sentinel === undefined) return untested("No sentinel was kept when it was sealed with.");
  const { test } = sentinel;
  if (test !== undefined && test.code !== "ok" && isLoss(test.code)) {
    return { state: "refused", code: test.code, message: test.message, testedAt: test.at };
  }
  const failure = failures.get(idOf(version));
  if (failure !== undefined) {
    return { state: "unknown", code: failure.code, message: failure.message, testedAt: failure.at };
  }
  return test === undefined ? untested("") : { state: "opens", code: "ok", message: "", testedAt: test.at };
}

/**
 * The consequence of a refused version and how to mend it, in sentences.
 *
 * @param known all versions, by which the shortest entry for `forgotten` is chosen.
 * @param wrapSets the providers that have wrapped together.
 * @param wrapOnly the providers that only wrap.
 */
export function lossSentence(
  refused: SealedVersionStatus,
  known: readonly SealedVersion[],
  wrapSets: readonly WrapSet[],
  wrapOnly: WrapSet = [],
): string {
  const { provider, kind, version, code, message } = refused;
  const others = new Set(
    wrapSets.filter((set) => set.some((one) => one.name === provider && one.kind === kind)).flatMap((set) =>
      set.filter((one) => !wrapOnly.some(({ name, kind }) => one.name === name && one.kind === kind))
        .map(({ name }) => name)
    ),
  );
  others.delete(provider);
  const but = others.size === 0
    ? ""
    : `, except where ${[...others].map((name) => `"${name}"`).join(" or ")} wrapped it too`;
  return `What this node has sealed with version ${version} of provider "${provider}" cannot be read any more${but}: ` +
    `${message} ${
      code === "permission_denied" ? "Give back the right to it" : "Restore that version of the key"
    }; or, if everything was rewritten since, write forgotten: ` +
    `['${entryFor(refused, known)}'].`;
}
