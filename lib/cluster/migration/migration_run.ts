/**
 * Has the storage version migrator of kube-controller-manager write every object of some resources again.
 *
 * The controller compares revisions and not keys: a migration from before the API servers use a key ID succeeds and
 * leaves every object under the old one. A run therefore begins when all of them use it, and believes no migration that
 * was finished before.
 *
 * @module
 */
import { abortError } from "../../base/deadline.ts";
import { KmsError } from "../../base/errors.ts";
import type { ApiResource } from "../apiserver/api_resources.ts";
import { resourceId } from "../rewrite/object_names.ts";
import type { PatientCall } from "../rewrite/patient_requests.ts";
import type { MigrationRequests } from "./migration_requests.ts";
import {
  isFinished,
  keyLabelOf,
  migrationName,
  type MigrationState,
  type StorageMigration,
} from "./storage_migration.ts";

/** The times of a run, in milliseconds. */
export interface MigrationTimes {
  /** Time for all migrations. */
  readonly within: number;
  /** Time in which the controller must begin with a migration, or with another one of its resource. */
  readonly begin: number;
  /** Time between two looks. */
  readonly every: number;
}

/** The migration of one resource in this run. `deleted`: another client removed it before its end. */
export interface MigrationProgress {
  readonly resource: string;
  readonly name: string;
  readonly uid: string;
  readonly state: MigrationState | "deleted";
  readonly message: string;
}

/** Dependencies and settings of a run. */
export interface MigrationOptions extends PatientCall {
  readonly requests: MigrationRequests;
  readonly resources: readonly ApiResource[];
  /** The key ID that every API server uses. */
  readonly keyId: string;
  readonly times: MigrationTimes;
  /** Called after each look. */
  readonly onLook?: (migrations: readonly MigrationProgress[]) => void;
}

/** One run. */
export class MigrationRun {
  readonly #options: MigrationOptions;
  readonly #keyLabel: string;
  #migrations: readonly MigrationProgress[];
  /** The monotonic time of the last change of a state. */
  #changedAt = 0;
  /** Whether a migration of an earlier run for the same key ID goes on. */
  readonly isResumed: boolean;

  private constructor(options: MigrationOptions, keyLabel: string, begun: readonly Begun[]) {
    this.#options = options;
    this.#keyLabel = keyLabel;
    this.#migrations = begun.map(({ migration }) => progressOf(migration));
    this.isResumed = begun.some(({ isAdopted }) => isAdopted);
  }

  /**
   * Creates the migrations. One of an earlier run for the same key ID that has not ended goes on; other ones of earlier
   * runs are removed first.
   *
   * @throws {KmsError} `config` if a migration of another owner has the name; as {@linkcode MigrationRequests.create}.
   */
  static async begin(options: MigrationOptions): Promise<MigrationRun> {
    const keyLabel = keyLabelOf(options.keyId);
    const found = await withoutOld(options, keyLabel);
    const begun: Begun[] = [];
    for (const resource of options.resources) begun.push(await beginOne(options, resource, keyLabel, found));
    return new MigrationRun(options, keyLabel, begun);
  }

  /** The migrations in the order of the resources. */
  get migrations(): readonly MigrationProgress[] {
    return this.#migrations;
  }

