/**
 * Renewed credentials of a context, stored for other commands.
 *
 * @module
 */
import { KmsError } from "../../../base/errors.ts";
import { line } from "../../terminal.ts";
import { serverAddress } from "../connection/address.ts";
import type { KeyringServer } from "../connection/transport.ts";
import { type Context, Contexts } from "../contexts/contexts.ts";
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
  /** Whether the context still has credentials of this command: it has no login any more, or another one, if not. */
  readonly isHeld: (contexts: Contexts) => Promise<boolean>;
  /** Stores the credentials. */
  readonly write: (contexts: Contexts) => Promise<void>;
}

/**
 * Stores a renewal in the context as it is now: another command may have changed it meanwhile. Credentials are for the
 * server that gave them, so nothing is stored if the context is gone, has another address, no login any more, or another login.
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
async function store({ context: name, server, ca, isHeld, write }: RenewedLogin, contexts: Contexts): Promise<void> {
  const context = await contexts.find(name);
  if (!isContextOf(context, server) || !await isHeld(contexts)) return;
  await write(contexts);
  if (ca !== undefined && ca !== context.ca) await contexts.write({ ...context, ca });
}

/** Whether a context is there and has the address of a server. @throws {KmsError} `config` for an address that is none. */
export function isContextOf(
  context: Context | undefined,
  { address }: Pick<KeyringServer, "address">,
): context is Context {
  return context !== undefined && serverAddress(context.address, `context ${context.name}`).text === address.text;
}
