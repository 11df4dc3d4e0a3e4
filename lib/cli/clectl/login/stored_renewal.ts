/**
 * Renewed credentials of a context, stored for other commands.
 *
 * @module
 */
import { KmsError } from "../../../base/errors.ts";
import { line } from "../../terminal.ts";
import { serverAddress } from "../connection/address.ts";
import type { KeyringServer } from "../connection/transport.ts";
import { Contexts } from "../contexts/contexts.ts";
import { requiredFolders } from "../contexts/folders.ts";
import type { ClectlCall } from "../options.ts";

/** Credentials that a server has renewed. */
export interface RenewedLogin {
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
 * A file that cannot be read or written is a warning: this command has the renewed credentials all the same.
 */
export async function storeRenewal(renewal: RenewedLogin, { terminal, program }: ClectlCall): Promise<void> {
  try {
    await store(renewal, new Contexts(requiredFolders(terminal.environment)));
  } catch (thrown) {
    if (!(thrown instanceof KmsError)) throw thrown;
    const what = `The login of "${renewal.context}" is renewed, and cannot be stored for other commands`;
    line(terminal.stderr, `${program.name}: ${what}: ${thrown.message}`);
  }
}

/** @throws {KmsError} `config` if a file cannot be read or written. */
async function store({ context: name, server, ca, write }: RenewedLogin, contexts: Contexts): Promise<void> {
  const context = await contexts.find(name);
  if (context === undefined || !await contexts.hasCredentials(name)) return;
  if (serverAddress(context.address, `context ${name}`).text !== server.address.text) return;
  await write(contexts);
  if (ca !== undefined && ca !== context.ca) await contexts.write({ ...context, ca });
}
