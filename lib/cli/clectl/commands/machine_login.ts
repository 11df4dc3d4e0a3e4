/**
 * The command `login` for machines, with a JWT of a cluster or a CI system, and the command `logout`.
 *
 * @module
 */
import { isAbsolute, resolve } from "node:path";
import { rfc3339 } from "../../../base/clock.ts";
import { deadline } from "../../../base/deadline.ts";
import { utf8Text } from "../../../base/bytes.ts";
import { UsageError } from "../../command.ts";
import { exitCodes, type ExitStatus } from "../../exit_codes.ts";
import { readSecret } from "../../secret_input.ts";
import { typedAddress } from "../arguments.ts";
import type { ServerAddress } from "../connection/address.ts";
import { KeyringClient } from "../connection/client.ts";
import { authorityIn } from "../contexts/authority_file.ts";
import { chosenServer } from "../contexts/chosen_server.ts";
import { Contexts } from "../contexts/contexts.ts";
import { requiredFolders } from "../contexts/folders.ts";
import type { MachineLogin } from "../contexts/login_token.ts";
import { contextNameFor, refuseOtherAddress } from "../contexts/new_context.ts";
import { authorityAt, fingerprintOf } from "../login/first_connection.ts";
import { exchangedToken, jwtInFile, maxJwtBytes, revokeOwnToken } from "../login/machine_tokens.ts";
import type { ClectlCall } from "../options.ts";
import { printSentence } from "../output/print.ts";
import { requestTimeout } from "../session.ts";

/** The file in which a pod has the token of its ServiceAccount. */
const podTokenFile = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/** `login [URL] --kubernetes|--jwt --role ROLE`: saves the token of the server in the context. */
export async function loginMachine(call: ClectlCall): Promise<ExitStatus> {
  const { terminal } = call;
  const login = machineLoginFor(call);
  const contexts = new Contexts(requiredFolders(terminal.environment));
  const { name, address, ca } = await loginTarget(call, contexts);
  const jwt = login.jwtFile === undefined ? await typedJwt(call) : await jwtInFile(login.jwtFile);
  using client = new KeyringClient({ address, ca }, terminal.signal, requestTimeout(call));
  const { token, ca: authorities = ca } = await exchangedToken(client, login, jwt, terminal.clock.wall());
  await contexts.removeCredentials(name);
  await contexts.writeToken(name, token);
  await contexts.write({ name, address: address.text, ca: authorities, login });
  await contexts.select(name);
  const document = { context: name, address: address.text, role: login.role, expiresAt: rfc3339(token.expiresAt) };
  await printSentence(call, document, `Logged in at ${address.text} as ${login.role}. The context ${name} is current.`);
  return exitCodes.ok.status;
}

/** @throws {UsageError} */
function machineLoginFor({ options }: ClectlCall): MachineLogin {
  const { kubernetes, jwt, role, issuer } = options;
  if (kubernetes && jwt) throw new UsageError("--kubernetes and --jwt are two logins; give one.", "login");
  if (role === undefined) throw new UsageError("The role is missing: --role ROLE.", "login");
  const file = options["token-file"];
  const stdin = options["token-stdin"];
  if (stdin && file !== undefined) {
    throw new UsageError("--token-stdin and --token-file are two tokens; give one.", "login");
  }
  if (!kubernetes && !stdin && file === undefined) {
    throw new UsageError("The token of the CI system is missing: --token-file FILE or --token-stdin.", "login");
  }
  const path = stdin ? undefined : file ?? podTokenFile;
  return {
    method: kubernetes ? "kubernetes" : "oidc",
    role,
    ...(issuer === undefined ? {} : { issuer }),
    ...(path === undefined ? {} : { jwtFile: isAbsolute(path) ? path : resolve(path) }),
  };
}

interface LoginTarget {
  readonly name: string;
  readonly address: ServerAddress;
  /** The authority, PEM. */
  readonly ca: string;
}

/** The server of the words, or else of the context. @throws {UsageError} @throws {KmsError} `config` */
async function loginTarget(call: ClectlCall, contexts: Contexts): Promise<LoginTarget> {
  const { options, positionals: [url], terminal } = call;
  if (url === undefined) return await targetOfContext(call);
  const address = typedAddress(url, "URL");
  if (address.kind === "socket") throw new UsageError("A socket needs no login: set CLECTL_ADDRESS to it.", "login");
  const name = options.context ?? contextNameFor(address);
  await refuseOtherAddress(contexts, name, address.text);
  if (options.ca !== undefined && options.fingerprint !== undefined) {
    throw new UsageError("--ca and --fingerprint are two authorities; give one.", "login");
  }
  if (options.ca !== undefined) return { name, address, ca: await authorityIn(options.ca) };
  if (options.fingerprint !== undefined) {
    using limit = deadline(requestTimeout(call), terminal.signal);
    return { name, address, ca: await authorityAt(address, fingerprintOf(options.fingerprint), limit.signal) };
  }
  const known = await contexts.find(name);
  if (known?.ca !== undefined) return { name, address, ca: known.ca };
  throw new UsageError("The authority of the server is not known: give --ca FILE or --fingerprint HEX.", "login");
}

/** @throws {UsageError} @throws {KmsError} `config` */
async function targetOfContext(call: ClectlCall): Promise<LoginTarget> {
  const { options, terminal } = call;
  if (options.ca !== undefined || options.fingerprint !== undefined) {
    throw new UsageError("The server is missing: clectl login URL with --ca FILE or --fingerprint HEX.", "login");
  }
  const { server: { address, ca }, context } = await chosenServer(options.context, terminal.environment);
  if (context !== undefined && ca !== undefined) return { name: context, address, ca };
  throw new UsageError("The server is missing: clectl login URL, or --context NAME of one with TLS.", "login");
}

/** The JWT of standard input. @throws {UsageError} */
async function typedJwt({ terminal }: ClectlCall): Promise<string> {
  const { input, stderr, signal } = terminal;
  using secret = await readSecret(input, { prompt: "Token: ", stderr, maxBytes: maxJwtBytes, signal });
  const jwt = utf8Text(secret.bytes)?.trim() ?? "";
  if (/^[\x21-\x7e]+$/.test(jwt)) return jwt;
  throw new UsageError("The token is missing: write it to standard input.", "login");
}

/** `logout`: revokes the token of a machine's login, and removes the credentials of the context from this machine. */
export async function logout(call: ClectlCall): Promise<ExitStatus> {
  const { terminal, options } = call;
  const { server, context, loginToken } = await chosenServer(options.context, terminal.environment);
  if (context === undefined) throw new UsageError("A socket has no login that could end.", "logout");
  const contexts = new Contexts(requiredFolders(terminal.environment));
  if (loginToken !== undefined) {
    using client = new KeyringClient(server, terminal.signal, requestTimeout(call));
    await revokeOwnToken(client);
  } else if (server.token !== undefined) {
    const how = "remove it, and end the token with clectl token revoke ID";
    throw new UsageError(`The context "${context}" uses the file of a token: ${how}.`, "logout");
  }
  const isRemoved = await contexts.removeCredentials(context);
  const sentence = loginToken !== undefined
    ? `The token of ${context} is revoked.`
    : isRemoved
    ? `Key and certificate of ${context} are removed. The enrolment ends with clectl identity revoke ID, or by itself.`
    : `The context ${context} has no login.`;
  await printSentence(call, { context, revoked: loginToken !== undefined, removed: isRemoved }, sentence);
  return exitCodes.ok.status;
}
