/**
 * The output of `trousseau verify`.
 *
 * @module
 */
import type { UsageRow } from "../../cluster/encryption_usage.ts";
import type { FreedValues } from "../../cluster/snapshot/freed_values.ts";
import type { SnapshotFile } from "../../cluster/snapshot/snapshot_file.ts";
import { json, line, printable } from "../terminal.ts";
import { type Cell, countText, table, type Tone, wantsColour } from "../table.ts";
import type { TrousseauCall } from "./terminal.ts";
import type { VerifyScope } from "./verify_scope.ts";

/** All that was found. */
export interface Verification {
  /** The file, or the etcd. */
  readonly source: string;
  /** `undefined` for a running etcd. */
  readonly checksum: SnapshotFile["checksum"] | undefined;
  /** The newest revision of etcd that counts. */
  readonly revision: number;
  /** Number of keys below another prefix. */
  readonly otherKeys: number;
  readonly scope: VerifyScope;
  /** The resources, if neither a file nor an option names them. */
  readonly guessed: readonly string[] | undefined;
  /** In scope. */
  readonly rows: readonly UsageRow[];
  /** Also those outside of the scope. */
  readonly allRows: readonly UsageRow[];
  readonly expected: string | undefined;
  readonly freed: FreedValues | undefined;
}

/** Prints a table with conclusions, or one document. */
export function printVerification(call: TrousseauCall, verification: Verification): void {
  const { options, terminal } = call;
  if (options.json) return json(terminal.stdout, documentOf(verification));
  const colour = wantsColour(terminal.stdout, terminal.environment);
  const { rows } = verification;
  for (const sentence of headOf(verification)) line(terminal.stdout, printable(sentence));
  line(terminal.stdout);
  if (rows.length > 0) {
    terminal.stdout.write(table(columnsOf(rows), rows.map((row) => cellsOf(row, verification)), colour));
  }
  if (options.list) {
    for (const { resource, state, names } of rows) {
      for (const name of names) line(terminal.stdout, `${resource}  ${state}  ${printable(name)}`);
    }
  }
  line(terminal.stdout);
  for (const sentence of conclusionsOf(verification)) line(terminal.stdout, printable(sentence));
}

function documentOf(verification: Verification): unknown {
  const { source, checksum, revision, guessed, scope, rows, expected, freed } = verification;
  return {
    source,
    revision,
    checksum: checksum ?? null,
    scope: scope.by === "file" ? { by: scope.by, path: scope.path } : { by: scope.by, ...(guessed && { guessed }) },
    expectedKeyId: expected ?? null,
    rows: rows.map(({ names, ...row }) => (names.length === 0 ? row : { ...row, names })),
    ...(freed === undefined ? {} : { freed }),
    conclusions: conclusionsOf(verification),
  };
}

function headOf({ source, checksum, revision, scope, guessed }: Verification): readonly string[] {
  const verified = checksum === "verified" ? ", SHA-256 verified" : "";
  return [
    `${source} at revision ${revision}${verified}.`,
    ...(checksum === "none" ? ["no checksum: contents not verified. A copy of a database has none."] : []),
    guessed === undefined
      ? `Resources: those of ${scope.by === "file" ? scope.path : "--resources"}.`
      : `Resources: guessed, secrets and those with an encrypted value (${
        guessed.join(", ")
      }); name a file by --encryption-config.`,
  ];
}

function columnsOf(rows: readonly UsageRow[]): readonly string[] {
  const older = rows.some(({ olderRevisions }) => olderRevisions > 0) ? ["Older revisions"] : [];
  return ["Resource", "State", "Provider", "Key ID", "Wraps", "Objects", ...older, "Oldest revision"];
}

