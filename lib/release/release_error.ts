/**
 * The error of the formats of a release.
 *
 * @module
 */

/** A file of a release, or a key, that cannot be read or does not hold. The message is one sentence. */
export class ReleaseError extends Error {
  override readonly name = "ReleaseError";
}
