/**
 * Which Trousseau this is.
 *
 * @module
 */

/** The release, equal to `version` in `deno.json`. */
export const version = "0.1.0";

// Whoever compiles a release may replace these words in the staged bundle by the commit that it was made from.
const stamp: string = "@TROUSSEAU_COMMIT@";

/** The commit that a release was made from; `undefined` where nobody stamped it. */
export const commit: string | undefined = /^[0-9a-f]{7,64}$/.test(stamp) ? stamp : undefined;
