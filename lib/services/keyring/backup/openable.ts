/**
 * The refusal of a backup that nothing but the machine of the server could open.
 *
 * @module
 */
import { KeyringError } from "../../../api/keyring/problems.ts";

/**
 * @param keyFile the file with every key of the store; `undefined` if a key lies elsewhere, or a recovery key opens the store.
 * @param isKeptElsewhere whether the administrator says that there is a copy of the file in another place.
 * @throws {KeyringError} `backup_unopenable`
 */
export function requireOpenableBackup(keyFile: string | undefined, isKeptElsewhere: boolean): void {
  if (keyFile === undefined || isKeptElsewhere) return;
  throw new KeyringError(
    "backup_unopenable",
    `Cannot back up: every key lies in ${keyFile} on the machine of the server, and the disk that dies takes it along; ` +
      "make a recovery key (trousseau recovery new), or copy that file to another place and say " +
      "--key-file-kept-elsewhere.",
  );
}
