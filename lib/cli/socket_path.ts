/**
 * A Unix socket as people write it: a path, or the `unix://` that kube-apiserver's configuration has.
 *
 * @module
 */
import { resolve } from "node:path";
import { utf8 } from "../bytes.ts";
import { longestSocketPath, pathOfEndpoint } from "../config/socket_path.ts";
import { UsageError } from "./command.ts";

/**
 * The absolute path that was meant.
 *
 * @throws {UsageError} if there can be no such socket.
 */
export function socketPath(text: string): string {
  const path = text.startsWith("unix:") ? pathOfEndpoint(text) : resolve(text);
  if (path === undefined) {
    throw new UsageError(`"${text}" names no socket; it should look like unix:///run/trousseau/kms.sock.`);
  }
  if (utf8(path).length > longestSocketPath) {
    throw new UsageError(`A socket's path has at most ${longestSocketPath} bytes, and ${path} has more.`);
  }
  return path;
}

/** The endpoint for kube-apiserver, which reads it as a URL: what a URL would take for something else is encoded. */
export function socketEndpoint(path: string): string {
  return `unix://${path.split("/").map(encodeURIComponent).join("/")}`;
}
