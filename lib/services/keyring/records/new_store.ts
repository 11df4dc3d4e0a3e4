/**
 * The first keys of an empty store.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import type { Clock } from "../../../base/clock.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { type Engine, type RowCondition, type TableName, tables } from "../engine/engine.ts";
import { keyRowName, type NewKey, type StoreKeys } from "./store_keys.ts";
import { sealRecord } from "./seal.ts";
import { formatCodec, metaKey } from "./store_format.ts";
import { type KeyUse, keyUses } from "./store_key.ts";

/** Parts of {@linkcode createKeys}. */
export interface NewStoreParts {
  readonly engine: Engine;
  readonly ring: StoreKeys;
  readonly clock: Clock;
  /** The number that is written. */
  readonly format: number;
}

/**
 * Makes a key for each use, and the format's record, in one transaction. If another server is first, its keys are read.
 *
 * @throws {KeyringError} `integrity` if the store has rows and no keys: they would never open again; `kms_unavailable`.
 */
export async function createKeys(parts: NewStoreParts, signal: AbortSignal): Promise<void> {
  const { engine, ring, clock, format } = parts;
  await refuseRows(engine, signal);
  const keys = (Object.keys(keyUses) as KeyUse[]).map((use) => newKey(ring, use, 1));
  const rows = await ring.sealed(keys, signal);
  const name = { table: "meta", key: metaKey("format") } as const;
  const createdAt = Math.max(0, Math.floor(clock.wall()));
  const sealing = keys.find(({ name: { use } }) => use === "record");
  if (!sealing) throw new KeyringError("internal", "A new store has no key for records.");
  const binding = { storeId: engine.storeId, ...name, context: new Uint8Array(0) };
  const sealKey = { id: sealing.name.id, bytes: sealing.bytes };
  const bytes = sealRecord(formatCodec.encode({ format, createdAt }), sealKey, binding, createdAt);
  const absent: RowCondition[] = [name, ...keys.map((key) => keyRowName(key.name))].map((row) => {
    return { ...row, version: "absent" };
  });
  await engine.commit(absent, [...rows, { ...name, bytes }], signal);
  keys.forEach((key) => key.bytes.fill(0));
  await ring.load(signal);
}

/** A new key of 32 random bytes. */
export function newKey(ring: StoreKeys, use: KeyUse, epoch: number): NewKey {
  return { name: ring.newName(use, epoch), bytes: new Uint8Array(randomBytes(32)) };
}

async function refuseRows(engine: Engine, signal: AbortSignal): Promise<void> {
  for (const table of Object.keys(tables) as TableName[]) {
    const found = await engine.scan({ table, prefix: new Uint8Array(0), limit: 1 }, signal);
    if (found.length === 0) continue;
    const message = "The store has records and no store keys: it was changed or damaged; restore a backup.";
    throw new KeyringError("integrity", message);
  }
}
