/**
 * `trousseau rewrite --by migration`
 *
 * @module
 */
import { KmsError, toKmsError } from "../../base/errors.ts";
import { EncryptionUsage } from "../../cluster/encryption_usage.ts";
import type { ClusterAccess } from "../../cluster/apiserver/access.ts";
import { MigrationRequests, servedMigrationVersion } from "../../cluster/migration/migration_requests.ts";
import { type MigrationOptions, MigrationRun } from "../../cluster/migration/migration_run.ts";
import { StoredKeys } from "../../cluster/objects/stored_key.ts";
import { resourceId } from "../../cluster/rewrite/object_names.ts";
import type { PatientCall } from "../../cluster/rewrite/patient_requests.ts";
import { type CensusOptions, isComplete } from "../../cluster/rewrite/server_census.ts";
import { rowsInScope } from "../../cluster/usage_scope.ts";
import { sameResource } from "../../config/encryption/rules.ts";
import { builtInResources } from "../../config/encryption/resources.ts";
import { exitCodes, type ExitStatus } from "../exit_codes.ts";
import { type Progress, startProgress } from "../progress.ts";
import { etcdOf, etcdPrefixOf } from "./etcd_options.ts";
import { lastLook, openCensus, type ReadyLimits, readyServers } from "./rewrite_census.ts";
import { migrationsText } from "./rewrite_messages.ts";
import { migrationWait } from "./rewrite_options.ts";
import { type MigrationCheck, printMigrations, printPlannedMigrations } from "./rewrite_migration_report.ts";
import type { RewriteTargets } from "./rewrite_targets.ts";
import type { TrousseauCall } from "./terminal.ts";
import { scanSource } from "./verify.ts";

/** Milliseconds: the controller begins within a second; its leader can change, which takes half a minute. */
const beginMs = 90_000;

/** Milliseconds between two looks at the migrations. */
const everyMs = 1_000;

/** What is migrated, and by which API servers. */
interface MigrationPlan {
  readonly targets: RewriteTargets;
  readonly limits: ReadyLimits;
  readonly elsewhere: readonly ClusterAccess[];
}

/**
 * Has kube-controller-manager write every object again.
 *
 * @throws {KmsError} `config` over KMS v1, for events alone, and where the API server serves no migrations.
 */
export async function rewriteByMigration(
  call: TrousseauCall,
  patient: PatientCall,
  plan: MigrationPlan,
): Promise<ExitStatus> {
  const within = migrationWait(call);
  const targets = withoutEvents(plan.targets);
  const check = await etcdCheck(call, targets);
  if (targets.api === "v1beta1") throw staleOverV2();
  if (targets.resources.length === 0 && plan.targets.resources.length > 0) throw eventsAlone();
  const requests = new MigrationRequests(patient, await servedMigrationVersion(patient));
  if (call.options["dry-run"]) return planned(call, patient.client.address, targets);
  using census = await openCensus(call, patient, plan.elsewhere);
  await readyServers(call, census.options, plan.limits);
  const times = { within, begin: beginMs, every: everyMs };
  const { resources } = targets;
  const options = { ...patient, requests, resources, keyId: census.options.keyId, times };
  return await migrated(call, options, { ...plan, targets, census: census.options, check });
}

function planned(call: TrousseauCall, server: string, targets: RewriteTargets): ExitStatus {
  printPlannedMigrations(call, server, targets);
  return targets.isComplete ? exitCodes.ok.status : exitCodes.unmet.status;
}

/** A plan whose API servers are ready. */
interface ReadyPlan extends MigrationPlan {
  readonly census: CensusOptions;
  readonly check: CountStale | undefined;
}

async function migrated(call: TrousseauCall, options: MigrationOptions, plan: ReadyPlan): Promise<ExitStatus> {
  const { targets, limits: { assumed }, census, check } = plan;
  const { keyId, client: { address: server } } = options;
  using progress = startProgress(call.terminal, "Creating the migrations");
  const run = await MigrationRun.begin({ ...options, onLook: (all) => progress.update(migrationsText(all)) });
  await run.watch();
  // The objects are done by then, so that a failure is a part of the report.
  const kept = await run.tidy().catch((thrown) => [toKmsError(thrown).message]);
  const after = await lastLook(census);
  const counted = await check?.(keyId, progress);
  progress[Symbol.dispose]();
  const { migrations, isResumed } = run;
  printMigrations(call, { server, targets, keyId, migrations, isResumed, assumed, after, kept, counted });
  const succeeded = migrations.every(({ state }) => state === "succeeded");
  const isDone = targets.isComplete && succeeded && isComplete(after, assumed);
  return isDone && (counted === undefined || counted.stale === 0) ? exitCodes.ok.status : exitCodes.unmet.status;
}

/** The migrator takes the objects from the garbage collector of kube-controller-manager, which has no events. */
function withoutEvents(targets: RewriteTargets): RewriteTargets {
  const resources = targets.resources.filter((resource) => resourceId(resource) !== "events");
  if (resources.length === targets.resources.length) return targets;
  return { ...targets, resources, notes: [...targets.notes, eventsNote] };
}

const eventsNote =
  "events are left out, since no migration can write them; they expire, or are rewritten without --by.";

function staleOverV2(): KmsError {
  return new KmsError(
    "config",
    "Over KMS v1 no object is stale, so that a migration changes nothing; leave out --by, which sends patches.",
  );
}

function eventsAlone(): KmsError {
  return new KmsError(
    "config",
    "Events are the only resource to write, and no migration can write them; leave out --by, which sends patches.",
  );
}

type CountStale = (keyId: string, progress: Progress) => Promise<MigrationCheck>;

/**
 * The count of `verify`, if an etcd is named. Its options are checked at once.
 *
 * @throws {UsageError}
 */
async function etcdCheck(call: TrousseauCall, targets: RewriteTargets): Promise<CountStale | undefined> {
  if (call.options.etcd === undefined) return undefined;
  const keys = new StoredKeys(etcdPrefixOf(call, "rewrite"), builtInResources());
  const { shown } = await etcdOf(call);
  const resources = targets.resources.map(resourceId);
  return async (keyId, progress) => {
    const usage = new EncryptionUsage(false);
    try {
      const { source, revision } = await scanSource(call, usage, keys, progress);
      const rows = rowsInScope(usage.rows(), [{ resources, readsPlain: false }], sameResource);
      const stale = rows.filter((row) => row.keyId !== keyId).reduce((sum, { objects }) => sum + objects, 0);
      return { source, revision, stale, failure: undefined };
    } catch (thrown) {
      // As above.
      return { source: shown, revision: null, stale: null, failure: toKmsError(thrown).message };
    }
  };
}
