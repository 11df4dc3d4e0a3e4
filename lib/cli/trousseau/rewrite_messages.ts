/**
 * The messages of `trousseau rewrite` while it runs, and for a cluster that is not ready.
 *
 * @module
 */
import { KmsError } from "../../base/errors.ts";
import type { MigrationProgress } from "../../cluster/migration/migration_run.ts";
import { type Collection, resourceId } from "../../cluster/rewrite/object_names.ts";
import type { CensusOptions, CountedServer, ServerCensus } from "../../cluster/rewrite/server_census.ts";
import { countText, durationText } from "../table.ts";

/** The state of all API servers on one line. */
export function censusText({ servers }: ServerCensus): string {
  const ready = servers.filter(({ state }) => state === "ready").length;
  return `API servers that use the key ID: ${ready} of ${servers.length}`;
}

/** The error for a cluster that cannot be rewritten yet. */
export function notReady({ servers, failures }: ServerCensus, { keyId }: CensusOptions): KmsError {
  const reasons = failures.length === 0 ? "" : ` ${failures.join(" ")}`;
  const behind = servers.filter(({ state }) => state === "behind");
  if (behind.length > 0) {
    return new KmsError(
      "unreachable",
      `Cannot rewrite: the newest Status of ${
        behind.map(serverText).join(", ")
      } does not have key ID ${keyId}; look at ` +
        `the plugin of that node, and wait two minutes after a rotation.${reasons}`,
    );
  }
  const unseen = servers.filter(({ state }) => state === "unseen");
  if (unseen.length > 0) {
    return new KmsError(
      "unreachable",
      `Cannot rewrite: ${unseen.length} of ${servers.length} API servers were not seen: ${
        unseen.map(serverText).join(", ")
      }; name them by --apiservers, run with --local-only on each node, or take them as ready by --assume-ready ` +
        `${unseen.length}.${reasons}`,
    );
  }
  return new KmsError("unreachable", `Cannot rewrite: no API server shows its key ID.${reasons}`);
}

/** An API server in messages. */
export function serverText({ name, host }: CountedServer): string {
  return host === undefined ? name : `${name} (${host})`;
}

/** How far a run is. */
interface RunMeter {
  readonly finished: number;
  /** Objects that an earlier run had finished. */
  readonly begun: number;
  readonly total: number;
  /** Milliseconds. */
  readonly elapsed: number;
}

const barLength = 20;

/** A bar, the numbers, and the time that is left. */
export function progressText(
  { finished, begun, total, elapsed }: RunMeter,
  { resource, namespace }: Collection,
): string {
  const all = Math.max(total, finished);
  const share = all === 0 ? 1 : finished / all;
  const bar = "#".repeat(Math.floor(share * barLength)).padEnd(barLength, ".");
  const left = (all - finished) * elapsed / Math.max(1, finished - begun);
  const place = namespace === "" ? resourceId(resource) : `${resourceId(resource)} in ${namespace}`;
  return `[${bar}] ${finished} of ${all}, ${durationText(left)} left: ${place}`;
}

/** The result of the look at the end, apart from servers that are ready or taken as such. */
export function lastLookText({ servers, failures }: ServerCensus, assumed: number): readonly string[] {
  const isAssumed = servers.filter(({ state }) => state === "unseen").length <= assumed;
  return [
    ...servers.flatMap((one) => {
      if (one.state === "ready" || (one.state === "unseen" && isAssumed)) return [];
      const found = one.state === "behind" ? "reports another key ID now" : "was not seen at the end";
      return [`API server ${serverText(one)} ${found}: run the command again.`];
    }),
    ...failures,
  ];
}

/** The sentence that repeats `--assume-ready`; none for 0. */
export function assumedText(assumed: number): readonly string[] {
  const servers = countText(assumed, "API server was", "API servers were");
  return assumed === 0 ? [] : [`${servers} taken as ready by --assume-ready, and not seen.`];
}

/** The state of all migrations on one line. */
export function migrationsText(migrations: readonly MigrationProgress[]): string {
  const named = (state: MigrationProgress["state"]) =>
    migrations.filter((one) => one.state === state).map(({ resource }) => resource);
  const parts = ([["running", named("running")], ["waiting", named("waiting")]] as const).flatMap(([state, names]) =>
    names.length === 0 ? [] : [`, ${state}: ${names.join(", ")}`]
  );
  const ended = migrations.filter(({ state }) => state !== "running" && state !== "waiting").length;
  return `${ended} of ${migrations.length} migrations have ended${parts.join("")}`;
}

/** The last sentence about a rewrite that is done. */
export const remains =
  "The old values stay in etcd until it is compacted and defragmented, in its write-ahead log, and in each " +
  "snapshot from before: keep the old key until none of them is needed.";
