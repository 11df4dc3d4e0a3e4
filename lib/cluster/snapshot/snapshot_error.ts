/**
 * The error of a file that is no intact snapshot of etcd.
 *
 * @module
 */

/** One sentence with the file, the place and the next step. No part of a stored value is in it. */
export class SnapshotError extends Error {
  override readonly name = "SnapshotError";
}
