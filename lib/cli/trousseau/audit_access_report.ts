/**
 * The output of `trousseau audit access`.
 *
 * @module
 */
import type { SecretAccess, SecretAccessReport } from "../../cluster/access/secret_access.ts";
import { namedSecretWays } from "../../cluster/access/secret_ways.ts";
import { type Cell, table, wantsColour } from "../table.ts";
import { json, line, printable } from "../terminal.ts";
import type { TrousseauCall } from "./terminal.ts";

/** A report, its source, and what an earlier one did not have. */
export interface AccessAudit extends SecretAccessReport {
  readonly source: string;
  /** The path of the baseline. */
  readonly baseline: string | undefined;
  /** `undefined` without a baseline. */
  readonly added: ReadonlySet<SecretAccess> | undefined;
}

/** The limits of every report. */
const notSeen = "Not seen: authorizers that are webhooks, the Node authorizer, certificates of system:masters, " +
  "and whoever reads etcd, its backups or the memory of a node.";

/** Prints tables with conclusions, or one document. */
export function printAccessAudit(call: TrousseauCall, audit: AccessAudit): void {
  const { stdout, environment } = call.terminal;
  if (call.options.json) return json(stdout, documentOf(audit));
  const colour = wantsColour(stdout, environment);
  const { access, source } = audit;
  line(stdout, printable(`Who can read Secrets, by the roles and bindings of ${source}:`));
  for (const [title, builtIn] of [["", false], ["Components of Kubernetes, as it binds them itself:", true]] as const) {
    const rows = access.filter((one) => one.builtIn === builtIn);
    if (rows.length === 0) continue;
    line(stdout);
    if (title !== "") line(stdout, title);
    stdout.write(table(["Subject", "Namespace", "By", "Role", "Can"], rowsOf(rows, audit.added), colour));
  }
  line(stdout);
  for (const sentence of [...legendOf(access), ...conclusionsOf(audit), notSeen]) line(stdout, printable(sentence));
}

function documentOf({ source, access, dangling, baseline, added }: AccessAudit): unknown {
  return {
    source,
    access: access.map((one) => added === undefined ? one : { ...one, isNew: added.has(one) }),
    dangling,
    ...(baseline === undefined ? {} : { baseline }),
    notSeen,
  };
}

/** One row for each path of a subject; its name stands in the first one. */
function rowsOf(access: readonly SecretAccess[], added: AccessAudit["added"]): readonly (readonly Cell[])[] {
  const paths = Map.groupBy(access, (one) => JSON.stringify([one.subject, one.namespace, one.binding, one.role]));
  let before = "";
  return [...paths.values()].flatMap((same) => {
    const [first] = same;
    if (first === undefined) return [];
    const { subject, namespace, binding, role } = first;
    const shown = subject === before ? "" : subject;
    before = subject;
    const tone = same.some((one) => added?.has(one)) ? "bad" as const : "plain" as const;
    return [[shown, namespace, binding, role, { text: waysText(same, added), tone }]];
  });
}

function waysText(same: readonly SecretAccess[], added: AccessAudit["added"]): string {
  const whole = new Set(same.filter(({ names }) => names.length === 0).map(({ way }) => way));
  if (whole.size === namedSecretWays.length) {
    return same.some((one) => added?.has(one)) ? "everything NEW" : "everything";
  }
  const texts = same.map((one) => {
    const { way, names } = one;
    const only = names.length === 0 ? "" : names.length < 4 ? ` (${names.join(", ")})` : ` (${names.length} names)`;
    return `${way}${only}${added?.has(one) ? " NEW" : ""}`;
  });
  return [...new Set(texts)].join(", ");
}

function legendOf(access: readonly SecretAccess[]): readonly string[] {
  const used = new Set(access.map(({ way }) => way));
  const all = namedSecretWays.filter(({ name }) => used.has(name)).map(({ name, can }) => `${name}: ${can}.`);
  return all.length === 0 ? [] : [...all, ""];
}

function conclusionsOf({ access, dangling, baseline, added }: AccessAudit): readonly string[] {
  const others = new Set(access.filter(({ builtIn }) => !builtIn).map(({ subject }) => subject));
  return [
    `Subjects beside the components of Kubernetes: ${others.size}.`,
    ...(dangling.length === 0 ? [] : [
      `Bindings to a role that does not exist, which give its rights when somebody makes it: ${dangling.join(", ")}.`,
    ]),
    ...(baseline === undefined || added === undefined ? [] : [
      added.size === 0 ? `Nothing is new since ${baseline}.` : `New since ${baseline}: ${added.size}.`,
    ]),
  ];
}
