/**
 * Restores a backup of the keyring.
 *
 * @module
 */
import { KeyringError } from "../api/keyring/problems.ts";
import { systemClock } from "../base/clock.ts";
import { ResourceStack } from "../base/resource_stack.ts";
import type { Config } from "../config/config.ts";
import { fileChunks, restoreRows } from "../services/keyring/backup/backup.ts";
import { BackupReader, type BackupSummary } from "../services/keyring/backup/backup_format.ts";
import { restoreEmbeddedStore } from "../services/keyring/engine/embedded_restore.ts";
import type { Engine } from "../services/keyring/engine/engine.ts";
import { restoreEtcdStore } from "../services/keyring/engine/etcd_engine.ts";
import { refuseEarlierIdentities } from "../services/keyring/identity/restore_number.ts";
import { forgetCheckpoint } from "../services/keyring/records/checkpoints.ts";
import { openRecordStore } from "../services/keyring/records/record_store.ts";
import type { Notify } from "../telemetry/events.ts";
import { databasePath, openEtcdClient } from "./keyring_engine.ts";
import { checkpointPath } from "./keyring_parts.ts";
import { openKeyringGroup } from "./keyring_store.ts";

/** How a backup is restored. */
export interface RestoreOptions {
  /** Whether tokens, codes and certificates of the backup stay valid: for a planned move. */
  readonly keepIdentities: boolean;
  readonly notify: Notify;
  readonly signal: AbortSignal;
}

/** A restored backup. */
export interface Restored {
  readonly summary: BackupSummary;
  readonly identitiesKept: boolean;
}

/**
 * Restores a backup into a store that is empty. All identities of before are refused afterwards, unless they are kept. The
 * store is there once all of that has succeeded, and not before.
 *
 * @param path of the backup.
 * @throws {KmsError} `config` for a provider that cannot be opened.
 * @throws {KeyringError} `exists` if the store is not empty, `request_invalid` for a damaged backup, `kms_unavailable` if no
 *   provider opens its keys.
 */
export async function restoreKeyring(config: Config, path: string, options: RestoreOptions): Promise<Restored> {
  try {
    return await restored(config, path, options);
  } catch (thrown) {
    // Nothing of the store is damaged: the file that was given is.
    if (!(thrown instanceof KeyringError) || thrown.code !== "integrity") throw thrown;
    throw new KeyringError("request_invalid", thrown.message, { cause: thrown });
  }
}

async function restored(config: Config, path: string, options: RestoreOptions): Promise<Restored> {
  const { keepIdentities, notify, signal } = options;
  await using opened = new ResourceStack();
  const group = await openKeyringGroup(config, opened, notify);
  const { head: { storeId } } = await BackupReader.open(fileChunks(path));
  const summary = await writeStore(config, storeId, notify, signal, async (engine) => {
    const written = await restoreRows(engine, fileChunks(path), signal);
    if (keepIdentities) return written;
    using store = openRecordStore({ engine, group, clock: systemClock });
    await store.transaction((tx) => refuseEarlierIdentities(tx), signal);
    return written;
  });
  // A checkpoint of before would call each row of the backup one that was put back.
  await forgetCheckpoint(checkpointPath(config.keyring));
  return { summary, identitiesKept: keepIdentities };
}

async function writeStore(
  { keyring: { store } }: Config,
  storeId: Uint8Array,
  notify: Notify,
  signal: AbortSignal,
  write: (engine: Engine) => Promise<BackupSummary>,
): Promise<BackupSummary> {
  const clock = systemClock;
  if (store.kind === "embedded") {
    return await restoreEmbeddedStore({ path: databasePath(store.folder), clock }, storeId, write, signal);
  }
  using client = await openEtcdClient(store, notify);
  return await restoreEtcdStore({ client, prefix: store.prefix, clock, notify }, storeId, write, signal);
}
