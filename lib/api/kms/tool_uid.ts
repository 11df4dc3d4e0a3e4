/**
 * The uids by which the plugin distinguishes Trousseau's own commands from an API server, whose uids are plain UUIDs. An
 * Encrypt of `trousseau probe` does not count as the API server's first Encrypt under a key ID.
 *
 * @module
 */
const prefix = "trousseau-";

/** Makes a new uid for a call of one of Trousseau's commands. */
export function toolUid(): string {
  return `${prefix}${crypto.randomUUID()}`;
}

/** Whether a uid was made by {@linkcode toolUid}. */
export function isToolUid(uid: string): boolean {
  return uid.startsWith(prefix);
}
