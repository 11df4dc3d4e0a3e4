/**
 * Opens one object of a snapshot for `trousseau decrypt`.
 *
 * @module
 */
import { findValue, openWithSeeds, type SnapshotOpener, whyClosed } from "../../app/snapshot_opener.ts";
import { readStoredObject, type StoredObject } from "../../cluster/objects/stored_object.ts";
import type { SnapshotObject } from "../../cluster/snapshot_objects.ts";

/** An object that was opened, or the reason why not. */
export interface DecryptedObject {
  readonly key: string;
  /** `plain`, or the provider that opened its data key; `null` if none did. */
  readonly by: string | null;
  readonly isAuthenticated: boolean;
  readonly object: StoredObject | undefined;
  readonly bytes: number;
  /** One sentence; `null` if it was opened. */
  readonly error: string | null;
}

/** Opens an object. It throws only what ends the command. */
export async function decryptObject(stored: SnapshotObject, opener: SnapshotOpener): Promise<DecryptedObject> {
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

function opened(key: string, by: string, plaintext: Uint8Array, isAuthenticated: boolean): DecryptedObject {
  const object = readStoredObject(plaintext);
  const error = object === undefined ? "It opens, and is no object of Kubernetes." : null;
  return { key, by, isAuthenticated, object, bytes: plaintext.length, error };
}

function failed(key: string, error: string): DecryptedObject {
  return { key, by: null, isAuthenticated: false, object: undefined, bytes: 0, error };
}
