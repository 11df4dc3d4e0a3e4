/**
 * The key IDs that an API server has learned from its KMS plugins, in its metrics.
 *
 * @module
 */
import { sha256Hex, utf8 } from "../../base/bytes.ts";

/** The state of one API server. */
export interface ServerKeyIds {
  /** Hash of the API server's identity; `undefined` before Kubernetes 1.29. */
  readonly identityHash: string | undefined;
  /** Start of its process in seconds since 1970, as the text of the metric. */
  readonly startedAt: string | undefined;
  /** By provider, the hash of the key ID in the newest Status. */
  readonly newest: ReadonlyMap<string, string>;
  /** Hashes of the key IDs of all Statuses since its start, whatever their provider. */
  readonly all: ReadonlySet<string>;
}

const metric = "apiserver_envelope_encryption_key_id_hash_status_last_timestamp_seconds";

/**
 * Reads the lines of `/metrics`. Lines of other metrics and lines of another form do not count.
 *
 * The names come from k8s.io/apiserver 0.36.3, `pkg/storage/value/encrypt/envelope/metrics`.
 */
export async function readKeyIdMetrics(lines: AsyncIterable<string>): Promise<ServerKeyIds> {
  const newest = new Map<string, { readonly hash: string; readonly at: number }>();
  const all = new Set<string>();
  let identityHash: string | undefined;
  let startedAt: string | undefined;
  for await (const line of lines) {
    startedAt ??= /^process_start_time_seconds ([0-9.e+]{1,30})$/.exec(line)?.[1];
    if (!line.startsWith(`${metric}{`)) continue;
    const end = line.lastIndexOf("}");
    const [labels, at] = [
      labelsIn(line.slice(metric.length + 1, end)),
      Number(line.slice(end + 1).trim().split(" ")[0]),
    ];
    const [provider, hash] = [labels.get("provider_name"), labels.get("key_id_hash")];
    if (provider === undefined || hash === undefined || !Number.isFinite(at)) continue;
    identityHash = labels.get("apiserver_id_hash") || identityHash;
    all.add(hash);
    if (at > (newest.get(provider)?.at ?? -Infinity)) newest.set(provider, { hash, at });
  }
  const hashes = new Map([...newest].map(([provider, { hash }]) => [provider, hash]));
  return { identityHash, startedAt, newest: hashes, all };
}

/** Whether the newest Status of one of the providers has this key ID. */
export function hasKeyId({ newest }: ServerKeyIds, keyId: string): boolean {
  return [...newest.values()].includes(metricHash(keyId));
}

/**
 * Whether no Status since the server's start had another key ID. Such a server writes under no other one: it takes a key
 * from Encrypt only if its key ID is that of the Status (`rotateDEKOnKeyIDChange` of k8s.io/apiserver 0.36.3).
 */
export function hasKeyIdAlone({ all }: ServerKeyIds, keyId: string): boolean {
  return all.size === 1 && all.has(metricHash(keyId));
}

/** The hash of a key ID, or of an API server's identity, as a label of the metrics. */
export function metricHash(text: string): string {
  return `sha256:${sha256Hex(utf8(text))}`;
}

/** Labels of the form `name="value"`. A provider's name can have escaped characters (Prometheus text format 0.0.4). */
function labelsIn(text: string): ReadonlyMap<string, string> {
  const pairs = [...text.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g)];
  return new Map(pairs.map(([, name = "", value = ""]) => [name, value]));
}
