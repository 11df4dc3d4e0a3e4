/**
 * A Unix socket as people write it: a path, or the `unix://` that kube-apiserver's configuration has.
 *
 * @module
 */
import { isAbsolute, resolve } from "node:path";
import { utf8 } from "../bytes.ts";
import { UsageError } from "./command.ts";

/** The longest path that the kernel takes, in bytes: `sun_path` of unix(7) without its final zero. */
const maxPath = 107;

/**
 * The absolute path that was meant.
 *
 * @throws {UsageError} if there can be no such socket.
 */
export function socketPath(text: string): string {
  const path = text.startsWith("unix:") ? pathOfEndpoint(text) : resolve(text);
  if (utf8(path).length > maxPath) {
    throw new UsageError(`A socket's path has at most ${maxPath} bytes, and ${path} has more.`);
  }
  return path;
}

function pathOfEndpoint(text: string): string {
  const encoded = text.slice("unix:".length).replace(/^\/\/(?=\/)/, "");
  const path = decoded(encoded);
  if (path === undefined || !isAbsolute(path) || path.startsWith("//")) {
    throw new UsageError(`"${text}" names no socket; it should look like unix:///run/trousseau/kms.sock.`);
  }
  return path;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** The endpoint for kube-apiserver, which reads it as a URL: what a URL would take for something else is encoded. */
export function socketEndpoint(path: string): string {
  return `unix://${path.split("/").map(encodeURIComponent).join("/")}`;
}
