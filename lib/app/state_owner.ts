/**
 * Checks that this process runs as the owner of the state folder.
 *
 * @module
 */
import { dirname } from "node:path";
import { KmsError } from "../base/errors.ts";
import { ownUser } from "../base/file_owner.ts";

/**
 * Compares this process's user with the owner of the state folder.
 *
 * @returns a warning in one sentence; `undefined` if both are the same, or one of them is unknown.
 * @throws {KmsError} `config` if they differ and a socket is to be taken over: the service manager would not know the
 *   process that serves then.
 */
export function checkStateOwner(
  { state, socket }: { readonly state: string; readonly socket: { readonly path: string } },
  takeover: boolean,
): string | undefined {
  const owner = ownerOf(state);
  const user = ownUser(state, dirname(socket.path));
  if (owner === undefined || user === undefined || owner === user) return undefined;
  // A folder of root was made by hand. The advice is to change its owner and not to run the service as root.
  if (owner === 0 && !takeover) {
    return `The state folder "${state}" is owned by uid 0 (expected ${user}): chown -R ${user} ${state}.`;
  }
  const differ = `this process runs as user ${user}, and the state folder "${state}" belongs to user ${owner}`;
  if (takeover) {
    const advice = `upgrade with "systemctl restart" of its unit, or start it as user ${owner}`;
    throw new KmsError("config", `Cannot take over "${socket.path}": ${differ}; ${advice}.`);
  }
  return `Start it as user ${owner}: ${differ}. Files keep their owner.`;
}

function ownerOf(folder: string): number | undefined {
  try {
    return Deno.statSync(folder).uid ?? undefined;
  } catch {
    // An unusable folder is reported at its first use.
    return undefined;
  }
}
