/**
 * The messages of `trousseau rewrite` while it runs, and for a cluster that is not ready.
 *
 * @module
 */
import { KmsError } from "../../base/errors.ts";
import { type Collection, resourceId } from "../../cluster/rewrite/object_names.ts";
import type { CensusOptions, CountedServer, ServerCensus } from "../../cluster/rewrite/server_census.ts";
import { durationText } from "../table.ts";

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
