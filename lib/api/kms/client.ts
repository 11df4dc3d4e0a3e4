/**
 * A client of a KMS plugin, which calls as kube-apiserver does.
 *
 * @module
 */
import { type ClientCalls, type ClientOptions, dial } from "../../net/grpc/client.ts";
import { kmsContracts } from "./contract.ts";
import { apiServerDeadlineMs } from "./limits.ts";
import type { V1beta1Rpcs, V2Rpcs } from "./messages.ts";

/** One function for each RPC of both services. */
export interface KmsClient extends AsyncDisposable {
  readonly v2: ClientCalls<V2Rpcs>;
  readonly v1beta1: ClientCalls<V1beta1Rpcs>;
}

/**
 * Opens a client for the plugin on a socket. Nothing is sent until the first call. A call without `timeoutMs` ends after
 * 3 s, as kube-apiserver's do.
 *
 * @param path the path of the socket, without `unix:`.
 * @throws {KmsError} `config` if Deno's permissions do not include the path.
 */
export function dialKms(path: string, options: ClientOptions = {}): KmsClient {
  const client = dial(path, { timeoutMs: apiServerDeadlineMs, ...options });
  const contracts = kmsContracts();
  return {
    v2: client.calls(contracts.v2, "v2"),
    v1beta1: client.calls(contracts.v1beta1, "v1beta1"),
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}
