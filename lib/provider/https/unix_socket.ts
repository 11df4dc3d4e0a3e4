/**
 * What stands at the path of a Unix socket that cannot be connected to.
 *
 * @module
 */
import { errnoOf, systemFailure } from "../../system_failures.ts";
import { socketFailures } from "./network_failures.ts";

/** What follows the socket's address in a sentence, without the full stop. */
export async function socketFailure(path: string, cause: Error): Promise<string> {
  const errno = errnoOf(cause);
  // Linux refuses a connection to a socket that nobody listens on and one to a file alike.
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
    // It is gone meanwhile, or may not be looked at: the errno says as much.
    return true;
  }
}
