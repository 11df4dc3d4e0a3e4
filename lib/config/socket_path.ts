/**
 * How long a socket's path may be.
 *
 * @module
 */
import { dirname } from "node:path";
import { utf8 } from "../bytes.ts";

/** In bytes: `sun_path` of unix(7) has 108, the last of them zero. */
const longestPath = 107;

/** In bytes: the socket is bound in a fresh folder beside its place, as in `/.t-0a1b2c/s`, and renamed from there. */
const temporaryTail = 12;

/**
 * Why no socket can be bound at a path: half a sentence that begins with the path, `undefined` if one can.
 *
 * @param path absolute.
 */
export function socketPathComplaint(path: string): string | undefined {
  if (path.endsWith("/")) return `${path} names a folder, not a socket`;
  const folder = utf8(dirname(path)).length;
  if (folder + temporaryTail > longestPath) {
    return `${path} lies in a folder whose path has more than ${longestPath - temporaryTail} bytes`;
  }
  return utf8(path).length > longestPath
    ? `${path} has more than ${longestPath} bytes, all that a socket can have`
    : undefined;
}
