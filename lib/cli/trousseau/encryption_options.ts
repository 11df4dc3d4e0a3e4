/**
 * The options of a new `EncryptionConfiguration`.
 *
 * @module
 */

/** All inputs of the file. */
export interface EncryptionConfigurationOptions {
  /** Absolute path of the socket. */
  readonly socketPath: string;
  /** For instance `secrets` and `deployments.apps`. */
  readonly resources: readonly string[];
  /**
   * Name of the provider. kube-apiserver writes it to etcd before every value: it must not change while there are any
   * values.
   */
  readonly name: string;
  readonly kmsVersion: "v2" | "v1beta1";
  /** `last`: plain text can still be read; `first`: it is also still written; `none`: neither. */
  readonly identity: "last" | "first" | "none";
  /** Whether the comments contain the order of steps. */
  readonly steps: boolean;
  /** The configuration and the plugin of the file, as its first comment; no such comment if absent. */
  readonly subject?: string;
  /** Sentences about the resources, for the comments. */
  readonly notes?: readonly string[];
}
