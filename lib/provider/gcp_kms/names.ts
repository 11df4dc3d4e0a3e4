/**
 * How Google Cloud names keys and their versions.
 *
 * @module
 */

// Project IDs have 6 to 30 characters, and may stand behind the domain of an organization or the name of another cloud.
const project = "(?:[a-z0-9][a-z0-9.-]{0,62}:)?[a-z][a-z0-9-]{4,28}[a-z0-9]";
const rest = "locations/[a-z0-9-]{1,63}/keyRings/[0-9A-Za-z_-]{1,63}/cryptoKeys/[0-9A-Za-z_-]{1,63}";

const keyPattern = new RegExp(`^projects/${project}/${rest}$`);
const numberedKeyPattern = new RegExp(`^projects/[0-9]{1,20}/${rest}$`);
const versionPattern = /^(.{1,512})\/cryptoKeyVersions\/([1-9][0-9]{0,9})$/;

/** Digits of the highest version number that is taken for one. */
export const versionDigits = 10;

/** Whether a text is a key's resource name, with its project's ID. */
export function isKeyName(text: string): boolean {
  return keyPattern.test(text);
}

/** The same with the number of the project, which Google takes as well: a second name of one key. */
export function isNumberedKeyName(text: string): boolean {
  return numberedKeyPattern.test(text);
}

/** The name of a version: `KEY/cryptoKeyVersions/7`. */
export function versionName(key: string, version: number): string {
  return `${key}/cryptoKeyVersions/${version}`;
}

/** The number of a version of this key by its name; `undefined` where it is no version of this key. */
export function versionOf(key: string, name: string): number | undefined {
  const [, of, digits] = versionPattern.exec(name) ?? [];
  return of === key ? Number(digits) : undefined;
}

/** The same for a name out of an answer, which may have the project's number in place of its ID. */
export function answeredVersion(key: string, name: unknown): number | undefined {
  if (typeof name !== "string") return undefined;
  const numbered = name.replace(/^projects\/[0-9]{1,20}\//, `projects/${key.split("/")[1] ?? ""}/`);
  return versionOf(key, numbered);
}

/** A resource name in the path of a URL. */
export function pathOf(name: string): string {
  return name.split("/").map(encodeURIComponent).join("/");
}
