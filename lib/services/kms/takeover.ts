/**
 * The condition under which a plugin takes over the socket of a running plugin.
 *
 * @module
 */
import type { Takeover } from "../../net/socket/socket.ts";

const never = new AbortController().signal;

/**
 * Permits the takeover if the running plugin announces the same key ID, so that kube-apiserver sees no change.
 *
 * @param keyId returns the key ID that this process will announce; `undefined` if there is none.
 */
export function whereKeyIdMatches(keyId: () => string | undefined): Takeover {
  return async (path) => {
    const [ours, theirs] = [keyId(), await announcedAt(path)];
    if (ours !== undefined && ours === theirs) return undefined;
    return `the process there announces ${named(theirs)}, this one ${named(ours)}`;
  };
}

async function announcedAt(path: string): Promise<string | undefined> {
  // Only a takeover calls another process: a plain start does not load the client's library.
  const { dialKms } = await import("../../api/kms/client.ts");
  await using client = dialKms(path);
  try {
    const { key_id: keyId } = await client.v2.Status({}, { signal: never });
    return keyId;
  } catch {
    return undefined;
  }
}

// Any process may listen on the socket: the key ID that it announces is cut before it is printed.
function named(keyId: string | undefined): string {
  return keyId === undefined || keyId === "" ? "no key ID" : `the key ID ${JSON.stringify(keyId.slice(0, 80))}`;
}
