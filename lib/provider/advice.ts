/**
 * Advice for an operator about a provider's settings; each vendor's folder supplies its own.
 *
 * @module
 */

/**
 * How the key gets a new version: by this program, or by a vendor's command that needs permissions which this program
 * does not have.
 */
export type Rotation =
  | {
    readonly by: "trousseau";
    /**
     * @param stateFolder state folder of this node; the keys recorded in it are checked.
     * @returns the version that wraps from now on.
     * @throws {KmsError} `config` if the version cannot be added.
     */
    rotate(stateFolder: string): Promise<{ readonly version: string }>;
  }
  | {
    readonly by: "command";
    readonly command: string;
    /** The sentence before the command, behind the provider's name; left out for a command of a KMS. */
    readonly intro?: string;
  };

/** Advice that follows from the settings and this machine alone, without a request to the KMS. */
export interface ProviderAdvice {
  /** Whole sentences about settings that could keep a cluster from starting or put its data at risk. */
  readonly warnings: readonly string[];
  readonly rotation: Rotation;
  /** What the first start will create, as one sentence; `undefined` if nothing. Until then the provider cannot wrap. */
  readonly pendingCreation: () => Promise<string | undefined>;
}
