/**
 * `trousseau decrypt`
 *
 * @module
 */
import { OfflineDecryptor } from "../../app/offline_decryptor.ts";
import { findValue, openWithSeeds, SnapshotOpener, whyClosed } from "../../app/snapshot_opener.ts";
import { base64 } from "../../base/bytes.ts";
import { manifestText, readStoredObject, type StoredObject } from "../../cluster/objects/stored_object.ts";
import { SnapshotFile } from "../../cluster/snapshot/snapshot_file.ts";
import { objectsIn, type SnapshotObject } from "../../cluster/snapshot_objects.ts";
import { UsageError } from "../command.ts";
import { exitCodes, type ExitStatus } from "../exit_codes.ts";
import { type Progress, startProgress } from "../progress.ts";
import { table, wantsColour } from "../table.ts";
import { json, line, printable } from "../terminal.ts";
import { commandLog } from "./command_log.ts";
import { configured } from "./configured.ts";
import { drill } from "./decrypt_drill.ts";
import type { TrousseauCall } from "./terminal.ts";

/** An object that was opened, or the reason why not. */
interface Decrypted {
  readonly key: string;
  /** `plain`, or the provider that opened its data key; `null` if none did. */
  readonly by: string | null;
  readonly isAuthenticated: boolean;
  readonly object: StoredObject | undefined;
  readonly bytes: number;
  /** One sentence; `null` if it was opened. */
  readonly error: string | null;
}

/** Opens objects of a snapshot, or all of them as a drill. */
export async function decryptSnapshot(call: TrousseauCall): Promise<ExitStatus> {
  const { options, positionals, terminal } = call;
  const { snapshot: path, check } = options;
  if (path === undefined) throw new UsageError("Name a file by --snapshot.", "decrypt");
  if (check && (positionals.length > 0 || options.show)) {
    throw new UsageError("--check opens every object and shows none.", "decrypt");
  }
  if (!check && positionals.length === 0) {
    throw new UsageError("Name keys of etcd, as in /registry/secrets/default/db, or --check.", "decrypt");
  }
  const config = await configured(call);
  using progress = startProgress(terminal, `Reading ${path}`);
  using snapshot = await SnapshotFile.open(path, {
    signal: terminal.signal,
    onHashed: (bytes, of) => progress.update(`Checking the SHA-256 of ${path}: ${Math.floor(100 * bytes / of)} %`),
  });
  await using decryptor = await OfflineDecryptor.open(config, commandLog(call).notify);
  const opener = new SnapshotOpener(decryptor, check ? "each" : "any", terminal.signal);
  if (check) return await drill(call, { snapshot, path, opener, names: decryptor.names, progress });
  const found = await decryptAll(call, snapshot, path, opener, progress);
  progress[Symbol.dispose]();
  print(call, found);
  const missing = positionals.filter((word) => !found.some(({ key }) => isMeant(key, word)));
  for (const word of missing) line(terminal.stderr, `trousseau: ${printable(path)} has no object ${printable(word)}.`);
  const isWhole = missing.length === 0 && found.every(({ error }) => error === null);
  return isWhole ? exitCodes.ok.status : exitCodes.unmet.status;
}

/** A word that ends with a slash names everything below it. */
function isMeant(key: string, word: string): boolean {
  return word.endsWith("/") ? key.startsWith(word) : key === word;
}

async function decryptAll(
  { positionals, terminal: { signal } }: TrousseauCall,
  snapshot: SnapshotFile,
  path: string,
  opener: SnapshotOpener,
  progress: Progress,
): Promise<readonly Decrypted[]> {
  const found: Decrypted[] = [];
  for (const object of objectsIn(snapshot, path, "")) {
    if (!positionals.some((word) => isMeant(object.key, word))) continue;
    found.push(await decryptOne(object, opener));
    progress.update(`Opening objects: ${found.length}`);
    signal.throwIfAborted();
  }
  return found.sort((a, b) => a.key < b.key ? -1 : 1);
}

async function decryptOne(stored: SnapshotObject, opener: SnapshotOpener): Promise<Decrypted> {
  const { key } = stored;
  const value = findValue(stored.value);
  if (value.by === "plain") return opened(key, "plain", value.plaintext, false);
  if (value.by === "configuration") {
    return failed(key, `It is under a key of the EncryptionConfiguration (${value.transformer}), which no KMS opens.`);
  }
  if (value.by === "unknown") return failed(key, "No version of kube-apiserver that is known wrote it.");
  const seeds = await opener.seedsOf(value.object);
  const done = openWithSeeds(stored, value.object, seeds);
  if (done === undefined) return failed(key, whyClosed(seeds));
  return opened(key, done.provider, done.plaintext, done.isAuthenticated);
}

function opened(key: string, by: string, plaintext: Uint8Array, isAuthenticated: boolean): Decrypted {
  const object = readStoredObject(plaintext);
  const error = object === undefined ? "It opens, and is no object of Kubernetes." : null;
  return { key, by, isAuthenticated, object, bytes: plaintext.length, error };
}

function failed(key: string, error: string): Decrypted {
  return { key, by: null, isAuthenticated: false, object: undefined, bytes: 0, error };
}

function print({ options, terminal }: TrousseauCall, found: readonly Decrypted[]): void {
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
function show(terminal: TrousseauCall["terminal"], found: readonly Decrypted[], asJson: boolean): void {
  const documents = found.flatMap(({ object }) => object === undefined ? [] : [documentOf(object)]);
  for (const { key, error } of found) {
    if (error !== null) line(terminal.stderr, `trousseau: ${printable(key)}: ${printable(error)}`);
  }
  if (asJson) return json(terminal.stdout, documents);
  for (const document of documents) terminal.stdout.write(`---\n${manifestText(document)}`);
}

function documentOf({ apiVersion, kind, manifest, protobuf }: StoredObject): Readonly<Record<string, unknown>> {
  return manifest ?? { apiVersion, kind, protobuf: base64(protobuf ?? new Uint8Array(0)) };
}
