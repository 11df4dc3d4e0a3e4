/**
 * `trousseau rewrite`
 *
 * @module
 */
import type { Clock } from "../../base/clock.ts";
import { toKmsError } from "../../base/errors.ts";
import type { ClusterAccess } from "../../cluster/apiserver/access.ts";
import { ApiServerClient } from "../../cluster/apiserver/api_server_client.ts";
import type { Collection } from "../../cluster/rewrite/object_names.ts";
import type { PatientCall } from "../../cluster/rewrite/patient_requests.ts";
import type { RewriteProgress } from "../../cluster/rewrite/rewrite_progress.ts";
import { collectionsOf, countAll, rewriteCall, RewriteRun } from "../../cluster/rewrite/rewrite_run.ts";
import { RewriteStateFile } from "../../cluster/rewrite/rewrite_state.ts";
import {
  awaitReady,
  type CensusOptions,
  isComplete,
  type ServerCensus,
  takeCensus,
} from "../../cluster/rewrite/server_census.ts";
import { readClusterAccess } from "../../config/cluster_access.ts";
import { exitCodes, type ExitStatus } from "../exit_codes.ts";
import { type Progress, startProgress } from "../progress.ts";
import {
  announcedKeyId,
  assumedReady,
  otherServers,
  readyWait,
  rewriteFolder,
  rewriteRate,
} from "./rewrite_options.ts";
import { censusText, notReady, progressText } from "./rewrite_messages.ts";
import { printCounts, printRewrite } from "./rewrite_report.ts";
import { type RewriteTargets, rewriteTargets } from "./rewrite_targets.ts";
import type { TrousseauCall } from "./terminal.ts";

const action = "rewrite the objects";

/** Milliseconds between two looks at the API servers. */
const lookMs = 4_000;

/** Has the API server write every object again, so that it is under the current key. */
export async function rewrite(call: TrousseauCall): Promise<ExitStatus> {
  const { options, terminal } = call;
  const limits = { rate: rewriteRate(call), assumed: assumedReady(call), waitMs: readyWait(call) };
  const access = await readClusterAccess(options.kubeconfig, terminal.environment);
  const elsewhere = otherServers(call, access);
  using client = await ApiServerClient.open(access, action);
  const targets = await rewriteTargets(call, client);
  const patient = rewriteCall({ client, clock: terminal.clock, signal: terminal.signal });
  if (options["dry-run"]) return await dryRun(call, patient, targets);
  if (targets.api === "v1beta1") return await rewriteAll(call, patient, { targets, limits, census: undefined });
  const keyId = await announcedKeyId(call);
  using others = await openAll(elsewhere);
  const { clock, signal } = patient;
  const localOnly = options["local-only"] === true;
  const census = { client, clients: [client, ...others.clients], keyId, localOnly, clock, signal };
  return await rewriteAll(call, patient, { targets, limits, census });
}

/** A run of the command. */
interface RewritePlan {
  readonly targets: RewriteTargets;
  readonly limits: { readonly rate: number; readonly assumed: number; readonly waitMs: number };
  /** `undefined` over v1beta1, where no API server keeps a key. */
  readonly census: CensusOptions | undefined;
}

async function rewriteAll(call: TrousseauCall, patient: PatientCall, plan: RewritePlan): Promise<ExitStatus> {
  const { targets, limits: { rate, assumed }, census } = plan;
  using file = await RewriteStateFile.open(await rewriteFolder(call));
  if (census !== undefined) await readyServers(call, census, plan.limits);
  using progress = startProgress(call.terminal, "Counting the objects");
  const collections = await collectionsOf(patient, targets.resources);
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
  const counts = await countAll(patient, await collectionsOf(patient, targets.resources));
  progress[Symbol.dispose]();
  printCounts(call, patient.client.address, targets, counts);
  const isCounted = targets.isComplete && counts.every(({ objects }) => objects !== undefined);
  return isCounted ? exitCodes.ok.status : exitCodes.unmet.status;
}

/** @throws {KmsError} `unreachable` if an API server is not ready; the sentence names it. */
async function readyServers(
  { terminal }: TrousseauCall,
  options: CensusOptions,
  { assumed, waitMs }: RewritePlan["limits"],
): Promise<void> {
  using progress = startProgress(terminal, "Looking at the API servers");
  const onLook = (census: ServerCensus) => progress.update(censusText(census));
  const census = await awaitReady(options, assumed, { waitMs, everyMs: lookMs }, onLook);
  if (!isComplete(census, assumed)) throw notReady(census, options);
}

/** The objects are done by then, so that a failure is a part of the report. */
async function lastLook(options: CensusOptions): Promise<ServerCensus> {
  return await takeCensus(options).catch((thrown) => {
    return { servers: [], failures: [toKmsError(thrown).message], isSettled: false };
  });
}

async function openAll(
  servers: readonly ClusterAccess[],
): Promise<Disposable & { readonly clients: ApiServerClient[] }> {
  const clients = await Promise.all(servers.map((access) => ApiServerClient.open(access, action)));
  return { clients, [Symbol.dispose]: () => clients.forEach((client) => client[Symbol.dispose]()) };
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
