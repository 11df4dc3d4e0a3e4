/**
 * What an operator should hear about a provider's settings, told by the vendor's own folder.
 *
 * @module
 */

/** How the key gets a new version: by this program, or by a command of the vendor that needs rights we do not have. */
export type Rotation =
  | {
    readonly by: "trousseau";
    /**
     * @param stateFolder of this node: what it knows of the key is heeded.
     * @returns the version that wraps from now on.
     * @throws {KmsError} `config` if it cannot be added.
     */
    rotate(stateFolder: string): Promise<{ readonly version: string }>;
  }
  | { readonly by: "command"; readonly command: string };

/** What the settings alone and this machine tell; nothing is asked of the KMS for it. */
export interface ProviderAdvice {
  /** What may keep a cluster from starting or its data from being safe: whole sentences. */
  readonly warnings: readonly string[];
  readonly rotation: Rotation;
  /** What the first start will still make, in one sentence; `undefined` if there is nothing. Until then it cannot wrap. */
  readonly toBeMade: () => Promise<string | undefined>;
}
