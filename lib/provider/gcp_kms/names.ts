/**
 * Names of keys and key versions in Google Cloud.
 *
 * @module
 */

// Project IDs have 6 to 30 characters; the domain of an organization or the name of another cloud can precede them.
const project = "(?:[a-z0-9][a-z0-9.-]{0,62}:)?[a-z][a-z0-9-]{4,28}[a-z0-9]";
const rest = "locations/[a-z0-9-]{1,63}/keyRings/[0-9A-Za-z_-]{1,63}/cryptoKeys/[0-9A-Za-z_-]{1,63}";

const keyPattern = new RegExp(`^projects/${project}/${rest}$`);
const numberedKeyPattern = new RegExp(`^projects/[0-9]{1,20}/${rest}$`);
const versionPattern = /^(.{1,512})\/cryptoKeyVersions\/([1-9][0-9]{0,9})$/;

/** Maximum number of digits of a version number. */
export const versionDigits = 10;

/** Whether a text is a key's resource name with the ID of its project. */
export function isKeyName(text: string): boolean {
  return keyPattern.test(text);
}

/**
 * Whether a text is a key's resource name with the number of its project. Google accepts it as a second name of the
 * key.
 */
export function isNumberedKeyName(text: string): boolean {
  return numberedKeyPattern.test(text);
}

/** The name of a version: `KEY/cryptoKeyVersions/7`. */
export function versionName(key: string, version: number): string {
  return `${key}/cryptoKeyVersions/${version}`;
}

/** The number in the name of a version; `undefined` if it is not a version of this key. */
export function versionOf(key: string, name: string): number | undefined {
  const [, of, digits] = versionPattern.exec(name) ?? [];
  return of === key ? Number(digits) : undefined;
}

/**
 * The number in a name from a response, which can contain the project's number instead of its ID; otherwise as
 * {@linkcode versionOf}.
 */
export function answeredVersion(key: string, name: unknown): number | undefined {
  if (typeof name !== "string") return undefined;
  const numbered = name.replace(/^projects\/[0-9]{1,20}\//, `projects/${key.split("/")[1] ?? ""}/`);
  return versionOf(key, numbered);
}

/** A resource name as a path of a URL. */
export function pathOf(name: string): string {
  return name.split("/").map(encodeURIComponent).join("/");
}
