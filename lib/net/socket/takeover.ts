/**
 * Whether a plugin may take the place of the one that serves now.
 *
 * @module
 */
import { dialKms } from "../grpc/client.ts";
import type { Takeover } from "./socket.ts";

// kube-apiserver's own patience with one call.
const timeoutMs = 3000;

const never = new AbortController().signal;

/**
 * Lets a socket be taken over from a predecessor that announces the same key ID: kube-apiserver notices nothing.
 *
 * @param keyId gives the one that this process will announce.
 */
export function fromSameKeyId(keyId: () => string | undefined): Takeover {
  return async (path) => {
    const [ours, theirs] = [keyId(), await announcedAt(path)];
    if (ours !== undefined && ours === theirs) return undefined;
    return `the process there announces ${named(theirs)}, this one ${named(ours)}`;
  };
}

async function announcedAt(path: string): Promise<string | undefined> {
  await using client = dialKms(path);
  try {
    const { key_id: keyId } = await client.v2.Status({}, { signal: never, timeoutMs });
    return keyId;
  } catch {
    return undefined;
  }
}

// What stands behind a socket may be anybody's: its key ID is cut before it is printed.
function named(keyId: string | undefined): string {
  return keyId === undefined || keyId === "" ? "no key ID" : `the key ID ${JSON.stringify(keyId.slice(0, 80))}`;
}
