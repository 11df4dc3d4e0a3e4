/**
 * Changes of secrets as they happen, by any server of the store.
 *
 * @module
 */
import type { Clock } from "../../../base/clock.ts";
import { backoff } from "../../../base/deadline.ts";
import { hex } from "../../../base/bytes.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import type { OpenedRecord, RecordStore } from "../records/records.ts";
import { metadataCodec, type StoredSecret } from "./metadata_record.ts";
import type { SecretChange } from "./model.ts";

/** Parts of {@linkcode watchSecrets}. */
export interface SecretWatch {
  readonly store: RecordStore;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** The greatest revision that the caller has seen. */
  readonly since?: number;
}

/** Number of records that are read at once. */
const batch = 64;

/** Number of records that one scan reads to close a gap. */
const scanRows = 1_000;

/** Milliseconds. `slack`: servers' clocks may differ by it, so that a gap is closed from before the last revision. */
const timings = { slack: 60_000, firstPause: 500, maxPause: 30_000 } as const;

/** Maximum number of secrets whose last reported revision is kept. */
const maxSeen = 10_000;

/** Yields each change once; several of one secret that follow each other quickly may be one. Ends with the signal. */
export async function* watchSecrets(watch: SecretWatch): AsyncIterable<SecretChange> {
  const { clock, signal, since } = watch;
  const progress = {
    seen: new SeenRevisions(),
    newest: since ?? Math.floor(clock.wall()),
    hasGap: since !== undefined,
  };
  for (let failures = 0; !signal.aborted; failures++) {
    try {
      for await (const record of changesUntilGap(watch, progress)) {
        failures = 0;
        if (progress.seen.isNew(record)) yield changeOf(record);
        progress.newest = Math.max(progress.newest, record.revision);
      }
    } catch (thrown) {
      if (signal.aborted) return;
      if (!(thrown instanceof KeyringError) || thrown.code === "integrity") throw thrown;
    }
    progress.hasGap = true;
    await clock.sleep(backoff(failures, timings.firstPause, timings.maxPause), signal);
  }
}

/** The progress of a watch. */
interface WatchProgress {
  readonly newest: number;
  readonly hasGap: boolean;
}

/** Changed records until the engine's watch ends or fails. */
async function* changesUntilGap({ store, signal, since }: SecretWatch, { newest, hasGap }: WatchProgress) {
  const ending = new AbortController();
  const onAbort = () => ending.abort(signal.reason);
  signal.addEventListener("abort", onAbort);
  try {
    const watching = store.watch("metadata", ending.signal)[Symbol.asyncIterator]();
    // The watch has begun before the gap is closed, so that nothing falls between the two.
    let next = watching.next();
    next.catch(() => {});
    if (hasGap) yield* changedSince(store, newest === since ? since : newest - timings.slack, signal);
    for (let step = await next; !step.done; step = await (next = watching.next())) {
      const records = await recordsOf(store, step.value.map(({ key }) => key), signal);
      // `reseal` writes records again without a change: their revision stays.
      yield* records.filter(({ revision }) => revision > newest - timings.slack);
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
    ending.abort();
  }
}

/** The last revision of each secret that was reported. */
class SeenRevisions {
  readonly #seen = new Map<string, number>();

  isNew({ key, revision }: OpenedRecord<StoredSecret>): boolean {
    const id = hex(key);
    if ((this.#seen.get(id) ?? 0) >= revision) return false;
    this.#seen.delete(id);
    this.#seen.set(id, revision);
    const [oldest] = this.#seen.keys();
    if (this.#seen.size > maxSeen && oldest !== undefined) this.#seen.delete(oldest);
    return true;
  }
}

async function recordsOf(store: RecordStore, keys: readonly Uint8Array[], signal: AbortSignal) {
  const unique = [...new Map(keys.map((key) => [hex(key), key])).values()];
  const records: OpenedRecord<StoredSecret>[] = [];
  for (let at = 0; at < unique.length; at += batch) {
    const some = await store.reader(signal).getMany(metadataCodec, unique.slice(at, at + batch));
    records.push(...some.filter((record) => record !== undefined));
  }
  return records.toSorted((one, other) => one.revision - other.revision);
}

/** All secrets that were changed after a revision. */
async function* changedSince(store: RecordStore, from: number, signal: AbortSignal) {
  const found: OpenedRecord<StoredSecret>[] = [];
  let after: Uint8Array | undefined;
  for (;;) {
    const records = await store.reader(signal).scan(metadataCodec, { limit: scanRows, ...(after && { after }) });
    found.push(...records.filter(({ revision }) => revision > from));
    if (records.length < scanRows) break;
    after = records.at(-1)?.key;
  }
  yield* found.toSorted((one, other) => one.revision - other.revision);
}

function changeOf({ value, revision }: OpenedRecord<StoredSecret>): SecretChange {
  const { path, movedFrom, currentVersion: version, lastAction: action } = value;
  return { path, ...(movedFrom !== undefined && { from: movedFrom }), version, action, revision };
}
