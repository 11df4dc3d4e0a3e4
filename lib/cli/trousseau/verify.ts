/**
 * `trousseau verify`
 *
 * @module
 */
import { dialKms } from "../../api/kms/client.ts";
import { deadline } from "../../base/deadline.ts";
import { KmsError } from "../../base/errors.ts";
import { EncryptionUsage, type UsageRow } from "../../cluster/encryption_usage.ts";
import { StoredKeys } from "../../cluster/objects/stored_key.ts";
import { scanEtcd } from "../../cluster/scan_etcd.ts";
import { type Scanned, scanSnapshot } from "../../cluster/scan_snapshot.ts";
import { type FreedValues, freedValues } from "../../cluster/snapshot/freed_values.ts";
import { SnapshotFile } from "../../cluster/snapshot/snapshot_file.ts";
import { builtInResources } from "../../config/encryption/resources.ts";
import { EtcdClient } from "../../net/etcd/etcd_client.ts";
import { UsageError } from "../command.ts";
import { exitCodes, type ExitStatus } from "../exit_codes.ts";
import { type Progress, startProgress } from "../progress.ts";
import { etcdOf, etcdPrefixOf } from "./etcd_options.ts";
import { socketPath } from "./socket_path.ts";
import type { TrousseauCall } from "./terminal.ts";
import { printVerification, type Verification } from "./verify_report.ts";
import { rowsOf, scopeOf } from "./verify_scope.ts";

/** Milliseconds that the plugin at `--socket` has for its status. */
const statusMs = 3_000;

/** Objects a second that are read from a running etcd, if `--rate` is not given. */
const defaultRate = 5_000;

/** Counts the objects of a snapshot or of a running etcd by their keys. */
export async function verify(call: TrousseauCall): Promise<ExitStatus> {
  const { options, terminal } = call;
  const keys = new StoredKeys(etcdPrefixOf(call), builtInResources());
  const expected = await expectedKeyId(call);
  const scope = await scopeOf(call);
  const usage = new EncryptionUsage(options.list === true);
  using progress = startProgress(terminal, "Reading the objects");
  const source = await scanSource(call, usage, keys, progress);
  const { rows, guessed } = rowsOf(scope, usage);
  const verification: Verification = { ...source, scope, guessed, rows, expected, allRows: usage.rows() };
  progress[Symbol.dispose]();
  printVerification(call, verification);
  return rows.every((row) => isExpected(row, expected)) ? exitCodes.ok.status : exitCodes.unmet.status;
}

/** Whether a row is under the expected key ID, or none is expected. */
function isExpected({ keyId, objects }: UsageRow, expected: string | undefined): boolean {
  return expected === undefined || objects === 0 || keyId === expected;
}

async function expectedKeyId({ options, terminal }: TrousseauCall): Promise<string | undefined> {
  const { socket, "expect-key-id": given } = options;
  if (given !== undefined || socket === undefined) return given;
  const path = socketPath(socket);
  await using client = dialKms(path);
  using limit = deadline(statusMs, terminal.signal);
  const { key_id: keyId } = await client.v2.Status({}, { signal: limit.signal });
  if (keyId !== "") return keyId;
  throw new KmsError(
    "provider_protocol",
    `Cannot verify: the plugin at ${path} announces no key ID; name it by --expect-key-id.`,
  );
}

/** Where the objects were read, and how far. */
type Source = Pick<Verification, "source" | "checksum" | "freed"> & Scanned;

/**
 * Counts the objects of `--snapshot`, or of a running etcd.
 *
 * @throws {SnapshotError | KmsError | UsageError} if they cannot be read, or if there is none below the prefix.
 */
export async function scanSource(
  call: TrousseauCall,
  usage: EncryptionUsage,
  keys: StoredKeys,
  progress: Progress,
): Promise<Source> {
  const scanned = await scannedSource(call, usage, keys, progress);
  if (usage.rows().length > 0) return scanned;
  throw new KmsError(
    "config",
    `${scanned.source} has no object below ${keys.prefix}: compare --etcd-prefix with that of kube-apiserver.`,
  );
}

async function scannedSource(
  call: TrousseauCall,
  usage: EncryptionUsage,
  keys: StoredKeys,
  progress: Progress,
): Promise<Source> {
  const { options, terminal: { signal } } = call;
  const { snapshot: file, etcd } = options;
  if (file !== undefined && etcd !== undefined) {
    throw new UsageError("--snapshot and --etcd exclude each other.", "verify");
  }
  if (file === undefined) return await scannedEtcd(call, usage, keys, progress);
  using snapshot = await SnapshotFile.open(file, {
    signal,
    onHashed: (bytes, of) => progress.update(`Checking the SHA-256 of ${file}: ${Math.floor(100 * bytes / of)} %`),
  });
  const done = await scanSnapshot(snapshot, file, usage, {
    keys,
    allRevisions: options["all-revisions"] === true,
    signal,
    onRead: (revisions) => progress.update(`Reading the objects: ${revisions} revisions`),
  });
  const freed: FreedValues | undefined = options.freed ? await freedValues(snapshot, signal) : undefined;
  return { source: file, checksum: snapshot.checksum, freed, ...done };
}

async function scannedEtcd(
  call: TrousseauCall,
  usage: EncryptionUsage,
  keys: StoredKeys,
  progress: Progress,
): Promise<Source> {
  const { options, terminal } = call;
  const alone = options["all-revisions"] ? "--all-revisions" : options.freed ? "--freed" : undefined;
  if (alone !== undefined) {
    throw new UsageError(`${alone} needs --snapshot: a running etcd shows its newest revisions only.`, "verify");
  }
  const { settings, shown } = await etcdOf(call);
  using client = await EtcdClient.open(settings, terminal.clock, () => {});
  const done = await scanEtcd(client, usage, {
    keys,
    rate: rateOf(options.rate),
    clock: terminal.clock,
    signal: terminal.signal,
    onRead: (objects) => progress.update(`Reading the objects in ${shown}: ${objects}`),
  });
  return { source: shown, checksum: undefined, freed: undefined, ...done };
}

function rateOf(text: string | undefined): number {
  if (text === undefined) return defaultRate;
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw new UsageError("--rate is a number of objects a second, 1 or more.", "verify");
}
