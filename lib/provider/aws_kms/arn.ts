/**
 * What names a key of AWS KMS.
 *
 * @module
 */

/** A key's or an alias's ARN, taken apart ("Amazon Resource Names", AWS KMS Developer Guide, "Key identifiers"). */
export interface KmsArn {
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

/** Takes an ARN apart; `undefined` where it is none of a key or an alias. */
export function parseKmsArn(text: string): KmsArn | undefined {
  const [, partition, region, account, key, alias] = arnPattern.exec(text) ?? [];
  if (partition === undefined || region === undefined || account === undefined) return undefined;
  return key === undefined
    ? { partition, region, account, type: "alias", id: alias ?? "" }
    : { partition, region, account, type: "key", id: key };
}

/** Whether a text may stand for a key: an ARN, a key ID, or an alias. */
export function isKeyName(text: string): boolean {
  return parseKmsArn(text) !== undefined || keyIdPattern.test(text) || aliasPattern.test(text);
}

/** Whether a key is known by an alias, which may be moved to another key. */
export function isAlias(key: string): boolean {
  return key.startsWith("alias/") || parseKmsArn(key)?.type === "alias";
}

/**
 * What the versions of a key begin with: its ARN, and for a multi-Region key the same for all of its replicas, with `*`
 * for the Region. Replicas have the partition, the account, the key ID and the key material in common.
 */
export function lineageOf({ partition, region, account, id }: KmsArn): string {
  return `arn:${partition}:kms:${isMultiRegion(id) ? "*" : region}:${account}:key/${id}`;
}

/** Whether a key ID is one of a multi-Region key: the prefix is there for telling ("How multi-Region keys work"). */
export function isMultiRegion(id: string): boolean {
  return id.startsWith("mrk-");
}
