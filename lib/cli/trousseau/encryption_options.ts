/**
 * The options of an `EncryptionConfiguration` that is made anew.
 *
 * @module
 */

/** Everything that the file depends on. */
export interface EncryptionConfigurationOptions {
  /** The socket's absolute path. */
  readonly socketPath: string;
  /** For instance `secrets` and `deployments.apps`. */
  readonly resources: readonly string[];
  /** Written into etcd before every value: it must never change while there are any. */
  readonly name: string;
  readonly kmsVersion: "v2" | "v1beta1";
  /** `last` still reads plain text, `first` still writes it, `none` does neither. */
  readonly identity: "last" | "first" | "none";
  /** Whether the comments hold the order of steps. */
  readonly steps: boolean;
  /** The configuration and the plugin that the file is for, as the first comment; none if left out. */
  readonly subject?: string;
  /** Sentences about the resources, for the comments. */
  readonly notes?: readonly string[];
}