function cellsOf(row: UsageRow, { rows, expected }: Verification): readonly Cell[] {
  const { resource, state, provider, keyId, format, wraps, objects, olderRevisions, oldestRevision } = row;
  const hasOlder = rows.some((one) => one.olderRevisions > 0);
  const isOther = expected !== undefined && objects > 0 && keyId !== expected;
  const tone: Tone = isOther || (state === "plain" && objects > 0) ? "warn" : "plain";
  return [
    resource,
    { text: objects === 0 && olderRevisions === 0 ? "-" : format ?? state, tone },
    provider ?? "-",
    keyId ?? "-",
    wraps.map(({ name, version }) => name === "" ? version : `${name} ${version}`).join(", ") || "-",
    `${objects}`,
    ...(hasOlder ? [`${olderRevisions}`] : []),
    oldestRevision === null ? "-" : `${oldestRevision}`,
  ];
}

function conclusionsOf(verification: Verification): readonly string[] {
  const { rows, allRows, expected, freed, otherKeys, scope, source, revision } = verification;
  const at = `in ${source} at revision ${revision}`;
  const others = rows.filter(({ objects, keyId }) => objects > 0 && keyId !== expected);
  const stale = others.reduce((sum, { objects }) => sum + objects, 0);
  return [
    ...(expected === undefined ? [] : [`${at}: ${scopeText(stale, expected)}`]),
    ...unusedProviders(scope, allRows).map((name) => `${at}: provider "${name}" encrypts 0 objects.`),
    ...oldestVersions(allRows).map(({ name, version, count }) =>
      `${at}: the oldest key of "${name}" is version ${version}, with ${
        countText(count, "value", "values")
      }: keep it usable.`
    ),
    ...(freed === undefined ? [] : [
      `${countText(freed.pages, "free page holds", "free pages hold")} ` +
      `${countText(freed.encrypted, "encrypted value", "encrypted values")} and ${freed.plain} in plain text until ` +
      "compaction and defragmentation; write-ahead logs and older snapshots hold them too.",
    ]),
    ...(otherKeys === 0 ? [] : [
      `${countText(otherKeys, "key is", "keys are")} not below the prefix, and left out.`,
    ]),
    "Events may lie in another etcd; SOPS files and a keyring may use the same KEKs; older backups do not count here.",
    "Key IDs and versions are labels that nothing authenticates.",
  ];
}

/** Whether all objects in scope are under a key ID. @param stale number of those that are not. */
export function scopeText(stale: number, keyId: string): string {
  if (stale === 0) return `every object in scope is under key ID ${keyId}.`;
  return `${countText(stale, "object in scope is", "objects in scope are")} not under key ID ${keyId}.`;
}

/** Names of KMS providers of the file that no value has, older revisions included. */
function unusedProviders(scope: VerifyScope, rows: readonly UsageRow[]): readonly string[] {
  if (scope.by !== "file") return [];
  const used = new Set(rows.map(({ provider }) => provider));
  const names = scope.entries.flatMap(({ providers }) =>
    providers.flatMap((one) => one.kind === "kms" ? [one.name] : [])
  );
  return [...new Set(names)].filter((name) => !used.has(name));
}

interface OldestVersion {
  readonly name: string;
  readonly version: string;
  readonly count: number;
}

/** For each provider of wraps whose versions are numbers, the lowest one. */
function oldestVersions(rows: readonly UsageRow[]): readonly OldestVersion[] {
  const counts = new Map<string, Map<string, number>>();
  for (const { wraps, objects, olderRevisions } of rows) {
    for (const { name, version } of wraps) {
      const versions = counts.get(name) ?? new Map<string, number>();
      versions.set(version, (versions.get(version) ?? 0) + objects + olderRevisions);
      counts.set(name, versions);
    }
  }
  return [...counts].flatMap(([name, versions]) => {
    const numbered = [...versions].filter(([version]) => /^v?\d{1,9}$/.test(version));
    const [oldest] = numbered.toSorted(([a], [b]) => number(a) - number(b));
    return oldest === undefined ? [] : [{ name, version: oldest[0], count: oldest[1] }];
  });
}

function number(version: string): number {
  return Number(version.replace(/^v/, ""));
}
