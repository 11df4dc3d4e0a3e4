/**
 * The output of `trousseau rewrite`.
 *
 * @module
 */
import { resourceId } from "../../cluster/rewrite/object_names.ts";
import type { RewriteProgress } from "../../cluster/rewrite/rewrite_progress.ts";
import type { ObjectCount } from "../../cluster/rewrite/rewrite_run.ts";
import { maxRefusals, type Refusal } from "../../cluster/rewrite/rewrite_state.ts";
import type { ServerCensus } from "../../cluster/rewrite/server_census.ts";
import { countText, table, wantsColour } from "../table.ts";
import { json, line, printable } from "../terminal.ts";
import { assumedText, lastLookText, remains } from "./rewrite_messages.ts";
import type { RewriteTargets } from "./rewrite_targets.ts";
import type { TrousseauCall } from "./terminal.ts";

/** A run that came to its end. */
export interface CompletedRewrite {
  readonly server: string;
  readonly targets: RewriteTargets;
  readonly keyId: string | null;
  readonly progress: RewriteProgress;
  readonly isResumed: boolean;
  readonly assumed: number;
  /** The look at the end; `undefined` over v1beta1. */
  readonly after: ServerCensus | undefined;
}

/** Prints a table with conclusions, or one document. */
export function printRewrite(call: TrousseauCall, done: CompletedRewrite): void {
  const { options, terminal } = call;
  const { targets, progress, server, keyId, isResumed, after } = done;
  const conclusions = conclusionsOf(call, done);
  if (options.json) {
    return json(terminal.stdout, {
      server,
      by: "patch",
      dryRun: false,
      kmsVersion: targets.api,
      keyId,
      resumed: isResumed,
      resources: progress.counts,
      refusals: progress.refusals,
      apiServers: after?.servers.map(({ host, ...rest }) => ({ ...rest, host: host ?? null })) ?? null,
      assumedReady: done.assumed,
      notes: targets.notes,
      conclusions,
    });
  }
  for (const note of targets.notes) line(terminal.stdout, printable(note));
  const rows = progress.counts.map(({ resource, objects, written, gone, refused }) => [
    resource,
    `${objects}`,
    `${written}`,
    `${gone}`,
    refused === 0 ? "0" : { text: `${refused}`, tone: "bad" } as const,
  ]);
  const colour = wantsColour(terminal.stdout, terminal.environment);
  terminal.stdout.write(table(["Resource", "Objects", "Written", "Gone", "Refused"], rows, colour));
  for (const refusal of progress.refusals) line(terminal.stdout, printable(refusalText(refusal)));
  line(terminal.stdout);
  for (const sentence of conclusions) line(terminal.stdout, printable(sentence));
}

/** Prints the result of `--dry-run`. */
export function printCounts(
  { options, terminal }: TrousseauCall,
  server: string,
  targets: RewriteTargets,
  counts: readonly ObjectCount[],
): void {
  const rows = targets.resources.map((resource) => {
    const own = counts.filter(({ collection }) => collection.resource === resource);
    const unlisted = own.filter(({ objects }) => objects === undefined).map(({ collection }) => collection.namespace);
    return { resource: resourceId(resource), objects: own.reduce((sum, one) => sum + (one.objects ?? 0), 0), unlisted };
  });
  if (options.json) {
    return json(terminal.stdout, {
      server,
      by: "patch",
      dryRun: true,
      kmsVersion: targets.api,
      resources: rows,
      notes: targets.notes,
    });
  }
  for (const note of targets.notes) line(terminal.stdout, printable(note));
  const cells = rows.map(({ resource, objects, unlisted }) => [resource, `${objects}`, unlisted.join(", ") || "-"]);
  const colour = wantsColour(terminal.stdout, terminal.environment);
  terminal.stdout.write(table(["Resource", "Objects", "Namespaces that are not listed"], cells, colour));
  line(terminal.stdout);
  line(terminal.stdout, "Nothing was changed.");
}

function conclusionsOf({ options }: TrousseauCall, done: CompletedRewrite): readonly string[] {
  const { progress, keyId, after, assumed, server } = done;
  const refused = progress.counts.reduce((sum, one) => sum + one.refused, 0);
  return [
    ...(refused === 0 ? [] : [
      `${countText(refused, "object or namespace was", "objects or namespaces were")} refused${
        refused > maxRefusals ? `, of which ${maxRefusals} are shown` : ""
      }; ` +
      "correct the causes and run the command again.",
    ]),
    ...(after === undefined ? [] : lastLookText(after, assumed)),
    ...(keyId === null
      ? ["Over KMS v1 the plugin encrypts each write, and the API servers were not asked."]
      : [`The objects were written under key ID ${keyId}; trousseau verify proves it.`]),
    remains,
    ...(options["local-only"]
      ? [`Only the API server at ${server} was counted: run the command on each control plane node.`]
      : []),
    ...assumedText(assumed),
  ];
}

function refusalText({ resource, namespace, name, sentence }: Refusal): string {
  const place = namespace === "" ? "" : ` in namespace ${namespace}`;
  return name === "" ? `${resource}${place}: ${sentence}` : `${resource} ${name}${place}: ${sentence}`;
}
