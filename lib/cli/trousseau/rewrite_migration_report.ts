/**
 * The output of `trousseau rewrite --by migration`.
 *
 * @module
 */
import type { MigrationProgress } from "../../cluster/migration/migration_run.ts";
import { resourceId } from "../../cluster/rewrite/object_names.ts";
import type { ServerCensus } from "../../cluster/rewrite/server_census.ts";
import { table, wantsColour } from "../table.ts";
import { json, line, printable } from "../terminal.ts";
import { assumedText, lastLookText, remains } from "./rewrite_messages.ts";
import type { RewriteTargets } from "./rewrite_targets.ts";
import type { TrousseauCall } from "./terminal.ts";
import { scopeText } from "./verify_report.ts";

/** The count in etcd after the migrations. `revision` and `stale` are `null`, and `failure` is set, if it failed. */
export interface MigrationCheck {
  readonly source: string;
  readonly revision: number | null;
  /** Objects in scope that are not under the key ID. */
  readonly stale: number | null;
  readonly failure: string | undefined;
}

/** Migrations that came to their end. */
export interface CompletedMigrations {
  readonly server: string;
  readonly targets: RewriteTargets;
  readonly keyId: string;
  readonly migrations: readonly MigrationProgress[];
  readonly isResumed: boolean;
  readonly assumed: number;
  /** The look at the end. */
  readonly after: ServerCensus;
  /** Sentences about migrations that were not removed. */
  readonly kept: readonly string[];
  /** `undefined` if no etcd was named. */
  readonly counted: MigrationCheck | undefined;
}

/** Prints a table with conclusions, or one document. */
export function printMigrations(call: TrousseauCall, done: CompletedMigrations): void {
  const { options, terminal: { stdout, environment } } = call;
  const { server, targets, keyId, migrations, isResumed, after, assumed, counted } = done;
  const conclusions = conclusionsOf(done);
  if (options.json) {
    return json(stdout, {
      server,
      by: "migration",
      dryRun: false,
      kmsVersion: targets.api,
      keyId,
      resumed: isResumed,
      migrations: migrations.map(({ resource, name, state, message }) => ({ resource, name, state, message })),
      apiServers: after.servers.map(({ host, ...rest }) => ({ ...rest, host: host ?? null })),
      assumedReady: assumed,
      counted: counted === undefined
        ? null
        : { source: counted.source, revision: counted.revision, stale: counted.stale },
      notes: targets.notes,
      conclusions,
    });
  }
  for (const note of targets.notes) line(stdout, printable(note));
  const rows = migrations.map(({ resource, name, state }) => [
    resource,
    name,
    state === "succeeded" ? state : { text: state, tone: "bad" } as const,
  ]);
  stdout.write(table(["Resource", "Migration", "State"], rows, wantsColour(stdout, environment)));
  line(stdout);
  for (const sentence of conclusions) line(stdout, printable(sentence));
}

/** Prints the result of `--dry-run`. */
export function printPlannedMigrations(
  { options, terminal: { stdout } }: TrousseauCall,
  server: string,
  { resources, api, notes }: RewriteTargets,
): void {
  const names = resources.map((resource) => resourceId(resource));
  if (options.json) {
    const rows = names.map((resource) => ({ resource }));
    return json(stdout, { server, by: "migration", dryRun: true, kmsVersion: api, resources: rows, notes });
  }
  for (const note of notes) line(stdout, printable(note));
  line(stdout, printable(`Migrations would be created for ${names.join(", ") || "no resource"}.`));
  line(stdout, "Nothing was changed.");
}

function conclusionsOf({ migrations, keyId, after, assumed, kept, counted }: CompletedMigrations): readonly string[] {
  const failed = migrations.filter(({ state }) => state !== "succeeded");
  return [
    ...failed.map(({ resource, state, message }) =>
      `The migration of ${resource} ${state === "deleted" ? "did not end" : "failed"}: ${
        message || "it says no reason"
      }`
    ),
    ...(failed.length === 0 ? [] : ["Correct the causes and run the command again, or rewrite them without --by."]),
    ...lastLookText(after, assumed),
    ...kept,
    counted === undefined
      ? `The migrations were made under key ID ${keyId}; trousseau verify proves it.`
      : countedText(counted, keyId),
    remains,
    ...assumedText(assumed),
  ];
}

function countedText({ source, revision, stale, failure }: MigrationCheck, keyId: string): string {
  if (stale === null) return `The objects were not counted; trousseau verify proves the result. ${failure}`;
  return `in ${source} at revision ${revision}: ${scopeText(stale, keyId)}`;
}