  /**
   * Looks until all migrations have ended.
   *
   * @throws {KmsError} `deadline_exceeded` if they take too long; `unreachable` if no controller begins with one.
   */
  async watch(): Promise<void> {
    const { clock, signal, times, action } = this.#options;
    const startedAt = clock.now();
    this.#changedAt = startedAt;
    for (;;) {
      const all = await this.#look();
      const open = this.#migrations.filter((one) => !isEnded(one));
      if (open.length === 0) return;
      if (clock.now() - startedAt >= times.within) throw this.#tooLate(open);
      const isIdle = open.every((one) => one.state === "waiting" && !isOccupied(all, one));
      if (isIdle && clock.now() - this.#changedAt >= times.begin) throw this.#notBegun(open);
      await clock.sleep(times.every, signal);
      if (signal.aborted) throw abortError(signal, action);
    }
  }

  /** Looks once. @returns all migrations of the cluster. */
  async #look(): Promise<readonly StorageMigration[]> {
    const { requests, clock, onLook } = this.#options;
    const all = await requests.list();
    const before = this.#migrations;
    this.#migrations = before.map((one) => isEnded(one) ? one : progressIn(all, one));
    if (this.#migrations.some(({ state }, at) => state !== before[at]?.state)) this.#changedAt = clock.now();
    onLook?.(this.#migrations);
    return all;
  }

  /**
   * Removes the migrations of this command that have ended.
   *
   * @returns sentences about those that were not removed.
   */
  async tidy(): Promise<readonly string[]> {
    const { requests } = this.#options;
    const ended = (await requests.list()).filter((one) => isFinished(one) && one.keyLabel === this.#keyLabel);
    const sentences: string[] = [];
    for (const one of ended) {
      const why = await requests.remove(one);
      if (why !== undefined) sentences.push(`The migration ${one.name} has ended and was not removed: ${why}`);
    }
    return sentences;
  }

  #tooLate(open: readonly MigrationProgress[]): KmsError {
    const [names, seconds] = [namesOf(open), Math.round(this.#options.times.within / 1_000)];
    return new KmsError(
      "deadline_exceeded",
      `The migrations of ${names} have not ended within ${seconds} s; they go on in the cluster, and the same command ` +
        "goes on to watch them.",
    );
  }

  #notBegun(open: readonly MigrationProgress[]): KmsError {
    return new KmsError(
      "unreachable",
      `No controller has begun with the migrations of ${namesOf(open)}: the storage version migrator of ` +
        "kube-controller-manager must run, before Kubernetes 1.37 with --feature-gates=StorageVersionMigrator=true; " +
        "then give the same command again.",
    );
  }
}

interface Begun {
  readonly migration: StorageMigration;
  readonly isAdopted: boolean;
}

/** Removes migrations of this command that say nothing about the key ID now. @returns the other ones, of all owners. */
async function withoutOld(
  { requests, action }: MigrationOptions,
  keyLabel: string,
): Promise<readonly StorageMigration[]> {
  const found = await requests.list();
  const isOld = (one: StorageMigration) => one.keyLabel !== undefined && (isFinished(one) || one.keyLabel !== keyLabel);
  for (const one of found.filter(isOld)) {
    const why = await requests.remove(one);
    if (why === undefined) continue;
    throw new KmsError("permission_denied", `Cannot ${action}: the old migration ${one.name} was not removed: ${why}`);
  }
  return found.filter((one) => !isOld(one));
}

async function beginOne(
  options: MigrationOptions,
  resource: ApiResource,
  keyLabel: string,
  found: readonly StorageMigration[],
): Promise<Begun> {
  const name = migrationName(resourceId(resource));
  const old = found.find((one) => one.name === name);
  if (old !== undefined) return { migration: ownOf(old, resource, keyLabel), isAdopted: true };
  const made = await options.requests.create(resource, keyLabel);
  if (made !== undefined) return { migration: made, isAdopted: false };
  const other = (await options.requests.list()).find((one) => one.name === name);
  if (other !== undefined) return { migration: ownOf(other, resource, keyLabel), isAdopted: false };
  throw new KmsError(
    "provider_protocol",
    `Cannot ${options.action}: the API server answers 409 to the migration ${name}, and lists none of that name.`,
  );
}

/** @throws {KmsError} `config` if it belongs to somebody else. */
function ownOf(migration: StorageMigration, resource: ApiResource, keyLabel: string): StorageMigration {
  if (migration.keyLabel === keyLabel && migration.resource === resourceId(resource)) return migration;
  throw new KmsError(
    "config",
    `The migration ${migration.name} has the name that this command uses, and is not its own; remove it.`,
  );
}

function progressOf({ resource, name, uid, state, message }: StorageMigration): MigrationProgress {
  return { resource, name, uid, state, message };
}

function progressIn(all: readonly StorageMigration[], one: MigrationProgress): MigrationProgress {
  const found = all.find(({ uid }) => uid === one.uid);
  return found === undefined
    ? { ...one, state: "deleted", message: "it was deleted before its end" }
    : progressOf(found);
}

function isEnded({ state }: MigrationProgress): boolean {
  return state !== "waiting" && state !== "running";
}

/** Whether another migration of the same resource runs: the controller takes them one after the other. */
function isOccupied(all: readonly StorageMigration[], { resource, uid }: MigrationProgress): boolean {
  return all.some((one) => one.resource === resource && one.uid !== uid && one.state === "running");
}

function namesOf(migrations: readonly MigrationProgress[]): string {
  return migrations.map(({ resource }) => resource).join(", ");
}
