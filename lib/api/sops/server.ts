/**
 * A gRPC server for SOPS' key service.
 *
 * @module
 */
import type { Route } from "../../net/grpc/unary.ts";
import { type Handlers, type Listeners, routesOf, type RpcServer, rpcServer } from "../../net/grpc/server.ts";
import { sopsContract, sopsDeadlineMs } from "./contract.ts";
import type { SopsRpcs } from "./messages.ts";

/** The handlers of the service. */
export interface SopsHandlers extends Listeners {
  readonly sops: Handlers<SopsRpcs>;
}

/** The methods of the service with their handlers. */
export function sopsRoutes({ sops }: SopsHandlers): readonly Route[] {
  return routesOf(sopsContract(), sops);
}

/** Makes a server that does not listen yet. A call without a deadline gets {@linkcode sopsDeadlineMs}. */
export function sopsServer(handlers: SopsHandlers): RpcServer {
  return rpcServer(sopsRoutes(handlers), sopsDeadlineMs, handlers);
}
