/** The settings of a local key file. */
export interface LocalSettings {
  readonly kind: "local";
  readonly name: string;
  readonly keyFile: string;
  /** Whether a missing file is created at the start, with mode 0600. */
  readonly create: boolean;
}
