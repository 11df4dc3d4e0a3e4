/**
 * The findings of `trousseau check`, from which text and JSON are made.
 *
 * @module
 */
import type { KmsError } from "../../base/errors.ts";
import type { Config } from "../../config/config.ts";
import type { SealedVersionStatus } from "../../services/kms/service.ts";
import type { KeyPlan } from "./key_plan.ts";
import type { RoundTrip } from "./round_trip.ts";

/** The wrap quorum that the round trips show. Only providers that can unwrap count. */
export interface CheckedQuorum {
  /** Number of wraps that a data key requires. */
  readonly needed: number;
  /** Number of providers that wrapped in this run. */
  readonly reached: number;
}

/** All findings of one run. */
export interface CheckFindings {
  readonly config: Config;
  readonly trips: readonly RoundTrip[];
  /** The providers that only unwrap; they were opened and probed. */
  readonly retired: readonly RoundTrip[];
  readonly quorum: CheckedQuorum;
  /** The effect on the key ID, or the reason why this node's state does not show it. */
  readonly plan: KeyPlan | KmsError;
  /** The reason why data sealed by this node could no longer be decrypted; `""` if it can. */
  readonly lost: string;
  /** The versions with which this node has sealed data, and whether they can unwrap. */
  readonly sealed: readonly SealedVersionStatus[];
  /** The consequences of refused versions, with their remedies. */
  readonly losses: readonly string[];
  /** The reasons why other files of the state folder cannot be used, one error each. */
  readonly unusableFiles: readonly KmsError[];
  /** The reasons why files that `serve` writes cannot be written, one error each. */
  readonly unwritable: readonly KmsError[];
  /** `provider` is `undefined` if the warning concerns the process instead of a provider. */
  readonly warnings: readonly { readonly provider: string | undefined; readonly message: string }[];
}
