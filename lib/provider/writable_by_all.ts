/**
 * Whether every user may connect to a Unix socket.
 *
 * @module
 */

/**
 * Whether every user of this machine may write to a file, which is the permission that connecting to a socket requires.
 */
export function writableByAll(path: string): boolean {
  try {
    return ((Deno.statSync(path).mode ?? 0) & 0o002) !== 0;
  } catch {
    // The file is missing or inaccessible: the probe reports that.
    return false;
  }
}
