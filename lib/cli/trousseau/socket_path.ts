/**
 * Parses a Unix socket on the command line: a path, or a `unix://` endpoint of kube-apiserver's configuration.
 *
 * @module
 */
import { resolve } from "node:path";
import { utf8 } from "../../base/bytes.ts";
import { maxSocketPath, readSocket } from "../../config/socket_path.ts";
import { UsageError } from "../command.ts";

/**
 * The absolute path.
 *
 * @throws {UsageError} if no such socket can exist.
 */
export function socketPath(text: string): string {
  const read = readSocket(text);
  if ("complaint" in read) throw new UsageError(`"${text}" ${read.complaint}.`);
  const path = resolve(read.path);
  if (utf8(path).length > maxSocketPath) {
    throw new UsageError(`A socket's path has at most ${maxSocketPath} bytes, and ${path} has more.`);
  }
  return path;
}
