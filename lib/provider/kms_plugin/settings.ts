/**
 * What an operator says about another KMS plugin.
 *
 * @module
 */

/** One `kms-plugin` entry of `providers`. */
export interface KmsPluginSettings {
  readonly kind: "kms-plugin";
  readonly name: string;
  /** The absolute path of the socket on which it speaks KMS v2. */
  readonly socket: string;
}
