/**
 * The reason why a connection to a Unix socket fails.
 *
 * @module
 */
import { errnoOf, systemFailure } from "../../base/system_failures.ts";
import { socketFailures } from "./network_failures.ts";

/** The part of a sentence after the socket's address, without the full stop. */
export async function socketFailure(path: string, cause: Error): Promise<string> {
  const errno = errnoOf(cause);
  // Linux reports ECONNREFUSED for a socket without a listener and also for a file that is not a socket.
  if (errno === "ECONNREFUSED" && !await isSocket(path)) return socketFailures.notASocket;
  if (errno === "EPERM") return socketFailures.EACCES;
  if (errno !== undefined && Object.hasOwn(socketFailures, errno)) {
    return socketFailures[errno as keyof typeof socketFailures];
  }
  return `cannot be connected to: ${systemFailure(cause)}`;
}

async function isSocket(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isSocket === true;
  } catch {
    // Removed in the meantime, or not accessible: the errno of the connection is the cause.
    return true;
  }
}
