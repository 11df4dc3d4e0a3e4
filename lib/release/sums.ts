/**
 * Lists of SHA-256 sums, as `sha256sum` reads and writes them.
 *
 * @module
 */

import { ReleaseError } from "./release_error.ts";

/** The name of the list in a release. */
export const sumsFile = "SHA256SUMS";

/** A file and its SHA-256 in lowercase hex. */
export interface Sum {
  readonly file: string;
  readonly sha256: string;
}

/** Sums in the format that `sha256sum --check` reads. */
export function formatSums(sums: readonly Sum[]): string {
  return sums.map(({ file, sha256 }) => `${sha256}  ${file}\n`).join("");
}

/**
 * Reads what {@linkcode formatSums} or `sha256sum` wrote.
 *
 * @throws {ReleaseError} at a line of another form.
 */
export function parseSums(text: string): Sum[] {
  return text.split("\n").filter((line) => line !== "").map((line) => {
    const [, sha256, file] = /^([0-9a-f]{64}) [ *](\S+)$/.exec(line) ?? [];
    if (sha256 === undefined || file === undefined) {
      throw new ReleaseError(`Cannot read the line "${line}" as a SHA-256 sum.`);
    }
    return { file, sha256 };
  });
}
