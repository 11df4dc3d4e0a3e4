/**
 * The refusal of a backup that nothing but the machine of the server could open.
 *
 * @module
 */
import { KeyringError } from "../../../api/keyring/problems.ts";

/** The reason why a backup cannot be opened once the machine of the server is lost. */
export type DiskBoundKeys =
  /** No provider elsewhere is configured: the file of the local key. */
  | { readonly keyFile: string }
  /** One is, and it has not wrapped every store key: the names of the providers that alone have wrapped the others. */
  | { readonly wrappedBy: readonly string[] };

/**
 * Refuses a backup that cannot be opened once the machine of the server is lost.
 *
 * @throws {KeyringError} `backup_unopenable`
 */
export function requireOpenableBackup(bound: DiskBoundKeys | undefined): void {
  if (bound !== undefined) throw new KeyringError("backup_unopenable", refusalOf(bound));
}

/** The same as a warning at the start and in the health. */
export function diskBoundWarning(bound: DiskBoundKeys): string {
  if ("keyFile" in bound) {
    return `Every key lies on this machine (${bound.keyFile}): a backup opens nothing without it; run trousseau recovery ` +
      "new, add the key to the providers, and run trousseau keyring rewrap.";
  }
  return `Some store keys are wrapped by ${
    quoted(bound.wrappedBy)
  } alone, and by no provider outside this machine: a ` +
    "backup opens nothing without it; run trousseau keyring rewrap while every provider answers.";
}

function refusalOf(bound: DiskBoundKeys): string {
  if ("keyFile" in bound) {
    return `Cannot back up: every key lies in ${bound.keyFile} on the machine of the server, and the disk that dies takes ` +
      "it along; make a recovery key (trousseau recovery new), add it to the providers, restart the server and run " +
      "trousseau keyring rewrap; or copy that file to another place and say --key-file-kept-elsewhere.";
  }
  return `Cannot back up: some store keys are wrapped by ${
    quoted(bound.wrappedBy)
  } alone, and by no provider outside ` +
    "the machine of the server, and the disk that dies takes its key along; run trousseau keyring rewrap while every " +
    "provider answers; or copy the key file to another place and say --key-file-kept-elsewhere.";
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(", ");
}
