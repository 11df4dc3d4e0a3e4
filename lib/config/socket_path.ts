/**
 * The path of a socket: how long it may be, and how it is written as an endpoint.
 *
 * @module
 */
import { dirname, isAbsolute } from "node:path";
import { utf8 } from "../base/bytes.ts";

/** In bytes: `sun_path` of unix(7) has 108, the last of them zero. */
export const maxSocketPath = 107;

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
  if (folder + temporaryTail > maxSocketPath) {
    return `${path} lies in a folder whose path has more than ${maxSocketPath - temporaryTail} bytes`;
  }
  return utf8(path).length > maxSocketPath
    ? `${path} has more than ${maxSocketPath} bytes, all that a socket can have`
    : undefined;
}

/** A path, or half a sentence about a text that names none. */
export type SocketRead = { readonly path: string } | { readonly complaint: string };

/**
 * A socket as people write it: a path, which may be relative, or the endpoint that kube-apiserver's configuration has.
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
 * The absolute path in an endpoint such as `unix:///run/trousseau/kms.sock`, which kube-apiserver reads as a URL;
 * `undefined` if it names none.
 */
export function pathOfEndpoint(endpoint: string): string | undefined {
  // A URL's query and fragment are no part of its path.
  if (!/^unix:/i.test(endpoint) || /[?#]/.test(endpoint)) return undefined;
  const path = decoded(endpoint.slice("unix:".length).replace(/^\/\/(?=\/)/, ""));
  if (path === undefined || !isAbsolute(path) || isAbstract(path)) return undefined;
  return path.startsWith("//") || path.endsWith("/") ? undefined : path;
}

/**
 * Whether a text names a socket in Linux's abstract namespace, which has no file and no access rights: `@name`, as an
 * endpoint `unix:@name` or `unix-abstract:name`. kube-apiserver takes `unix:///@name` for one as well.
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

/** The socket as kube-apiserver's configuration names it, a URL; characters that a URL reserves are percent-encoded. */
export function socketEndpoint(path: string): string {
  return `unix://${path.split("/").map(encodeURIComponent).join("/")}`;
}
