/**
 * Changes that touch store keys alone: new wraps of all of them, and a new key for records after its time.
 *
 * @module
 */
import { KeyringError } from "../../../api/keyring/problems.ts";
import type { RowCondition } from "../engine/engine.ts";
import { newKey } from "./new_store.ts";
import type { SealedRecordStore } from "./record_store.ts";
import { keyCondition, keyRowName } from "./store_keys.ts";

/** Number of keys that one transaction writes. */
const batch = 40;

const tries = 5;

/** Milliseconds after which a new store key seals new records: 90 days. */
export const recordKeyLifetimeMs = 90 * 24 * 60 * 60 * 1_000;

/**
 * Wraps all store keys anew, by the providers as they are configured now. Records stay as they are.
 *
 * @returns the number of keys.
 * @throws {KeyringError} `kms_unavailable` if a key cannot be opened or the quorum is not reached; `conflict`.
 */
export async function rewrap(store: SealedRecordStore, signal: AbortSignal): Promise<number> {
  await store.ready(signal);
  for (let count = 1; count <= tries; count++) {
    const written = await rewrapOnce(store, signal);
    if (written !== undefined) return written;
  }
  throw new KeyringError(
    "conflict",
    "Cannot rewrap: other servers changed the store keys at the same time; try again.",
  );
}

/** @returns `undefined` if a key was changed meanwhile. */
async function rewrapOnce({ ring, engine }: SealedRecordStore, signal: AbortSignal): Promise<number | undefined> {
  await ring.load(signal);
  const rows = ring.rows();
  for (let at = 0; at < rows.length; at += batch) {
    const some = rows.slice(at, at + batch);
    const keys = [];
    for (const row of some) keys.push({ name: row, bytes: (await ring.open(row, signal)).bytes });
    const writes = await ring.sealed(keys, signal);
    if (!await engine.commit(some.map(keyCondition), writes, signal)) return undefined;
  }
  await ring.load(signal);
  return rows.length;
}

/** When the key that seals records now was made, in milliseconds since the epoch; `undefined` before the keys are read. */
export function recordKeySince({ ring }: SealedRecordStore): number | undefined {
  return ring.ofUse("record")[0]?.createdAt;
}

/** Whether the key that seals records is older than 90 days. */
export function isRecordKeyDue(store: SealedRecordStore): boolean {
  const since = recordKeySince(store);
  return since !== undefined && store.clock.wall() - since >= recordKeyLifetimeMs;
}

/**
 * Makes a new key for records if it is time; the old ones open what they have sealed.
 *
 * @returns whether a key was made.
 * @throws {KeyringError} `kms_unavailable` if the quorum is not reached: the old key serves on.
 */
export async function replaceRecordKey(store: SealedRecordStore, signal: AbortSignal): Promise<boolean> {
  await store.ready(signal);
  await store.ring.load(signal);
  const [current] = store.ring.ofUse("record");
  if (!current || !isRecordKeyDue(store)) return false;
  const key = newKey(store.ring, "record", current.epoch);
  const absent: RowCondition = { ...keyRowName(key.name), version: "absent" };
  const writes = await store.ring.sealed([key], signal);
  key.bytes.fill(0);
  const isMade = await store.engine.commit([absent, keyCondition(current)], writes, signal);
  await store.ring.load(signal);
  return isMade;
}
