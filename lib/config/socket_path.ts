/**
 * Paths of sockets: their maximum length, and their form as an endpoint.
 *
 * @module
 */
import { dirname, isAbsolute, posix } from "node:path";
import { utf8 } from "../base/bytes.ts";

/** Bytes: `sun_path` of unix(7) has 108, the last of which is zero. */
export const maxSocketPath = 107;

/** Bytes: the socket is bound in a new folder beside its final path, for instance `/.t-0a1b2c/s`, and then renamed. */
const temporaryTail = 12;

/**
 * The reason why no socket can be bound at a path, as the end of a sentence that begins with the path; `undefined` if
 * it can.
 *
 * @param path absolute.
 */
export function socketPathComplaint(path: string): string | undefined {
  if (path.endsWith("/")) return `${path} names a folder, not a socket`;
  const folder = utf8(dirname(path)).length;
  if (folder + temporaryTail > maxSocketPath) {
    return `${path} lies in a folder whose path has more than ${maxSocketPath - temporaryTail} bytes`;
  }
  return utf8(path).length > maxSocketPath
    ? `${path} has more than ${maxSocketPath} bytes, all that a socket can have`
    : undefined;
}

/** A path, or the end of a sentence about a text that is not one. */
export type SocketRead = { readonly path: string } | { readonly complaint: string };

/**
 * Parses a socket as people write it: a path, which may be relative, or an endpoint of kube-apiserver's configuration.
 */
export function readSocket(text: string): SocketRead {
  if (isAbstract(text)) {
    return {
      complaint: "is an abstract socket, to which any process may connect; write a path such as /run/x/kms.sock",
    };
  }
  const path = /^unix:/i.test(text) ? pathOfEndpoint(text) : text;
  if (path === undefined) {
    return { complaint: "names no socket; write unix:// and an absolute path, as in unix:///run/trousseau/kms.sock" };
  }
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(path)) {
    return {
      complaint: "is no Unix socket, and nothing else is served; write a path, or unix:// and an absolute path",
    };
  }
  return { path };
}

/**
 * The absolute path in an endpoint, for instance `unix:///run/trousseau/kms.sock`, which kube-apiserver parses as a
 * URL; `undefined` if it names none.
 */
export function pathOfEndpoint(endpoint: string): string | undefined {
  // The query and the fragment of a URL do not belong to its path.
  if (!/^unix:/i.test(endpoint) || /[?#]/.test(endpoint)) return undefined;
  const path = decoded(endpoint.slice("unix:".length).replace(/^\/\/(?=\/)/, ""));
  if (path === undefined || !isAbsolute(path) || isAbstract(path)) return undefined;
  return path.startsWith("//") || path.endsWith("/") ? undefined : path;
}

/**
 * Whether a text names a socket in Linux's abstract namespace, which has no file and no permissions: `@name`, or an
 * endpoint `unix:@name` or `unix-abstract:name`. kube-apiserver also takes `unix:///@name` for such a socket.
 */
export function isAbstract(text: string): boolean {
  return /^\/?@/.test(text) || /^unix:(\/\/)?\/?(@|%40)/i.test(text) || /^unix-abstract:/i.test(text);
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** The endpoint for kube-apiserver's configuration, a URL; reserved characters are percent-encoded. */
export function socketEndpoint(path: string): string {
  return `unix://${path.split("/").map(encodeURIComponent).join("/")}`;
}

/**
 * A path in its shortest form, with `/run` in the place of `/var/run`, which is a link to it in each current Linux and in
 * the images of kube-apiserver: two spellings of one path become equal.
 */
export function withoutVarRun(path: string): string {
  return posix.normalize(path).replace(/^\/var\/run(?=\/|$)/, "/run");
}
