/**
 * The context that a login makes.
 *
 * @module
 */
import { KmsError } from "../../../base/errors.ts";
import type { ServerAddress } from "../connection/address.ts";
import { checkContextName, type Contexts } from "./contexts.ts";

/** The name of a context for an address, if none is given: its host. */
export function contextNameFor({ host }: ServerAddress & { readonly kind: "tls" }): string {
  return host.replaceAll(":", "-");
}

/** A login does not replace the context of another server. @throws {UsageError} @throws {KmsError} `config` */
export async function refuseOtherAddress(contexts: Contexts, name: string, address: string): Promise<void> {
  checkContextName(name);
  if (!(await contexts.names()).includes(name)) return;
  const other = (await contexts.read(name)).address;
  if (other === address) return;
  throw new KmsError("config", `The context "${name}" has another address, ${other}: choose a name with --context.`);
}
