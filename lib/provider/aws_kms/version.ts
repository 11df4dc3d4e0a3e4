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

/** One version. */
export interface KmsVersion {
  /** As `lineageOf` gives it. */
  readonly lineage: string;
  /** KMS's name for the key material; a rotation makes another one. */
  readonly material?: string | undefined;
  /** When the key was made, in seconds since the epoch. */
  readonly createdAt?: number | undefined;
}

/** KMS gives 64 hex digits ("DescribeKey", `CurrentKeyMaterialId`); others may call theirs otherwise. */
export const materialPattern = /^[0-9A-Za-z-]{1,64}$/;

const versionPattern = /^([^#@]{1,180})(?:#([0-9A-Za-z-]{1,64})|@(\d{1,11}))?$/;

/** The name of a version, at most 256 bytes. */
export function versionName({ lineage, material, createdAt }: KmsVersion): string {
  if (material !== undefined) return `${lineage}#${material}`;
  return createdAt === undefined ? lineage : `${lineage}@${createdAt}`;
}

/** Reads such a name; `undefined` where it is none. */
export function parseVersion(name: string): KmsVersion | undefined {
  const [, lineage, material, seconds] = versionPattern.exec(name) ?? [];
  if (lineage === undefined) return undefined;
  return { lineage, material, createdAt: seconds === undefined ? undefined : Number(seconds) };
}
