/**
 * How a plugin tells our own tools from an API server, whose uids are plain UUIDs: an Encrypt of `trousseau probe` does
 * not show that the API server knows the key ID.
 *
 * @module
 */
const prefix = "trousseau-";

/** A new uid of a tool. */
export function toolUid(): string {
  return `${prefix}${crypto.randomUUID()}`;
}

/** Whether a uid is a tool's. */
export function isToolUid(uid: string): boolean {
  return uid.startsWith(prefix);
}
