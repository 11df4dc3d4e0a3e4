/**
 * The connection of a command to its server.
 *
 * @module
 */
import type { ExitStatus } from "../exit_codes.ts";
import { SecretsApi } from "./api/secrets_api.ts";
import { clientLimits, KeyringClient } from "./connection/client.ts";
import { chosenServer } from "./contexts/chosen_server.ts";
import type { ClectlCall } from "./options.ts";
import { durationMs } from "./times.ts";

/** Milliseconds for each request of a command. @throws {UsageError} */
export function requestTimeout({ options }: Pick<ClectlCall, "options">): number {
  const { timeout } = options;
  return timeout === undefined ? clientLimits.requestMs : Math.max(1, durationMs(timeout, "--timeout"));
}

/**
 * Connects to the server of a command for as long as `work` takes. A client certificate that ends soon is renewed first.
 *
 * @throws {KmsError} `config` if there is no such context.
 */
export async function withClient<T>(call: ClectlCall, work: (client: KeyringClient) => Promise<T>): Promise<T> {
  const timeoutMs = requestTimeout(call);
  const chosen = await chosenServer(call.options.context, call.terminal.environment);
  const { certificate } = chosen.server;
  const server = certificate === undefined
    ? chosen.server
    : await (await import("./login/renewal.ts")).renewed(chosen, call, timeoutMs);
  using client = new KeyringClient(server, call.terminal.signal, timeoutMs);
  return await work(client);
}

/** As {@linkcode withClient}, for commands about secrets. */
export async function withSecrets(
  call: ClectlCall,
  work: (secrets: SecretsApi) => Promise<ExitStatus>,
): Promise<ExitStatus> {
  return await withClient(call, (client) => work(new SecretsApi(client)));
}
