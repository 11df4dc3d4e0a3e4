/**
 * A gRPC server for both KMS APIs.
 *
 * @module
 */
import type { Route } from "../../net/grpc/unary.ts";
import { type Handlers, type Listeners, routesOf, type RpcServer, rpcServer } from "../../net/grpc/server.ts";
import { kmsContracts } from "./contract.ts";
import { apiServerDeadlineMs } from "./limits.ts";
import type { V1beta1Rpcs, V2Rpcs } from "./messages.ts";

/** The handlers of both services. Calls of a service that is left out are answered with UNIMPLEMENTED. */
export interface KmsHandlers extends Listeners {
  readonly v2: Handlers<V2Rpcs>;
  readonly v1beta1?: Handlers<V1beta1Rpcs> | undefined;
}

/** The methods of both services with their handlers. */
export function kmsRoutes({ v2, v1beta1 }: KmsHandlers): readonly Route[] {
  const contracts = kmsContracts();
  return [
    ...routesOf(contracts.v2, v2),
    ...(v1beta1 === undefined ? [] : routesOf(contracts.v1beta1, v1beta1)),
  ];
}

/** Makes a server that does not listen yet. A call without a deadline gets that of kube-apiserver, 3 s. */
export function kmsServer(handlers: KmsHandlers): RpcServer {
  return rpcServer(kmsRoutes(handlers), apiServerDeadlineMs, handlers);
}
