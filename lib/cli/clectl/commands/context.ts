/**
 * The command `context`: the servers that this user knows.
 *
 * @module
 */
import { isAbsolute, resolve } from "node:path";
import { UsageError } from "../../command.ts";
import { exitCodes, type ExitStatus } from "../../exit_codes.ts";
import { typedAddress } from "../arguments.ts";
import { authorityIn } from "../contexts/authority_file.ts";
import { type Context, Contexts } from "../contexts/contexts.ts";
import { requiredFolders } from "../contexts/folders.ts";
import type { ClectlCall } from "../options.ts";
import { printRows, printSentence } from "../output/print.ts";
import { visible } from "../output/visible.ts";

const { ok } = exitCodes;

/** `context list`. */
export async function listContexts(call: ClectlCall): Promise<ExitStatus> {
  const contexts = contextsOf(call);
  const current = await contexts.current();
  const all = await Promise.all((await contexts.names()).map(async (name) => {
    const { address, tokenFile } = await contexts.read(name);
    const hasToken = tokenFile !== undefined || await contexts.token(name) !== undefined;
    const login = hasToken ? "token" : await contexts.identity(name) === undefined ? "none" : "certificate";
    return { name, address, login, current: name === current };
  }));
  const rows = all.map((one) => [one.current ? `${one.name} (current)` : one.name, visible(one.address), one.login]);
  await printRows(call, all, ["context", "address", "login"], rows);
  return ok.status;
}

/** `context use NAME`. */
export async function useContext(call: ClectlCall): Promise<ExitStatus> {
  const { positionals: [name = ""] } = call;
  await contextsOf(call).select(name);
  await printSentence(call, { context: name }, `The context ${name} is current.`);
  return ok.status;
}

/** `context set NAME --address …`: for a socket, or a machine with a token; people use `login`. */
export async function setContext(call: ClectlCall): Promise<ExitStatus> {
  const { positionals: [name = ""], options } = call;
  if (options.address === undefined) throw new UsageError("The address is missing: --address ADDRESS.", "context set");
  const address = typedAddress(options.address, "--address");
  if (address.kind === "tls" && options.ca === undefined) {
    throw new UsageError("An address with TLS needs its authority: --ca FILE, or use login.", "context set");
  }
  const tokenFile = options["token-file"];
  const context: Context = {
    name,
    address: address.text,
    ...(options.ca === undefined ? {} : { ca: await authorityIn(options.ca) }),
    ...(tokenFile === undefined ? {} : { tokenFile: isAbsolute(tokenFile) ? tokenFile : resolve(tokenFile) }),
  };
  const contexts = contextsOf(call);
  const before = (await contexts.names()).includes(name) ? (await contexts.read(name)).address : undefined;
  // Credentials are for the server that gave them.
  if (before !== context.address) await contexts.removeCredentials(name);
  await contexts.write(context);
  await printSentence(call, { context: name, address: address.text }, `The context ${name} is set.`);
  return ok.status;
}

/** `context remove NAME`: with its key and certificate on this machine. */
export async function removeContext(call: ClectlCall): Promise<ExitStatus> {
  const { positionals: [name = ""] } = call;
  await contextsOf(call).remove(name);
  await printSentence(
    call,
    { context: name },
    `The context ${name}, its key and its certificate are removed from this machine.`,
  );
  return ok.status;
}

function contextsOf({ terminal }: ClectlCall): Contexts {
  return new Contexts(requiredFolders(terminal.environment));
}
