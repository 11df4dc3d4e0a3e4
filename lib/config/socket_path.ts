/**
 * The path of a socket: how long it may be, and how it is written as an endpoint.
 *
 * @module
 */
import { dirname, isAbsolute } from "node:path";
import { utf8 } from "../bytes.ts";

/** In bytes: `sun_path` of unix(7) has 108, the last of them zero. */
export const longestSocketPath = 107;

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
  if (folder + temporaryTail > longestSocketPath) {
    return `${path} lies in a folder whose path has more than ${longestSocketPath - temporaryTail} bytes`;
  }
  return utf8(path).length > longestSocketPath
    ? `${path} has more than ${longestSocketPath} bytes, all that a socket can have`
    : undefined;
}

/**
 * The absolute path in an endpoint such as `unix:///run/trousseau/kms.sock`, which kube-apiserver reads as a URL;
 * `undefined` if it names none.
 */
export function pathOfEndpoint(endpoint: string): string | undefined {
  if (!endpoint.startsWith("unix:")) return undefined;
  const path = decoded(endpoint.slice("unix:".length).replace(/^\/\/(?=\/)/, ""));
  return path !== undefined && isAbsolute(path) && !path.startsWith("//") && !path.endsWith("/") ? path : undefined;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
