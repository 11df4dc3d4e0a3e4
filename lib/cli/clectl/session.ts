/**
 * The connection of a command to its server.
 *
 * @module
 */
import { KmsError } from "../../base/errors.ts";
import type { ExitStatus } from "../exit_codes.ts";
import { SecretsApi } from "./api/secrets_api.ts";
import { clientLimits, KeyringClient } from "./connection/client.ts";
import { type ChosenServer, chosenServer } from "./contexts/chosen_server.ts";
import type { ClectlCall } from "./options.ts";
import { durationMs } from "./times.ts";

/** Milliseconds for each request of a command. @throws {UsageError} */
export function requestTimeout({ options }: Pick<ClectlCall, "options">): number {
  const { timeout } = options;
  return timeout === undefined ? clientLimits.requestMs : Math.max(1, durationMs(timeout, "--timeout"));
}

/**
 * Connects to the server of a command for as long as `work` takes. A client certificate or the token of a machine's login
 * is renewed if it ends soon, first and while `work` runs.
 *
 * @throws {KmsError} `config` if there is no such context.
 */
export async function withClient<T>(call: ClectlCall, work: (client: KeyringClient) => Promise<T>): Promise<T> {
  const timeoutMs = requestTimeout(call);
  const chosen = await chosenServer(call.options.context, call.terminal.environment);
  refuseWithoutLogin(chosen, call);
  const { server: { certificate }, loginToken } = chosen;
  using lasting = certificate === undefined && loginToken === undefined
    ? undefined
    : await (await import("./login/lasting_login.ts")).lastingLogin(chosen, call, timeoutMs);
  using client = new KeyringClient(lasting?.server ?? chosen.server, call.terminal.signal, timeoutMs);
  return await work(client);
}

/** @throws {KmsError} `unauthenticated` for a context of a server that wants credentials, and has none. */
function refuseWithoutLogin({ server, context }: ChosenServer, { program }: ClectlCall): void {
  const { address, certificate, token } = server;
  if (address.kind === "socket" || certificate !== undefined || token !== undefined) return;
  const how = `log in with "${program.name} login ${address.text} --fingerprint HEX"`;
  throw new KmsError("unauthenticated", `The context "${context}" has no login: ${how}.`);
}

/** As {@linkcode withClient}, for commands about secrets. */
export async function withSecrets(
  call: ClectlCall,
  work: (secrets: SecretsApi) => Promise<ExitStatus>,
): Promise<ExitStatus> {
  return await withClient(call, (client) => work(new SecretsApi(client)));
}
