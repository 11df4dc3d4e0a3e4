/**
 * `trousseau decrypt`
 *
 * @module
 */
import { OfflineDecryptor } from "../../app/offline_decryptor.ts";
import { SnapshotOpener } from "../../app/snapshot_opener.ts";
import { base64 } from "../../base/bytes.ts";
import { manifestJson, manifestText, type StoredObject } from "../../cluster/objects/stored_object.ts";
import { SnapshotFile } from "../../cluster/snapshot/snapshot_file.ts";
import { objectsIn, type SnapshotObject } from "../../cluster/snapshot_objects.ts";
import { UsageError } from "../command.ts";
import { exitCodes, type ExitStatus } from "../exit_codes.ts";
import { type Progress, startProgress } from "../progress.ts";
import { table, wantsColour } from "../table.ts";
import { json, line, printable } from "../terminal.ts";
import { type ByteOutput, processBytes } from "./byte_output.ts";
import { commandLog } from "./command_log.ts";
import { configured } from "./configured.ts";
import { drill } from "./decrypt_drill.ts";
import { type DecryptedObject, decryptObject } from "./decrypt_object.ts";
import { etcdPrefixOf } from "./etcd_options.ts";
import { snapshotOf } from "./snapshot_option.ts";
import type { TrousseauCall } from "./terminal.ts";

/**
 * Opens objects of a snapshot, or all of them as a drill or into an archive.
 *
 * @throws {UsageError} for an archive if standard output is a terminal.
 */
export async function decryptSnapshot(call: TrousseauCall, output: ByteOutput = processBytes()): Promise<ExitStatus> {
  const { options, terminal } = call;
  checkOptions(call, output);
  const prefix = etcdPrefixOf(call, "decrypt");
  const path = await snapshotOf(call);
  const config = await configured(call);
  using progress = startProgress(terminal, `Reading ${path}`);
  using snapshot = await SnapshotFile.open(path, {
    signal: terminal.signal,
    onHashed: (bytes, of) => progress.update(`Checking the SHA-256 of ${path}: ${Math.floor(100 * bytes / of)} %`),
  });
  await using decryptor = await OfflineDecryptor.open(config, commandLog(call).notify);
  const opener = new SnapshotOpener(decryptor, options.check ? "each" : "any", terminal.signal);
  if (options.check) return await drill(call, { snapshot, path, prefix, opener, names: decryptor.names, progress });
  const source: Source = { objects: objectsMeant(call, snapshot, path, prefix), path, prefix, opener, progress };
  return options.export ? await exported(call, source, output) : await printed(call, source);
}

/** @throws {UsageError} if the words and options of the call do not go together. */
function checkOptions({ options, positionals }: TrousseauCall, { isTerminal }: ByteOutput): void {
  const { check, show, json } = options;
  if (check && (positionals.length > 0 || show || options.export)) {
    throw new UsageError("--check opens every object and shows none.", "decrypt");
  }
  if (options.export && (show || json)) {
    throw new UsageError("--export writes an archive, and neither --show nor --json changes it.", "decrypt");
  }
  if (options.export && isTerminal) {
    throw new UsageError("An archive goes to standard output: redirect it into a file or a pipe.", "decrypt");
  }
  if (!check && !options.export && positionals.length === 0) {
    throw new UsageError("Name keys of etcd, as in /registry/secrets/default/db, or --check.", "decrypt");
  }
}

/** The objects of a call, and the parts to open them. */
interface Source {
  readonly objects: Iterable<SnapshotObject>;
  readonly path: string;
  readonly prefix: string;
  readonly opener: SnapshotOpener;
  readonly progress: Progress;
}

/** The objects that the words name; without words, all below the prefix. */
function* objectsMeant(
  { positionals }: TrousseauCall,
  snapshot: SnapshotFile,
  path: string,
  prefix: string,
): Generator<SnapshotObject> {
  for (const object of objectsIn(snapshot, path, positionals.length > 0 ? "" : prefix)) {
    if (positionals.length === 0 || positionals.some((word) => isMeant(object.key, word))) yield object;
  }
}

