/**
 * `trousseau decrypt --export`: a tar archive of manifests for `kubectl apply`.
 *
 * @module
 */
import { exportedManifest, kindOf } from "../../cluster/objects/exported_manifest.ts";
import { manifestText } from "../../cluster/objects/stored_object.ts";
import type { SnapshotObject } from "../../cluster/snapshot_objects.ts";
import { exitCodes, type ExitStatus } from "../exit_codes.ts";
import type { Progress } from "../progress.ts";
import { countText } from "../table.ts";
import { line, type Output, printable } from "../terminal.ts";
import type { ByteOutput } from "./byte_output.ts";
import type { DecryptedObject } from "./decrypt_object.ts";
import { ManifestArchive } from "./manifest_archive.ts";

/** The parts of an export. */
export interface ManifestExport {
  readonly objects: Iterable<SnapshotObject>;
  readonly open: (stored: SnapshotObject) => Promise<DecryptedObject>;
  readonly output: ByteOutput;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** Numbers of objects by their kinds. */
type KindCounts = Map<string, number>;

/** The result. */
interface ExportReport {
  readonly exported: KindCounts;
  /** Left out, since no manifest can be made of them. */
  readonly protobuf: KindCounts;
  /** Secrets with tokens of ServiceAccounts, left out. */
  tokens: number;
  closed: number;
  /** The first objects that should be in the archive and are not. */
  readonly examples: { readonly key: string; readonly error: string }[];
}

/** Maximum number of objects that are named. */
const maxExamples = 20;

/**
 * The last file: the report. An archive without it is not whole, also where a full disk or a broken connection has cut it
 * between two files. No namespace begins with an underscore, and kubectl reads no file of this type.
 */
const markFile = "_complete.txt";

/** Number of objects between two looks at the signal. */
const turnLength = 1_000;

/**
 * Writes the archive, and the report to `stderr`.
 *
 * @returns 1 if an object was not opened.
 */
export async function exportManifests(parts: ManifestExport, stderr: Output): Promise<ExitStatus> {
  const report: ExportReport = { exported: new Map(), protobuf: new Map(), tokens: 0, closed: 0, examples: [] };
  const archive = new ManifestArchive(parts.output);
  const paths = new Set<string>();
  let read = 0;
  for (const stored of parts.objects) {
    if (++read % turnLength === 0) {
      parts.progress.update(`Exporting objects: ${read}`);
      await new Promise((resolve) => setTimeout(resolve));
    }
    parts.signal.throwIfAborted();
    await exportOne(await parts.open(stored), { archive, paths, report });
  }
  const lines = linesOf(report);
  await archive.add(markFile, lines.map((one) => `${one}\n`).join(""));
  archive.finish();
  parts.progress[Symbol.dispose]();
  for (const one of lines) line(stderr, one);
  return report.closed === 0 ? exitCodes.ok.status : exitCodes.unmet.status;
}

interface Target {
  readonly archive: ManifestArchive;
  readonly paths: Set<string>;
  readonly report: ExportReport;
}

async function exportOne({ key, object, error }: DecryptedObject, { archive, paths, report }: Target): Promise<void> {
  if (object === undefined) return closed(report, key, error ?? "It opens, and is no object of Kubernetes.");
  const exported = exportedManifest(key, object);
  switch (exported.state) {
    case "token":
      report.tokens++;
      return;
    case "protobuf":
      return count(report.protobuf, kindOf(object));
    case "foreign":
      return closed(report, key, "Its metadata are not those of its key in etcd.");
    case "manifest":
      if (paths.has(exported.path)) return closed(report, key, "Another object has its kind, namespace and name.");
      paths.add(exported.path);
      await archive.add(exported.path, manifestText(exported.manifest));
      count(report.exported, kindOf(object));
  }
}

function count(counts: KindCounts, kind: string): void {
  counts.set(kind, (counts.get(kind) ?? 0) + 1);
}

function closed(report: ExportReport, key: string, error: string): void {
  report.closed++;
  if (report.examples.length < maxExamples) report.examples.push({ key, error });
}

function linesOf({ exported, protobuf, tokens, closed, examples }: ExportReport): readonly string[] {
  return [
    `Exported ${countText(total(exported), "object", "objects")}${kindsOf(exported)}.`,
    ...(tokens > 0 ? [tokensText(tokens)] : []),
    ...(protobuf.size > 0 ? [protobufText(protobuf)] : []),
    ...(closed > 0 ? [`${countText(closed, "object was", "objects were")} not exported:`] : []),
    ...examples.map(({ key, error }) => `  ${printable(key)}: ${printable(error)}`),
    ...(closed > examples.length ? [`  and ${closed - examples.length} more`] : []),
  ];
}

function tokensText(tokens: number): string {
  const one = "Secret with the token of a ServiceAccount: another cluster refuses it";
  return `Left out ${countText(tokens, one, "Secrets with tokens of ServiceAccounts: another cluster refuses them")}.`;
}

function protobufText(protobuf: KindCounts): string {
  return `Left out ${countText(total(protobuf), "object that is", "objects that are")} stored as protobuf${
    kindsOf(protobuf)
  }.`;
}

function total(counts: KindCounts): number {
  return [...counts.values()].reduce((sum, one) => sum + one, 0);
}

function kindsOf(counts: KindCounts): string {
  const parts = [...counts].sort(([a], [b]) => a < b ? -1 : 1).map(([kind, number]) => `${number} ${printable(kind)}`);
  return parts.length === 0 ? "" : `: ${parts.join(", ")}`;
}
