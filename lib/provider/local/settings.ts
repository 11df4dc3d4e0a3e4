/** What an operator says about a local key file. */
export interface LocalSettings {
  readonly kind: "local";
  readonly name: string;
  readonly keyFile: string;
  /** Whether a missing file is made at the start, with mode 0600. */
  readonly create: boolean;
}
