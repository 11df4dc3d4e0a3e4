/**
 * The server of a command: by `--context`, by the environment, by the current context, or the socket of this machine.
 *
 * @module
 */
import { readSecretFile } from "../../../base/credential_file.ts";
import { whyUnreadable } from "../../../base/durable_file.ts";
import { KmsError } from "../../../base/errors.ts";
import { defaultSocket, type ServerAddress, serverAddress } from "../connection/address.ts";
import type { KeyringServer } from "../connection/transport.ts";
import type { ClientEnvironment } from "../environment.ts";
import { type Context, Contexts } from "./contexts.ts";
import { clientFolders, requiredFolders } from "./folders.ts";
import type { LoginToken } from "./login_token.ts";

/** A server, and the context that it comes from. */
export interface ChosenServer {
  readonly server: KeyringServer;
  readonly context: string | undefined;
  /** The token of a machine's login, which `server` has too. */
  readonly loginToken?: LoginToken;
}

/** Maximum size of a token's file in bytes. */
const maxTokenBytes = 16_384;

/**
 * The server of a command. `--context` precedes CLECTL_ADDRESS, which precedes CLECTL_CONTEXT and the current context.
 *
 * @param named the value of `--context`.
 * @throws {KmsError} `config`
 */
export async function chosenServer(named: string | undefined, environment: ClientEnvironment): Promise<ChosenServer> {
  if (named !== undefined) return await serverOf(named, environment);
  const text = environment.get("CLECTL_ADDRESS");
  if (text !== undefined) return await serverAt(serverAddress(text, "CLECTL_ADDRESS"), environment);
  const folders = clientFolders(environment);
  const current = environment.get("CLECTL_CONTEXT") ??
    (folders === undefined ? undefined : await new Contexts(folders).current());
  if (current !== undefined) return await serverOf(current, environment);
  return { server: { address: serverAddress(`unix://${defaultSocket}`, "default") }, context: undefined };
}

async function serverOf(name: string, environment: ClientEnvironment): Promise<ChosenServer> {
  const contexts = new Contexts(requiredFolders(environment));
  return await withCredentials(await contexts.read(name), contexts);
}

/** A socket needs no context. For TLS, a context with the same address has the authority to trust. */
async function serverAt(address: ServerAddress, environment: ClientEnvironment): Promise<ChosenServer> {
  if (address.kind === "socket") return { server: { address }, context: undefined };
  const contexts = new Contexts(requiredFolders(environment));
  const all = await Promise.all((await contexts.names()).map((name) => contexts.read(name)));
  const [only, ...others] = all.filter((one) => one.address === address.text);
  if (only === undefined) {
    const how = `log in with "clectl login ${address.text} --fingerprint HEX"`;
    throw new KmsError("config", `No context has the authority of ${address.text}: ${how}.`);
  }
  if (others.length > 0) {
    const names = [only, ...others].map(({ name }) => name).join(", ");
    throw new KmsError(
      "config",
      `The contexts ${names} all have the address ${address.text}: name one with --context.`,
    );
  }
  return await withCredentials(only, contexts);
}

async function withCredentials(context: Context, contexts: Contexts): Promise<ChosenServer> {
  const { name, ca, tokenFile } = context;
  const address = serverAddress(context.address, `context ${name}`);
  const certificate = address.kind === "tls" ? await contexts.identity(name) : undefined;
  const loginToken = address.kind === "tls" && tokenFile === undefined ? await contexts.token(name) : undefined;
  const token = tokenFile === undefined ? loginToken?.token : await tokenIn(tokenFile);
  const server = {
    address,
    ...(ca === undefined ? {} : { ca }),
    ...(certificate === undefined ? {} : { certificate }),
    ...(token === undefined ? {} : { token }),
  };
  return { server, context: name, ...(loginToken === undefined ? {} : { loginToken }) };
}

async function tokenIn(path: string): Promise<string> {
  let text: string;
  try {
    text = await readSecretFile(path, maxTokenBytes);
  } catch (thrown) {
    throw new KmsError("config", `Cannot read the token in ${path}: ${whyUnreadable(thrown, path)}.`, {
      cause: thrown,
    });
  }
  if (/^[\x21-\x7e]+$/.test(text)) return text;
  throw new KmsError("config", `The file ${path} has no token in it: one line of printable ASCII.`);
}
