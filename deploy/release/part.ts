/**
 * The parts of a release.
 *
 * @module
 */

/** A binary of the release. */
export interface ReleaseBinary {
  readonly artefact: "trousseau" | "clectl";
  readonly architecture: "amd64" | "arm64";
  /** Where it lies in the folder of the release. */
  readonly path: string;
  /** Made around another runtime than Deno's own `denort`: it can be tried, and is no release. */
  readonly standIn: boolean;
}

/** The name of a release. */
export interface ReleaseIdentity {
  /** As in `deno.json`. */
  readonly version: string;
  /** 40 hexadecimal digits. */
  readonly commit: string;
  /** The time of every file, in seconds since 1970: `SOURCE_DATE_EPOCH`, or the time of the commit. */
  readonly sourceDate: number;
}

/** The input of each part. */
export interface ReleaseContext extends ReleaseIdentity {
  /** The root of the checkout. */
  readonly root: string;
  /** The folder of the release, which exists. */
  readonly dist: string;
  readonly binaries: readonly ReleaseBinary[];
}

/** One kind of file in a release, such as packages, charts or the bill of materials. */
export interface ReleasePart {
  readonly name: string;
  /**
   * Makes its files in `context.dist`: the same bytes from the same context.
   *
   * @returns the names of the files that it made, relative to `context.dist`.
   */
  make(context: ReleaseContext, signal: AbortSignal): Promise<readonly string[]>;
}