async function exported(call: TrousseauCall, source: Source, output: ByteOutput): Promise<ExitStatus> {
  const { positionals, terminal: { stderr, signal } } = call;
  const missing = new Set(positionals);
  let isEmpty = true;
  // Loaded on demand, with its package for archives.
  const { exportManifests } = await import("./decrypt_export.ts");
  const status = await exportManifests({
    ...source,
    output,
    signal,
    async open(stored) {
      isEmpty = false;
      for (const word of missing) if (isMeant(stored.key, word)) missing.delete(word);
      return await decryptObject(stored, source.opener);
    },
  }, stderr);
  reportMissing(call, source, missing);
  if (isEmpty && positionals.length === 0) {
    const { path, prefix } = source;
    const sentence = `${path} has no object below ${prefix}: compare --etcd-prefix with that of kube-apiserver.`;
    line(stderr, `trousseau: ${printable(sentence)}`);
    return exitCodes.unmet.status;
  }
  return missing.size === 0 ? status : exitCodes.unmet.status;
}

async function printed(call: TrousseauCall, source: Source): Promise<ExitStatus> {
  const found = await decryptAll(call, source);
  source.progress[Symbol.dispose]();
  print(call, found);
  const missing = call.positionals.filter((word) => !found.some(({ key }) => isMeant(key, word)));
  reportMissing(call, source, missing);
  const isWhole = missing.length === 0 && found.every(({ error }) => error === null);
  return isWhole ? exitCodes.ok.status : exitCodes.unmet.status;
}

function reportMissing({ terminal: { stderr } }: TrousseauCall, { path }: Source, missing: Iterable<string>): void {
  for (const word of missing) line(stderr, `trousseau: ${printable(path)} has no object ${printable(word)}.`);
}

/** A word that ends with a slash names everything below it. */
function isMeant(key: string, word: string): boolean {
  return word.endsWith("/") ? key.startsWith(word) : key === word;
}

async function decryptAll(
  { terminal: { signal } }: TrousseauCall,
  { objects, opener, progress }: Source,
): Promise<readonly DecryptedObject[]> {
  const found: DecryptedObject[] = [];
  for (const object of objects) {
    found.push(await decryptObject(object, opener));
    progress.update(`Opening objects: ${found.length}`);
    signal.throwIfAborted();
  }
  return found.sort((a, b) => a.key < b.key ? -1 : 1);
}

function print({ options, terminal }: TrousseauCall, found: readonly DecryptedObject[]): void {
  const { stdout, environment } = terminal;
  if (options.show) return show(terminal, found, options.json === true);
  if (options.json) {
    return json(stdout, found.map(({ object, ...row }) => ({ ...row, kind: object?.kind ?? null })));
  }
  if (found.length === 0) return;
  const rows = found.map(({ key, by, isAuthenticated, object, bytes, error }) => [
    key,
    object?.kind ?? "-",
    by ?? "-",
    by === null || by === "plain" ? "-" : isAuthenticated ? "yes" : "not authenticated",
    `${bytes}`,
    error === null ? "" : { text: error, tone: "bad" as const },
  ]);
  const columns = ["Key", "Kind", "Opened by", "Authenticated", "Bytes", ""];
  stdout.write(table(columns, rows, wantsColour(stdout, environment)));
}

/** Manifests as YAML documents, or one JSON array. Other kinds are protobuf in base64. */
function show(terminal: TrousseauCall["terminal"], found: readonly DecryptedObject[], asJson: boolean): void {
  const documents = found.flatMap(({ object }) => object === undefined ? [] : [documentOf(object)]);
  for (const { key, error } of found) {
    if (error !== null) line(terminal.stderr, `trousseau: ${printable(key)}: ${printable(error)}`);
  }
  if (asJson) return line(terminal.stdout, manifestJson(documents, terminal.stdout.isTerminal ? 2 : undefined));
  for (const document of documents) terminal.stdout.write(`---\n${manifestText(document)}`);
}

function documentOf({ apiVersion, kind, manifest, protobuf }: StoredObject): Readonly<Record<string, unknown>> {
  return manifest ?? { apiVersion, kind, protobuf: base64(protobuf ?? new Uint8Array(0)) };
}
