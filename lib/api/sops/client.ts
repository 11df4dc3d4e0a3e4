/**
 * A client of a key service, which calls as sops does.
 *
 * @module
 */
import { type ClientCalls, dial } from "../../net/grpc/client.ts";
import { sopsContract, sopsDeadlineMs } from "./contract.ts";
import type { SopsRpcs } from "./messages.ts";

/** One function for each RPC of the service. */
export interface SopsClient extends AsyncDisposable {
  readonly sops: ClientCalls<SopsRpcs>;
}

/**
 * Opens a client for the key service on a socket. Nothing is sent until the first call.
 *
 * @param path the path of the socket, without `unix:`.
 * @throws {KmsError} `config` if Deno's permissions do not include the path.
 */
export function dialSops(path: string): SopsClient {
  const client = dial(path, { timeoutMs: sopsDeadlineMs });
  return {
    sops: client.calls(sopsContract(), "sops"),
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}
