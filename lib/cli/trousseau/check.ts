/**
 * `trousseau check`
 *
 * @module
 */
import type { Config, ProviderConfig } from "../../config/config.ts";
import { runtimeVariablesWarning } from "../../config/runtime_variables.ts";
import { abortError } from "../../base/deadline.ts";
import { quorumSize, type WrapQuorum } from "../../envelope/quorum.ts";
import { KmsError } from "../../base/errors.ts";
import { foreignState } from "../../services/kms/key_ring/foreign_state.ts";
import { wrapSetsOf } from "../../services/kms/key_ring/memory.ts";
import { orphanedSentence } from "../../services/kms/key_ring/wrap_sets.ts";
import { lossSentence } from "../../services/kms/key_ring/sealed_versions.ts";
import type { KeyState } from "../../provider/provider.ts";
import { adviseOn, isHolderKind } from "../../provider/registry.ts";
import type { SealedVersionStatus } from "../../services/kms/service.ts";
import { portWarnings } from "./check_ports.ts";
import type { CheckedQuorum, CheckFindings } from "./check_findings.ts";
import { checkJson, checkText, failedSentences } from "./check_report.ts";
import { tryWrites, type WriteFindings } from "./check_writes.ts";
import { commandLog } from "./command_log.ts";
import { configFile, configured } from "./configured.ts";
import { errorDocument, messageAnchors } from "../error_help.ts";
import { exitCodes, type ExitStatus, exitStatus, exitStatusOfCode, worst } from "../exit_codes.ts";
import { countedKey, planKeyId } from "./key_plan.ts";
import { json } from "../terminal.ts";
import type { Terminal, TrousseauCall } from "./terminal.ts";
import { startProgress } from "../progress.ts";
import { type RoundTrip, roundTrip, type RoundTripOptions } from "./round_trip.ts";
import { report } from "../run.ts";
import { decryptorsOf } from "../../app/decryptors.ts";
import { keyringOwnConfig } from "../../app/keyring_store.ts";
import { versionsOf } from "./remarks.ts";
import {
  doubtfulForgotten,
  irreplaceable,
  nodeMemory,
  sentinelsOf,
  statusesOf,
  versionsIn,
} from "../../app/sealed_before.ts";
import { wantsColour } from "../table.ts";

/** Checks the configuration and every provider in it. */
export async function check(call: TrousseauCall): Promise<ExitStatus> {
  const { options, terminal } = call;
  const config = await checkedConfig(call);
  if (config instanceof KmsError) {
    if (!options.json) throw config;
    const { code, message } = config;
    const problems = message.split("\n");
    const file = await configFile(call) ?? null;
    json(terminal.stdout, { ok: false, file, problems, error: await errorDocument({ code, message, causes: [] }) });
    return await report(config, terminal.stderr, call.program);
  }
  const findings = await examineConfig(config, call, { writes: await tryWrites(config), remarks: "shown" });
  const status = statusOf(findings);
  const anchors = await messageAnchors(failedSentences(findings));
  if (options.json) json(terminal.stdout, checkJson(findings, status, anchors));
  else terminal.stdout.write(checkText(findings, anchors, wantsColour(terminal.stdout, terminal.environment)));
  return status;
}

/** The configuration of the call, or the reason why it cannot be used. */
export async function checkedConfig(call: TrousseauCall): Promise<Config | KmsError> {
  try {
    const config = await configured(call);
    // The file of a keyring: the state of its providers lies in the keyring's own folder.
    return config.keyring.isWritten ? keyringOwnConfig(config) : config;
  } catch (thrown) {
    if (thrown instanceof KmsError) return thrown;
    throw thrown;
  }
}

/** The parts of an examination that `trousseau doctor` replaces. */
interface ExaminationParts {
  /** The result of {@linkcode tryWrites}. */
  readonly writes: WriteFindings;
  /** Whether the KMS are asked for remarks. */
  readonly remarks: RoundTripOptions["remarks"];
}

