/**
 * `trousseau decrypt --check`: opens every object of a snapshot, and every data key by each provider alone.
 *
 * @module
 */
import { findValue, openWithSeeds, type SnapshotOpener, whyClosed } from "../../app/snapshot_opener.ts";
import { KmsError } from "../../base/errors.ts";
import type { SnapshotFile } from "../../cluster/snapshot/snapshot_file.ts";
import { objectsIn } from "../../cluster/snapshot_objects.ts";
import { exitCodes, type ExitStatus } from "../exit_codes.ts";
import type { Progress } from "../progress.ts";
import { countText, table, wantsColour } from "../table.ts";
import { json, line, printable } from "../terminal.ts";
import type { TrousseauCall } from "./terminal.ts";

/** The parts of a drill. */
export interface Drill {
  readonly snapshot: SnapshotFile;
  readonly path: string;
  /** Of the keys of kube-apiserver, with a slash at its end. */
  readonly prefix: string;
  /** Asks every holder. */
  readonly opener: SnapshotOpener;
  /** Names of the providers that can unwrap. */
  readonly names: readonly string[];
  readonly progress: Progress;
}

/** How much one provider restores by itself. */
interface Share {
  objects: number;
  /** The first sentence for an object that it should open and does not. */
  error: string | null;
}

/** The result. */
interface DrillReport {
  readonly shares: ReadonlyMap<string, Share>;
  /** Objects under a KMS. */
  encrypted: number;
  opened: number;
  plain: number;
  /** Under a key of the EncryptionConfiguration. */
  configured: number;
  /** Opened by AES-CBC. */
  unauthenticated: number;
  closed: number;
  /** The first objects that nothing opens, with the reason. */
  readonly examples: { readonly key: string; readonly error: string }[];
}

/** Maximum number of objects that are named. */
const maxExamples = 20;

/** Number of objects between two messages of progress. */
const turnLength = 1_000;

/**
 * Opens everything, and prints the shares.
 *
 * @returns 1 if an object is opened by no provider, or if none is under a KMS: then the drill has proven nothing.
 */
export async function drill(call: TrousseauCall, parts: Drill): Promise<ExitStatus> {
  const { terminal } = call;
  const report = await drilled(parts, terminal.signal);
  parts.progress[Symbol.dispose]();
  if (call.options.json) json(terminal.stdout, documentOf(report, parts));
  else print(call, report, parts);
  if (report.encrypted === 0) {
    const sentence =
      `No object below ${parts.prefix} is under a KMS: compare --etcd-prefix with that of kube-apiserver, ` +
      "and the snapshot with its etcd; this drill has proven nothing.";
    line(terminal.stderr, `trousseau: ${printable(sentence)}`);
  }
  return report.closed === 0 && report.encrypted > 0 ? exitCodes.ok.status : exitCodes.unmet.status;
}

async function drilled(
  { snapshot, path, prefix, opener, names, progress }: Drill,
  signal: AbortSignal,
): Promise<DrillReport> {
  const report: DrillReport = {
    shares: new Map(names.map((name): [string, Share] => [name, { objects: 0, error: null }])),
    ...{ encrypted: 0, opened: 0, plain: 0, configured: 0, unauthenticated: 0, closed: 0 },
    examples: [],
  };
  let read = 0;
  for (const stored of objectsIn(snapshot, path, prefix)) {
    if (++read % turnLength === 0) {
      progress.update(`Opening every object: ${read}`);
      await new Promise((resolve) => setTimeout(resolve));
      signal.throwIfAborted();
    }
    const value = findValue(stored.value);
    if (value.by === "plain") report.plain++;
    else if (value.by === "configuration") report.configured++;
    else if (value.by === "unknown") closed(report, stored.key, "No version of kube-apiserver that is known wrote it.");
    else {
      report.encrypted++;
      const seeds = await opener.seedsOf(value.object);
      const done = openWithSeeds(stored, value.object, seeds);
      if (done === undefined) closed(report, stored.key, whyClosed(seeds));
      else {
        report.opened++;
        if (!done.isAuthenticated) report.unauthenticated++;
      }
      share(report, stored, value.object, seeds);
    }
  }
  return report;
}

function closed(report: DrillReport, key: string, error: string): void {
  report.closed++;
  if (report.examples.length < maxExamples) report.examples.push({ key, error });
}

function share(
  { shares }: DrillReport,
  stored: Parameters<typeof openWithSeeds>[0],
  object: Parameters<typeof openWithSeeds>[1],
  seeds: Parameters<typeof openWithSeeds>[2],
): void {
  for (const [name, seed] of seeds) {
    const one = shares.get(name);
    if (one === undefined) continue;
    if (seed instanceof KmsError) one.error ??= seed.message;
    else if (openWithSeeds(stored, object, new Map([[name, seed]])) !== undefined) one.objects++;
  }
}

function documentOf({ shares, ...report }: DrillReport, { snapshot, path, opener }: Drill): unknown {
  const providers = [...shares].map(([name, { objects, error }]) => ({ name, objects, error }));
  return { snapshot: path, checksum: snapshot.checksum, seeds: opener.seedCount, ...report, providers };
}

function print({ terminal }: TrousseauCall, report: DrillReport, { snapshot, path, opener }: Drill): void {
  const { stdout, environment } = terminal;
  const { shares, encrypted, opened, plain, configured, unauthenticated, closed, examples } = report;
  const verified = snapshot.checksum === "verified" ? "SHA-256 verified" : "no checksum: contents not verified";
  const under = countText(encrypted, "object under a KMS", "objects under a KMS");
  line(stdout, `${printable(path)}: ${verified}; ${under}, with ${countText(opener.seedCount, "seed", "seeds")}.`);
  line(stdout);
  const rows = [...shares].map(([name, { objects, error }]) => [
    name,
    {
      text: `${objects} of ${encrypted}`,
      tone: encrypted > 0 && objects === encrypted ? "good" as const : "warn" as const,
    },
    error ?? "",
  ]);
  stdout.write(table(["Provider", "Restores alone", "Its first error"], rows, wantsColour(stdout, environment)));
  line(stdout);
  line(stdout, `${opened} of ${countText(encrypted, "object was", "objects were")} opened by at least one provider.`);
  if (unauthenticated > 0) {
    line(stdout, `${countText(unauthenticated, "of them is", "of them are")} AES-CBC: not authenticated.`);
  }
  if (plain > 0) line(stdout, `${countText(plain, "object is", "objects are")} plain text.`);
  if (configured > 0) {
    line(
      stdout,
      `${countText(configured, "object is", "objects are")} under keys of the EncryptionConfiguration: keep that file.`,
    );
  }
  if (closed > 0) line(stdout, `${countText(closed, "object is", "objects are")} opened by no provider:`);
  for (const { key, error } of examples) line(stdout, `  ${printable(key)}: ${printable(error)}`);
}
