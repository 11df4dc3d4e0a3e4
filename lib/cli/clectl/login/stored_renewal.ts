/**
 * Renewed credentials of a context, stored for other commands.
 *
 * @module
 */
import { serverAddress } from "../connection/address.ts";
import type { KeyringServer } from "../connection/transport.ts";
import { Contexts } from "../contexts/contexts.ts";
import { requiredFolders } from "../contexts/folders.ts";
import type { ClectlCall } from "../options.ts";

/** What a server has answered to a renewal. */
export interface Renewal {
  /** The server that has answered. */
  readonly server: Pick<KeyringServer, "address">;
  /** The name of the context. */
  readonly context: string;
  /** The authorities of the server, PEM. While it changes its authority, they are two. */
  readonly ca?: string | undefined;
  /** Stores the credentials. */
  readonly write: (contexts: Contexts) => Promise<void>;
}

/**
 * Stores a renewal in the context as it is now: another command may have changed it meanwhile. Credentials are for the
 * server that gave them, so nothing is stored if the context is gone, has no login any more, or has another address.
 *
 * @throws {KmsError} `config` if a file cannot be read or written.
 */
export async function storeRenewal(
  { context: name, server, ca, write }: Renewal,
  { terminal }: ClectlCall,
): Promise<void> {
  const contexts = new Contexts(requiredFolders(terminal.environment));
  const context = await contexts.find(name);
  if (context === undefined || !await contexts.hasCredentials(name)) return;
  if (serverAddress(context.address, `context ${name}`).text !== server.address.text) return;
  await write(contexts);
  if (ca !== undefined && ca !== context.ca) await contexts.write({ ...context, ca });
}
