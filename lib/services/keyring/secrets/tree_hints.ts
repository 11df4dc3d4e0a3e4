/**
 * The rows at which paths were found last, so that a path can be read in one call of the engine. Nothing is believed: the
 * rows are opened and compared.
 *
 * @module
 */
import type { FolderPath, SecretPath } from "../../../api/keyring/paths.ts";

/** Where an entry was. */
export interface TreeHint {
  /** Key of its row in the table `index`. */
  readonly key: Uint8Array;
  /** ID of the folder or secret. */
  readonly id: Uint8Array;
  /** The newest version of a secret. */
  readonly version?: number;
}

/** Maximum number of paths, each about 500 bytes. */
const maxHints = 20_000;

/** The least recently used go first. */
export class TreeHints {
  readonly #hints = new Map<SecretPath | FolderPath, TreeHint>();

  get(path: SecretPath | FolderPath): TreeHint | undefined {
    const hint = this.#hints.get(path);
    // A folder is noted once and used with each secret in it.
    if (hint !== undefined && this.#hints.delete(path)) this.#hints.set(path, hint);
    return hint;
  }

  note(path: SecretPath | FolderPath, hint: TreeHint): void {
    this.#hints.delete(path);
    this.#hints.set(path, hint);
    const [oldest] = this.#hints.keys();
    if (this.#hints.size > maxHints && oldest !== undefined) this.#hints.delete(oldest);
  }

  forget(path: SecretPath | FolderPath): void {
    this.#hints.delete(path);
  }
}
