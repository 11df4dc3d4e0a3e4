/**
 * The version of Trousseau.
 *
 * @module
 */

/** The release; equal to `version` in `deno.json`. */
export const version = "0.1.0";

// A release build may replace this placeholder in the staged bundle with the commit that the bundle was made from.
const stamp: string = "@TROUSSEAU_COMMIT@";

/** The commit that a release was built from; `undefined` if the placeholder was not replaced. */
export const commit: string | undefined = /^[0-9a-f]{7,64}$/.test(stamp) ? stamp : undefined;
