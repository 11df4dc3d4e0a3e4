/**
 * A file that `init` makes.
 *
 * @module
 */

/** A place on the node. */
export interface InitTarget {
  readonly path: string;
  /** `service`: the user that Trousseau runs as. */
  readonly owner: "root" | "service";
  readonly mode: "0600" | "0644" | "0755";
  /** A file of a package. If it is there, this one is not installed. */
  readonly unless?: string;
}

/** A file. */
export interface InitFile {
  /** Relative to the folder of the files. */
  readonly path: string;
  readonly text: string;
  /** `undefined`: nobody installs it as it is. */
  readonly target?: InitTarget;
}
