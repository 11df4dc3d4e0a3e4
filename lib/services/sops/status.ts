/**
 * The key service's status.
 *
 * @module
 */
import type { KekGroupStatus } from "../../kek/status.ts";

/** The status of the key service, from memory. There is no key ID and no data key in advance. */
export interface SopsStatus extends KekGroupStatus {
  /** Whether the quorum is held and `sops.decryptOnly` is off. */
  readonly canEncrypt: boolean;
}