/** Makes a round trip through every provider, and compares the configuration with the state of this node. */
export async function examineConfig(
  config: Config,
  call: TrousseauCall,
  { writes, remarks }: ExaminationParts,
): Promise<CheckFindings> {
  const { terminal, terminal: { signal } } = call;
  const { notify } = commandLog(call);
  const all = [...config.providers, ...config.retired];
  using _progress = startProgress(terminal, `Asking ${all.map(({ name }) => name).join(", ")}`);
  const memory = await nodeMemory(config);
  const { state, sentinels, localKeys } = memory;
  const known = state instanceof KmsError ? undefined : state;
  const knownVersions = irreplaceable(config, memory);
  const trip = (last: "unwrap" | "probe") => (provider: ProviderConfig) =>
    roundTrip(provider, {
      stateFolder: config.state,
      notify,
      signal,
      last,
      remarks,
      knownVersions: knownVersions(provider),
      counts: (live) => countedKey({ name: provider.name, kind: provider.settings.kind }, known, live),
      versions: versionsOf(provider, known, config.forgotten),
      sentinels: sentinelsOf(provider, memory, config.forgotten),
    });
  const [trips, retired, advice] = await Promise.all([
    Promise.all(config.providers.map(trip("unwrap"))),
    Promise.all(config.retired.map(trip("probe"))),
    Promise.all(all.map(({ settings }) => adviseOn(settings))),
  ]);
  if (signal.aborted) throw abortError(signal, "check the providers");
  const sealed = statusesOf(config, memory, [...trips, ...retired].flatMap(({ sealed }) => sealed));
  const refused = sealed.filter(({ state }) => state === "refused");
  const sealedBy = wrapSetsOf(known);
  const decryptors = decryptorsOf(config);
  const unusable = state instanceof KmsError ? state : foreignState(state, decryptors, config.state);
  const live = trips.flatMap(({ name, key }): [string, KeyState][] => key === undefined ? [] : [[name, key]]);
  return {
    config,
    trips,
    retired,
    quorum: quorumOf(config.wrap, trips),
    plan: unusable ?? planKeyId(config, known, new Map(live)),
    lost: unusable === undefined ? orphanedSentence(sealedBy, decryptors) : "",
    sealed,
    losses: unusable === undefined
      ? refused.map((one) => lossSentence(one, versionsIn(memory), sealedBy, decryptors.wrapOnly))
      : [],
    unusableFiles: [sentinels, localKeys].filter((found) => found instanceof KmsError),
    unwritable: writes.unwritable,
    warnings: [
      ...await processWarnings(config, terminal),
      ...writes.warnings.map((message) => ({ provider: undefined, message })),
      ...advice.flatMap(({ warnings }, index) =>
        warnings.map((message) => ({ provider: all[index]?.name ?? "", message }))
      ),
      ...[...trips, ...retired].flatMap(({ name, remarks }) => remarks.map((message) => ({ provider: name, message }))),
      ...retired.filter(mayNotWrap).map(({ name }) => ({
        provider: name,
        message: "It refuses to be probed, which is as it should be if it was left the right to unwrap and no more.",
      })),
      ...doubtfulForgotten(config.forgotten, memory, new Map(live)),
    ],
  };
}

/**
 * The quorum that the round trips show.
 *
 * @param opens whether a kind of provider can unwrap.
 */
export function quorumOf(
  wrap: WrapQuorum,
  trips: readonly Pick<RoundTrip, "kind" | "steps">[],
  opens: (trip: Pick<RoundTrip, "kind">) => boolean = ({ kind }) => isHolderKind(kind),
): CheckedQuorum {
  const counted = trips.filter(opens);
  const reached = counted.filter(({ steps }) => steps.some(({ step, result }) => step === "wrap" && result === "ok"));
  return { needed: quorumSize(wrap, counted.length), reached: reached.length };
}

async function processWarnings(config: Config, { environment, signal }: Terminal) {
  const variables = runtimeVariablesWarning(environment);
  const messages = [
    ...(variables === undefined ? [] : [variables]),
    ...config.remarks ?? [],
    ...await portWarnings(config, signal),
  ];
  return messages.map((message) => ({ provider: undefined, message }));
}

/** With most KMS a probe requires the permission to wrap, which a retired provider no longer needs. */
function mayNotWrap({ steps }: RoundTrip): boolean {
  return steps.some(({ step, result }) => step === "probe" && result === "permission_denied");
}

function statusOf({ trips, retired, plan, lost, sealed, unusableFiles, unwritable }: CheckFindings): ExitStatus {
  const steps = [...trips, ...retired.filter((trip) => !mayNotWrap(trip))].flatMap(({ steps }) => steps);
  return worst([
    lost === "" ? exitCodes.ok.status : exitCodes.config.status,
    ...steps.map(({ result }) => result === "ok" ? exitCodes.ok.status : exitStatusOfCode(result)),
    ...sealed.map(statusOfVersion),
    ...[...unusableFiles, ...unwritable].map(exitStatus),
    plan instanceof KmsError ? exitStatus(plan) : exitCodes.ok.status,
    !(plan instanceof KmsError) && plan.verdict === "returns" ? exitCodes.config.status : exitCodes.ok.status,
  ]);
}

/**
 * A refused version is lost data, whatever the code; for a version that could not be tested, the status is that of the
 * failure.
 */
function statusOfVersion({ state, code }: SealedVersionStatus): ExitStatus {
  if (state === "refused") return exitCodes.refused.status;
  return state === "unknown" && code !== "ok" ? exitStatusOfCode(code) : exitCodes.ok.status;
}
