/**
 * `trousseau rewrite`
 *
 * @module
 */
import type { Clock } from "../../base/clock.ts";
import { ApiServerClient } from "../../cluster/apiserver/api_server_client.ts";
import type { Collection } from "../../cluster/rewrite/object_names.ts";
import type { PatientCall } from "../../cluster/rewrite/patient_requests.ts";
import type { RewriteProgress } from "../../cluster/rewrite/rewrite_progress.ts";
import { collectionsOf, countAll, rewriteCall, RewriteRun } from "../../cluster/rewrite/rewrite_run.ts";
import { RewriteStateFile } from "../../cluster/rewrite/rewrite_state.ts";
import { type CensusOptions, isComplete } from "../../cluster/rewrite/server_census.ts";
import { readClusterAccess } from "../../config/cluster_access.ts";
import { exitCodes, type ExitStatus } from "../exit_codes.ts";
import { type Progress, startProgress } from "../progress.ts";
import {
  assumedReady,
  otherServers,
  readyWait,
  refuseOptionsOfOtherWay,
  rewriteFolder,
  rewriteRate,
} from "./rewrite_options.ts";
import { lastLook, openCensus, type ReadyLimits, readyServers } from "./rewrite_census.ts";
import { withColumnNotes } from "./rewrite_columns.ts";
import { progressText } from "./rewrite_messages.ts";
import { rewriteByMigration } from "./rewrite_migration.ts";
import { printCounts, printRewrite } from "./rewrite_report.ts";
import { type RewriteTargets, rewriteTargets } from "./rewrite_targets.ts";
import type { TrousseauCall } from "./terminal.ts";

const action = "rewrite the objects";

/** Has every object written again by the API server, so that it is under the current key. */
export async function rewrite(call: TrousseauCall): Promise<ExitStatus> {
  const { options, terminal } = call;
  refuseOptionsOfOtherWay(call);
  const limits = { rate: rewriteRate(call), assumed: assumedReady(call), waitMs: readyWait(call) };
  const access = await readClusterAccess(options.kubeconfig, terminal.environment);
  const elsewhere = otherServers(call, access);
  using client = await ApiServerClient.open(access, action);
  const targets = await rewriteTargets(call, client);
  const patient = rewriteCall({ client, clock: terminal.clock, signal: terminal.signal });
  if (options.by === "migration") return await rewriteByMigration(call, patient, { targets, limits, elsewhere });
  if (options["dry-run"]) return await dryRun(call, patient, targets);
  if (targets.api === "v1beta1") return await rewriteAll(call, patient, { targets, limits, census: undefined });
  using census = await openCensus(call, patient, elsewhere);
  return await rewriteAll(call, patient, { targets, limits, census: census.options });
}

/** A run of the command. */
interface RewritePlan {
  readonly targets: RewriteTargets;
  readonly limits: ReadyLimits & { readonly rate: number };
  /** `undefined` over v1beta1, where no API server keeps a key. */
  readonly census: CensusOptions | undefined;
}

async function rewriteAll(call: TrousseauCall, patient: PatientCall, plan: RewritePlan): Promise<ExitStatus> {
  const { limits: { rate, assumed }, census } = plan;
  using file = await RewriteStateFile.open(await rewriteFolder(call));
  if (census !== undefined) await readyServers(call, census, plan.limits);
  using progress = startProgress(call.terminal, "Counting the objects");
  const collections = await collectionsOf(patient, plan.targets.resources);
  const targets = await withColumnNotes(patient, plan.targets, collections);
  const total = (await countAll(patient, collections)).reduce((sum, { objects }) => sum + (objects ?? 0), 0);
  const keyId = census?.keyId ?? null;
  const { resources, api } = targets;
  const run = await RewriteRun.open({
    ...patient,
    resources,
    api,
    keyId,
    rate,
    file,
    onProgress: shower(progress, total, patient.clock),
  });
  const { isResumed } = run;
  await run.run(collections);
  const after = census === undefined ? undefined : await lastLook(census);
  progress[Symbol.dispose]();
  const server = patient.client.address;
  printRewrite(call, { server, targets, keyId, progress: run.progress, isResumed, assumed, after });
  const isDone = targets.isComplete && run.progress.counts.every(({ refused }) => refused === 0);
  return isDone && (after === undefined || isComplete(after, assumed)) ? exitCodes.ok.status : exitCodes.unmet.status;
}

async function dryRun(call: TrousseauCall, patient: PatientCall, targets: RewriteTargets): Promise<ExitStatus> {
  using progress = startProgress(call.terminal, "Counting the objects");
  const collections = await collectionsOf(patient, targets.resources);
  const noted = await withColumnNotes(patient, targets, collections);
  const counts = await countAll(patient, collections);
  progress[Symbol.dispose]();
  printCounts(call, patient.client.address, noted, counts);
  const isCounted = targets.isComplete && counts.every(({ objects }) => objects !== undefined);
  return isCounted ? exitCodes.ok.status : exitCodes.unmet.status;
}

function shower(
  progress: Progress,
  total: number,
  clock: Clock,
): (run: RewriteProgress, collection: Collection) => void {
  const startedAt = clock.now();
  let begun: number | undefined;
  return (run, collection) => {
    const { finished } = run;
    begun ??= Math.max(0, finished - 1);
    progress.update(progressText({ finished, begun, total, elapsed: clock.now() - startedAt }, collection));
  };
}
