/**
 * Whether every user may connect to a Unix socket.
 *
 * @module
 */

/** Whether every user of this machine has the right to write to a file, which connecting to a socket needs. */
export function writableByAll(path: string): boolean {
  try {
    return ((Deno.statSync(path).mode ?? 0) & 0o002) !== 0;
  } catch {
    // It is not there, or may not be looked at: the probe reports that.
    return false;
  }
}
