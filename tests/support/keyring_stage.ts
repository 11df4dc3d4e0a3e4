/**
 * A keyring on the disk for tests of the operator's commands: a store with its local key, a backup of it, and a configuration
 * whose store does not exist yet.
 *
 * @module
 */
import { stringify } from "yaml";
import { systemClock } from "../../lib/base/clock.ts";
import { environmentFrom } from "../../lib/config/environment.ts";
import { loadConfig } from "../../lib/config/load.ts";
import { realFiles } from "../../lib/config/files.ts";
import { keyringOwnConfig, openKeyringStore } from "../../lib/app/keyring_store.ts";
import { backupOf, writeBackupFile } from "../../lib/services/keyring/backup/backup.ts";

/** The files of a stage. */
export interface KeyringStage {
  /** A configuration with a store. */
  readonly file: string;
  /** A configuration with the same key and without a store. */
  readonly emptyFile: string;
  /** A backup of the store. */
  readonly backup: string;
}

/** Makes the files in a folder, which has `local.keys`. */
export async function makeKeyringStage(folder: string): Promise<KeyringStage> {
  const place = `${folder}/keyring`;
  await Deno.mkdir(place, { mode: 0o700 });
  const written = async (name: string) => {
    const file = `${place}/${name}.yaml`;
    const content = {
      keyring: {
        store: `${place}/${name}`,
        adminSocket: `${place}/${name}-admin/admin.sock`,
        audit: `${place}/${name}.jsonl`,
        listen: "none",
      },
      providers: [{ name: "local", kind: "local", keyFile: `${folder}/local.keys` }],
    };
    await Deno.writeTextFile(file, stringify(content));
    return file;
  };
  const [file, emptyFile, backup] = [await written("store"), await written("empty"), `${place}/keyring.backup`];
  const config = keyringOwnConfig(await loadConfig(file, environmentFrom(() => undefined), realFiles));
  const { signal } = new AbortController();
  await using opened = await openKeyringStore(config, { create: true, notify: () => {}, signal });
  await opened.store.ready(signal);
  await writeBackupFile(backup, backupOf(opened.store.engine, systemClock, signal));
  return { file, emptyFile, backup };
}
