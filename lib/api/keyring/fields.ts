/**
 * The content of a secret: its fields and labels, and their limits.
 *
 * @module
 */

/** The kinds of field. */
export const fieldKinds = {
  /** UTF-8, as a person types it. */
  text: true,
  /** A JSON value, kept as the text that was sent. */
  json: true,
  /** Any bytes; base64 in JSON. */
  bytes: true,
} as const satisfies Readonly<Record<string, true>>;

/** A kind of field. */
export type FieldKind = keyof typeof fieldKinds;

/** A field of one version of a secret. */
export interface SecretField {
  readonly name: string;
  readonly kind: FieldKind;
  /** UTF-8 for `text` and `json`. */
  readonly value: Uint8Array;
}

/** Limits of a secret. */
export const secretLimits = {
  /** Maximum number of fields. */
  fields: 256,
  /** Names, values and labels together, in bytes: 1 MiB. */
  totalBytes: 1_048_576,
  /** Maximum number of labels. */
  labels: 64,
  /** Maximum length of a label's name and value together, in bytes. */
  labelBytes: 256,
  /** Versions that are kept unless the secret says otherwise. */
  keptVersions: 10,
  /** Maximum number of versions that are kept. */
  maxKeptVersions: 100,
} as const;

/** 1 to 128 letters, digits, `_`, `-` and `.`; the first is a letter, a digit or `_`. */
export const fieldNamePattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

/** As {@linkcode fieldNamePattern}, with `/`, as Kubernetes' labels. */
export const labelNamePattern = /^[A-Za-z0-9_][A-Za-z0-9_./-]{0,127}$/;
