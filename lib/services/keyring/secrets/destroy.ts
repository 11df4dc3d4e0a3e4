/**
 * Destroys the values of versions, in two steps: the rows are deleted and the versions marked `destroying`; when the engine
 * has no copy left in its files, they are `destroyed`. A scheduled record makes sure of the second step.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { concat, hex } from "../../../base/bytes.ts";
import type { Clock } from "../../../base/clock.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { isCount, jsonBytes, jsonMembers } from "../records/json_record.ts";
import type { RecordCodec, RecordStore, RecordTransaction } from "../records/records.ts";
import { treeIdBytes } from "./index_record.ts";
import { metadataCodec, type StoredVersion } from "./metadata_record.ts";

/** Versions of a secret whose values are deleted. */
export interface DestroyedVersions {
  /** 16 bytes. */
  readonly id: Uint8Array;
  readonly versions: readonly number[];
}

const destroyCodec: RecordCodec<DestroyedVersions> = {
  table: "schedule",
  encode: ({ id, versions }) => jsonBytes({ work: "destroy", id: hex(id), versions }),
  decode: (bytes) => {
    const { work, id, versions } = jsonMembers(bytes) ?? {};
    if (work !== "destroy" || typeof id !== "string" || !Array.isArray(versions) || !versions.every(isCount)) {
      return undefined;
    }
    const key = new Uint8Array(Buffer.from(id, "hex"));
    return key.length === treeIdBytes ? { id: key, versions } : undefined;
  },
};

/** Number of scheduled records that are finished after one purge. */
const batch = 1_000;

/** See the module. */
export class Destroyer {
  readonly #store: RecordStore;
  readonly #clock: Clock;

  constructor(store: RecordStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Schedules the second step in the transaction of the first. @returns the key of the scheduled record. */
  schedule(tx: RecordTransaction, destroyed: DestroyedVersions, now: number): Uint8Array {
    const key = concat(scheduleTime(now), new Uint8Array(randomBytes(8)));
    tx.put(destroyCodec, key, destroyed);
    return key;
  }

  /** The second step for some records. A failure leaves them scheduled: the values can no longer be read in any case. */
  async finishSoon(keys: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    try {
      await this.#finish(keys, signal);
    } catch (thrown) {
      if (!(thrown instanceof KeyringError)) throw thrown;
    }
  }

  /** The second step for all scheduled records. */
  async finishAll(signal: AbortSignal): Promise<void> {
    for (;;) {
      const due = await this.#store.reader(signal).scan(destroyCodec, { limit: batch });
      if (due.length > 0) await this.#finish(due.map(({ key }) => key), signal);
      if (due.length < batch) return;
    }
  }

  async #finish(keys: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    await this.#store.purge(signal);
    for (const key of keys) {
      await this.#store.transaction(async (tx) => {
        const due = await tx.get(destroyCodec, key);
        if (!due) return;
        const secret = await tx.get(metadataCodec, due.value.id);
        const now = Math.max(0, Math.floor(this.#clock.wall()));
        if (secret) {
          const numbers = new Set(due.value.versions);
          const versions = secret.value.versions.map((one) => numbers.has(one.version) ? asDestroyed(one) : one);
          tx.put(metadataCodec, due.value.id, { ...secret.value, versions, updatedAt: now, lastAction: "destroy" });
        }
        tx.delete(destroyCodec, key);
      }, signal);
    }
  }
}

/** A version whose value is deleted: nothing of it stays. */
export function withoutValue(version: StoredVersion): StoredVersion {
  if (version.state === "destroyed") return version;
  const { fingerprint: _print, ...rest } = version;
  return { ...rest, state: "destroying", fields: [], hash: "" };
}

function asDestroyed(version: StoredVersion): StoredVersion {
  return version.state === "destroying" ? { ...version, state: "destroyed" } : version;
}

/** Milliseconds since the epoch in 8 bytes: the first half of a scheduled record's key. */
export function scheduleTime(at: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(at));
  return bytes;
}
