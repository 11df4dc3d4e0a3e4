/**
 * Reads the values of a running etcd into a table of usage, at one revision.
 *
 * @module
 */
import { utf8 } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import { KmsError } from "../base/errors.ts";
import type { EtcdClient } from "../net/etcd/etcd_client.ts";
import { EtcdError, type EtcdReason } from "../net/etcd/etcd_error.ts";
import { readEtcd } from "../net/etcd/etcd_kv.ts";
import type { EncryptionUsage } from "./encryption_usage.ts";
import { keyText, type StoredKeys } from "./objects/stored_key.ts";
import { LabelReader } from "./objects/stored_value.ts";
import type { Scanned } from "./scan_snapshot.ts";

/** Options of {@linkcode scanEtcd}. */
export interface EtcdScanOptions {
  readonly keys: StoredKeys;
  /** Maximum number of objects a second. */
  readonly rate: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called after each page. @param objects how many were read. */
  readonly onRead?: (objects: number) => void;
}

const compacted: EtcdReason = "mvcc: required revision has been compacted";

/** Objects of one request. */
const pageLength = 64;

/** Bytes of one answer: objects of 1.5 MiB in base64. */
const maxPageBytes = 160 << 20;

/**
 * Counts every value below the prefix, in pages, at the revision of the first page.
 *
 * @throws {KmsError} `unreachable`, `permission_denied`, `unauthenticated`, and so on, as etcd answers. A compaction of
 *   the revision in the middle of the scan is an error too, and so is a page of another cluster (`config`).
 */
export async function scanEtcd(
  client: EtcdClient,
  usage: EncryptionUsage,
  { keys, rate, clock, signal, onRead }: EtcdScanOptions,
): Promise<Scanned> {
  const call = { signal, action: "read the objects in etcd", repeatable: true, maxBytes: maxPageBytes };
  const end = endOf(utf8(keys.prefix));
  const [began, labels] = [clock.now(), new LabelReader()];
  let [key, revision, read, otherKeys] = [utf8(keys.prefix), 0, 0, 0];
  let cluster: string | undefined;
  for (;;) {
    const at = revision === 0 ? {} : { revision };
    const page = await readEtcd(client, { key, end, limit: pageLength, ...at }, call).catch((thrown) => {
      throw thrown instanceof EtcdError && thrown.reason === compacted ? compactedMeanwhile(revision, thrown) : thrown;
    });
    if (revision === 0) revision = page.revision;
    cluster ??= page.cluster;
    if (page.cluster !== cluster) throw twoClusters();
    for (const row of page.rows) {
      const stored = keys.read(keyText(row.key));
      if (stored === undefined) otherKeys++;
      else usage.add(stored, labels.read(row.value), row.modRevision, "newest");
    }
    read += page.rows.length;
    onRead?.(read);
    const last = page.rows.at(-1);
    if (!page.more || last === undefined) return { revision, otherKeys };
    key = after(last.key);
    await clock.sleep(Math.max(0, began + (read / rate) * 1_000 - clock.now()), signal);
    signal.throwIfAborted();
  }
}

function compactedMeanwhile(revision: number, cause: EtcdError): KmsError {
  const sentence =
    `Cannot read the objects in etcd: revision ${revision} was compacted in the middle; try again with ` +
    "a higher --rate, or verify a snapshot.";
  return new KmsError("unreachable", sentence, { cause });
}

/** Revisions of two clusters have nothing in common, so that pages of both make no count. */
function twoClusters(): KmsError {
  return new KmsError(
    "config",
    "Cannot read the objects in etcd: the addresses of --etcd belong to two clusters; name the members of one.",
  );
}

/** The first key after all keys with a prefix that ends with a slash. */
function endOf(prefix: Uint8Array): Uint8Array {
  const end = prefix.slice();
  end[end.length - 1] = (end.at(-1) ?? 0) + 1;
  return end;
}

/** The first key after a key. */
function after(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}
