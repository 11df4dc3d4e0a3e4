/**
 * The error of a file that is no intact snapshot of etcd.
 *
 * @module
 */

/** `snapshot_outdated`: there is no snapshot of the last days. */
export type SnapshotErrorCode = "snapshot_damaged" | "snapshot_outdated";

/** One sentence with the file, the place and the next step. No part of a stored value is in it. */
export class SnapshotError extends Error {
  override readonly name = "SnapshotError";
  readonly code: SnapshotErrorCode;

  constructor(message: string, code: SnapshotErrorCode = "snapshot_damaged") {
    super(message);
    this.code = code;
  }
}
