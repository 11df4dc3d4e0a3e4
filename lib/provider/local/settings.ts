/** The settings of a local key file. */
export interface LocalSettings {
  readonly kind: "local";
  /** The operator's name for the key. */
  readonly name: string;
  /** Absolute path of the key file. */
  readonly keyFile: string;
  /** Whether a missing file is created at the start, with mode 0600. */
  readonly create: boolean;
}
