/**
 * The settings of another KMS plugin.
 *
 * @module
 */

/** One `kms-plugin` entry of `providers`. */
export interface KmsPluginSettings {
  readonly kind: "kms-plugin";
  /** The operator's name for the key. */
  readonly name: string;
  /** Absolute path of the socket on which the plugin serves KMS v2. */
  readonly socket: string;
}
