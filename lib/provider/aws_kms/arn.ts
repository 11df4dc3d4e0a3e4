/**
 * The names of keys in AWS KMS.
 *
 * @module
 */

/** The parts of the ARN of a key or an alias ("Amazon Resource Names", AWS KMS Developer Guide, "Key identifiers"). */
export interface KmsArn {
  /** For instance `aws` or `aws-cn`. */
  readonly partition: string;
  readonly region: string;
  /** Twelve digits. */
  readonly account: string;
  readonly type: "key" | "alias";
  /** The key ID, or the alias's name without `alias/`. */
  readonly id: string;
}

const arnPattern =
  /^arn:(aws[a-z-]{0,20}):kms:([a-z]{2,8}(?:-[a-z0-9]{1,16}){1,4}):([0-9]{12}):(?:key\/([0-9A-Za-z-]{1,64})|alias\/([0-9A-Za-z/_-]{1,250}))$/;
const keyIdPattern = /^(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;
const aliasPattern = /^alias\/[0-9A-Za-z/_-]{1,250}$/;

/** Parses an ARN; `undefined` unless it is that of a key or an alias. */
export function parseKmsArn(text: string): KmsArn | undefined {
  const [, partition, region, account, key, alias] = arnPattern.exec(text) ?? [];
  if (partition === undefined || region === undefined || account === undefined) return undefined;
  return key === undefined
    ? { partition, region, account, type: "alias", id: alias ?? "" }
    : { partition, region, account, type: "key", id: key };
}

/** Whether a text has the form of a name of a key: an ARN, a key ID, or an alias. */
export function isKeyName(text: string): boolean {
  return parseKmsArn(text) !== undefined || keyIdPattern.test(text) || aliasPattern.test(text);
}

/** Whether the name of a key is an alias, which can be moved to another key. */
export function isAlias(key: string): boolean {
  return key.startsWith("alias/") || parseKmsArn(key)?.type === "alias";
}

/**
 * The prefix of a key's versions: its ARN. For a multi-Region key the Region is replaced by `*`, so that all replicas
 * have the same: they share the partition, the account, the key ID and the key material.
 */
export function lineageOf({ partition, region, account, id }: KmsArn): string {
  return `arn:${partition}:kms:${isMultiRegion(id) ? "*" : region}:${account}:key/${id}`;
}

/** Whether a key ID is that of a multi-Region key, which AWS marks with a prefix ("How multi-Region keys work"). */
export function isMultiRegion(id: string): boolean {
  return id.startsWith("mrk-");
}
