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

/** A package of Debian in a file of the release. */
export interface ReleaseDebianPackage {
  readonly name: string;
  readonly version: string;
  /** The machine of the image that has it. */
  readonly architecture: "amd64" | "arm64";
  /** The number of Debian's release, such as `13`. */
  readonly release: string;
  /** Of its `.deb`, in lowercase hex. */
  readonly sha256: string;
  /** The tags of the images that have it. */
  readonly images: readonly string[];
}

/** The input of each part. */
export interface ReleaseContext extends ReleaseIdentity {
  /** The root of the checkout. */
  readonly root: string;
  /** The folder of the release, with the binaries and the bill of materials. */
  readonly dist: string;
  readonly binaries: readonly ReleaseBinary[];
}

/** One kind of file in a release, such as packages, charts or the bill of materials. */
export interface ReleasePart {
  readonly name: string;
  /** The packages of Debian in its files, for the bill of materials; none if left out. */
  debianPackages?(context: ReleaseContext): Promise<readonly ReleaseDebianPackage[]>;
  /**
   * Makes its files in `context.dist`: the same bytes from the same context.
   *
   * @returns the names of the files that it made, relative to `context.dist`.
   */
  make(context: ReleaseContext, signal: AbortSignal): Promise<readonly string[]>;
}
