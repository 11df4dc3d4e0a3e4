/**
 * The output of `trousseau check`.
 *
 * @module
 */
import { rfc3339 } from "../../base/clock.ts";
import { KmsError } from "../../base/errors.ts";
import type { CheckFindings } from "./check_findings.ts";
import type { SealedVersionStatus } from "../../services/kms/service.ts";
import { subjectJson, subjectOf } from "./configured.ts";
import { errorHelpLines } from "../error_help.ts";
import { exitCodes, type ExitStatus } from "../exit_codes.ts";
import { isHolderKind } from "../../provider/registry.ts";
import { isGivenUp, type KeyPlan, type OldData, planSentence } from "./key_plan.ts";
import { decryptorsOf } from "../../app/decryptors.ts";
import type { RoundTrip, RoundTripStepName } from "./round_trip.ts";
import { type Cell, durationText, painted, table } from "../table.ts";

/** The sentences that report a failure or a warning. */
export function failedSentences(findings: CheckFindings): readonly string[] {
  const { trips, retired, plan, lost, losses, unusableFiles, unwritable, warnings } = findings;
  const steps = [...trips, ...retired].flatMap(({ steps }) => steps);
  return [
    ...[...steps, ...(plan instanceof KmsError ? [plan] : [])].map(({ message }) => message),
    lost,
    ...losses,
    ...[...unusableFiles, ...unwritable, ...warnings].map(({ message }) => message),
  ].filter((message) => message !== "");
}

/** The JSON output. Absent values are `null`. */
export function checkJson(findings: CheckFindings, status: ExitStatus, anchors: readonly string[]): unknown {
  const { config, trips, retired, quorum, plan, lost, sealed, losses, unusableFiles, unwritable, warnings } = findings;
  return {
    ok: status === exitCodes.ok.status,
    ...subjectJson(config),
    providers: trips.map(tripJson),
    retired: retired.map(tripJson),
    quorum,
    lost,
    sealedVersions: sealed.map(({ testedAt, ...one }) => ({
      ...one,
      testedAt: testedAt === undefined ? null : rfc3339(testedAt) ?? null,
    })),
    unwritable: unwritable.map(({ message }) => message),
    losses: [...losses, ...unusableFiles.map(({ message }) => message)],
    keyId: plan instanceof KmsError ? { verdict: plan.code, message: plan.message } : {
      verdict: plan.verdict,
      announced: plan.announced?.id ?? null,
      next: plan.next ?? null,
      message: planSentence(plan, oldData(plan, findings)),
    },
    warnings: warnings.map(({ provider, message }) => ({ provider: provider ?? null, message })),
    anchors,
  };
}

function oldData(plan: KeyPlan, { config, losses }: CheckFindings): OldData {
  return losses.length > 0 ? "refused" : isGivenUp(plan, decryptorsOf(config)) ? "given_up" : "opens";
}

function tripJson({ name, kind, key, pendingCreation, untried, steps }: RoundTrip): unknown {
  return {
    name,
    kind,
    version: key?.version ?? null,
    toBeMade: pendingCreation ?? null,
    untried: untried ?? null,
    steps: steps.map((step) => ({ ...step, ms: Number(step.ms.toFixed(3)) })),
  };
}

/** The text output: a table, then the errors, the effect on the key ID, the warnings, and the way to their cures. */
export function checkText(findings: CheckFindings, anchors: readonly string[], colour: boolean): string {
  const { config, trips, retired, quorum, plan, lost, sealed, losses, unusableFiles, unwritable, warnings } = findings;
  const bad = (text: string) => painted({ text, tone: "bad" }, colour);
  const failures = [...trips, ...retired].flatMap(({ steps }) =>
    steps.flatMap(({ message }) => message === "" ? [] : [message])
  );
  const leftOut = [
    ...trips.flatMap(({ pendingCreation }) => pendingCreation ?? []),
    ...[...trips, ...retired].flatMap(({ untried }) => untried ?? []),
  ];
  const keyId = plan instanceof KmsError ? bad(plan.message) : planSentence(plan, oldData(plan, findings));
  const quorumLine = `The wrap quorum of ${quorum.needed} is ${quorum.reached < quorum.needed ? "missed" : "held"}: ` +
    `${quorum.reached} of ${trips.filter(({ kind }) => isHolderKind(kind)).length} providers can wrap.`;
  const isBack = !(plan instanceof KmsError) && plan.verdict === "returns";
  return [
    subjectOf(config),
    "The configuration is well formed.\n",
    table(
      ["Provider", "Kind", "Probe", "Wrap", "Unwrap", "Version"],
      [...trips.map(row), ...retired.map(retiredRow)],
      colour,
    ),
    [
      ...failures.map(bad),
      ...leftOut,
      ...(trips.some(isLeftOut) ? [] : [quorum.reached < quorum.needed ? bad(quorumLine) : quorumLine]),
      isBack ? bad(keyId) : keyId,
      ...(lost === "" ? [] : [bad(lost)]),
      ...losses.map(bad),
      ...[...unusableFiles, ...unwritable].map(({ message }) => bad(message)),
      ...sealedSummary(sealed),
      ...warnings.map(({ provider, message }) =>
        `${painted({ text: "warning:", tone: "warn" }, colour)} ${
          provider === undefined ? "" : `${provider}: `
        }${message}`
      ),
      ...errorHelpLines("trousseau", anchors),
    ].join("\n"),
  ].join("\n") + "\n";
}

/** The states of the versions that are not refused. */
function sealedSummary(sealed: readonly SealedVersionStatus[]): readonly string[] {
  const named = (state: SealedVersionStatus["state"]) =>
    sealed.filter((one) => one.state === state).map(({ provider, version }) => `${provider}@${version}`).join(", ");
  const [opens, unknown, untested] = [named("opens"), named("unknown"), named("not_tested")];
  return [
    ...(opens === "" ? [] : [`Versions that this node has sealed with, and that open: ${opens}.`]),
    ...(unknown === "" ? [] : [`Versions that could not be tried now: ${unknown}.`]),
    ...(untested === "" ? [] : [`Not tested, since this node has no sentinel or no provider for them: ${untested}.`]),
  ];
}

function isLeftOut({ pendingCreation, untried }: RoundTrip): boolean {
  return pendingCreation !== undefined || untried !== undefined;
}

function row(trip: RoundTrip): readonly Cell[] {
  if (trip.pendingCreation !== undefined) return [trip.name, trip.kind, { text: "to be made", tone: "warn" }, "", ""];
  if (trip.untried !== undefined) return [trip.name, trip.kind, { text: "not tried", tone: "warn" }, "-", "-", ""];
  const opened = trip.steps.find(({ step }) => step === "open");
  // A provider that cannot be opened cannot be probed: its failure is shown in the first column.
  const first = opened?.result === "ok" ? cell(trip, "probe") : cell(trip, "open");
  return [trip.name, trip.kind, first, cell(trip, "wrap"), cell(trip, "unwrap"), trip.key?.version ?? ""];
}

function retiredRow(trip: RoundTrip): readonly Cell[] {
  const [name, kind, probe] = row(trip);
  return [name ?? "", kind ?? "", probe ?? "", { text: "retired", tone: "dim" }, "", trip.key?.version ?? ""];
}

function cell({ steps }: RoundTrip, name: RoundTripStepName): Cell {
  const found = steps.find(({ step }) => step === name);
  if (found === undefined) return { text: "-", tone: "dim" };
  return found.result === "ok"
    ? { text: `ok ${durationText(found.ms)}`, tone: "good" }
    : { text: found.result, tone: "bad" };
}
