/**
 * How the versions of a key in AWS KMS are named.
 *
 * | form                     | where                                                                                  |
 * | ------------------------ | -------------------------------------------------------------------------------------- |
 * | lineage `#` key material | KMS names its key material: AWS, for every symmetric key that it can rotate            |
 * | lineage `@` seconds      | it does not, as for keys in a custom key store, which are never rotated, and emulators |
 * | lineage                  | it does not, and the key has replicas, each with a time of creation of its own         |
 *
 * @module
 */

/** A parsed version. */
export interface KmsVersion {
  /** The result of `lineageOf`. */
  readonly lineage: string;
  /** ID of the key material; a rotation changes it. */
  readonly material?: string | undefined;
  /** Creation time of the key in seconds since the epoch. */
  readonly createdAt?: number | undefined;
}

/** AWS uses 64 hex digits ("DescribeKey", `CurrentKeyMaterialId`); other implementations may use other IDs. */
export const materialPattern = /^[0-9A-Za-z-]{1,64}$/;

const versionPattern = /^([^#@]{1,180})(?:#([0-9A-Za-z-]{1,64})|@(\d{1,11}))?$/;

/** The name of a version, at most 256 bytes. */
export function versionName({ lineage, material, createdAt }: KmsVersion): string {
  if (material !== undefined) return `${lineage}#${material}`;
  return createdAt === undefined ? lineage : `${lineage}@${createdAt}`;
}

/** Parses the name of a version; `undefined` if it has none of the forms. */
export function parseVersion(name: string): KmsVersion | undefined {
  const [, lineage, material, seconds] = versionPattern.exec(name) ?? [];
  if (lineage === undefined) return undefined;
  return { lineage, material, createdAt: seconds === undefined ? undefined : Number(seconds) };
}
