/**
 * The version of Trousseau, and the commit of its source.
 *
 * @module
 */

/** The release; equal to `version` in `deno.json`. */
export const version = "0.1.0";

// `git archive` writes the commit and its time here (export-subst in .gitattributes), and so does staging from a clone:
// both give the same bytes.
const mark: string = "source:$Format:%H %ct$";

/** The commit that a program was made from. */
export interface SourceMark {
  /** 40 hexadecimal digits, or 64 in a repository of SHA-256. */
  readonly commit: string;
  /** The time of the commit, in seconds since 1970. */
  readonly time: number;
  /** True if the source differed from the commit. */
  readonly modified: boolean;
}

/** A mark as it stands in a program: `source:`, the commit, its time, and `modified` where that holds. */
export const sourceMarkPattern = /source:([0-9a-f]{40}|[0-9a-f]{64}) (\d{1,11})( modified)?/;

/** Reads a mark. @returns `undefined` if neither git nor a clone has filled it in. */
export function parseSourceMark(text: string): SourceMark | undefined {
  const [whole, commit, time, modified] = sourceMarkPattern.exec(text) ?? [];
  if (whole === undefined || commit === undefined) return undefined;
  return { commit, time: Number(time), modified: modified !== undefined };
}

/** The commit of this program; `undefined` where it runs from source, or from source of an unknown commit. */
export const source: SourceMark | undefined = parseSourceMark(mark);
