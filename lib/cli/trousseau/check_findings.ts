/**
 * The findings of `trousseau check`, before they become text or JSON.
 *
 * @module
 */
import type { KmsError } from "../../base/errors.ts";
import type { Config } from "../../config/config.ts";
import type { SealedVersionStatus } from "../../services/kms/service.ts";
import type { KeyPlan } from "./key_plan.ts";
import type { RoundTrip } from "./round_trip.ts";

/** The wrap quorum as the round trips show it. Only providers that can unwrap count. */
export interface CheckedQuorum {
  /** How many wraps a data key needs. */
  readonly needed: number;
  /** How many providers have just made one. */
  readonly reached: number;
}

/** All findings of one run. */
export interface CheckFindings {
  readonly config: Config;
  readonly trips: readonly RoundTrip[];
  /** The providers that only unwrap: opened and probed. */
  readonly retired: readonly RoundTrip[];
  readonly quorum: CheckedQuorum;
  /** What becomes of the key ID, or why this node's state cannot tell. */
  readonly plan: KeyPlan | KmsError;
  /** Why what this node has sealed could not be opened any more; `""` if it can. */
  readonly lost: string;
  /** The versions that this node has sealed with, and whether they open. */
  readonly sealed: readonly SealedVersionStatus[];
  /** Of those that are refused: what that means and what to do. */
  readonly losses: readonly string[];
  /** Why other files of the state folder cannot be used, one error each. */
  readonly unusableFiles: readonly KmsError[];
  /** Why something that `serve` writes cannot be written, one error each. */
  readonly unwritable: readonly KmsError[];
  /** `provider` is `undefined` for what concerns the process and not one of its providers. */
  readonly warnings: readonly { readonly provider: string | undefined; readonly message: string }[];
}
