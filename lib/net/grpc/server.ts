/**
 * A gRPC server for the KMS services, or for the key service of SOPS: handlers are plain functions that answer or throw.
 *
 * It serves what these services have, one message each way, over `lib/net/http2`.
 *
 * @module
 */
import type { ServiceDefinition } from "@grpc/grpc-js";
import { systemClock } from "../../base/clock.ts";
import { afterTimeout, coalescedTimers } from "../../base/deadline.ts";
import { sharedResources } from "../http2/socket_connection.ts";
import { Http2Listener } from "../http2/listener.ts";
import type { Rpc, V1beta1Rpcs, V2Rpcs } from "../../api/kms/messages.ts";
import { defaultDeadlineMs, type RpcCall } from "./rpc_call.ts";
import { kmsServices, sopsService } from "../../api/kms/services.ts";
import type { SopsRpcs } from "../../api/sops/messages.ts";
import { refuseUnknown, type Route, serveUnary, type Unreadable } from "./unary.ts";

/** Answers at once or later, or throws a KmsError. Anything else that it throws is answered as INTERNAL. */
export type Handler<Method> = Method extends Rpc<infer Request, infer Answer>
  ? (request: Request, call: RpcCall) => Answer | Promise<Answer>
  : never;

/** One handler for each RPC of a service. */
export type Handlers<Rpcs> = { readonly [Name in keyof Rpcs]: Handler<Rpcs[Name]> };

/** Who is told of what reaches no handler. */
export interface Listeners {
  readonly unreadable?: Unreadable | undefined;
  /** Told of a mistake of ours on the wire, for which a connection was ended. */
  readonly broken?: ((thrown: unknown) => void) | undefined;
}

/** What to serve. A service that is left out is answered with UNIMPLEMENTED. */
export interface KmsHandlers extends Listeners {
  readonly v2: Handlers<V2Rpcs>;
  readonly v1beta1?: Handlers<V1beta1Rpcs> | undefined;
}

/** The same for SOPS. */
export interface SopsHandlers extends Listeners {
  readonly sops: Handlers<SopsRpcs>;
  /** How long a call may take when its client sets no deadline, in milliseconds: sops sets none. */
  readonly deadlineMs: number;
}

/** A place where the server listens. */
export interface Listener {
  /** Stops listening there and asks the connections made there, by GOAWAY, to come in another way. */
  close(): void;
}

/** A server that may listen in several places, and knows nothing of who owns a socket file. */
export interface RpcServer {
  /**
   * Listens on a path that does not exist yet.
   *
   * @param onRefused told the system's code when it refuses to accept a connection; accepting goes on.
   * @throws {KmsError} `config` if it cannot.
   */
  listen(path: string, onRefused?: (code: string) => void): Promise<Listener>;
  /** Stops listening, sends GOAWAY, waits at most `ms` for the calls in flight, and cuts off those that are left. */
  shutdown(ms: number): Promise<void>;
}

// How long a connection may linger on a listener that nobody can reach any more: longer than any call.
const leaveMs = 10_000;

// A deadline may be kept so much late: less than a call's margin before its client's own.
const deadlineTickMs = 25;

/** Makes a server for `handlers` that does not listen yet. */
export function rpcServer({ v2, v1beta1, ...told }: KmsHandlers): RpcServer {
  const services = kmsServices();
  const routes = routesOf(services.v2, v2 as HandlerTable);
  if (v1beta1) routes.push(...routesOf(services.v1beta1, v1beta1 as HandlerTable));
  return serverOf(routes, { ...told, deadlineMs: defaultDeadlineMs });
}

/** The same for SOPS. */
export function sopsServer({ sops, ...options }: SopsHandlers): RpcServer {
  return serverOf(routesOf(sopsService(), sops as HandlerTable), options);
}

type HandlerTable = Readonly<Record<string, Route["handler"]>>;

function routesOf(service: ServiceDefinition, handlers: HandlerTable): Route[] {
  return Object.entries(service).flatMap(([name, { path, requestDeserialize, responseSerialize }]): Route[] => {
    const handler = Object.hasOwn(handlers, name) ? handlers[name] : undefined;
    return handler === undefined ? [] : [{ path, decode: requestDeserialize, encode: responseSerialize, handler }];
  });
}

function serverOf(
  routes: readonly Route[],
  { unreadable = () => {}, broken = () => {}, deadlineMs }: Listeners & { readonly deadlineMs: number },
): RpcServer {
  const byPath = new Map(routes.map((route) => [route.path, route]));
  const context = {
    unreadable,
    deadlineMs,
    after: coalescedTimers(afterTimeout, deadlineTickMs, () => systemClock.now()),
  };
  const listeners = new Set<Http2Listener>();
  const shared = sharedResources();
  return {
    async listen(path, onRefused) {
      const listener = new Http2Listener(
        (stream, headers) => {
          const route = byPath.get(headers.path);
          return route === undefined ? refuseUnknown(stream, headers) : serveUnary(stream, headers, route, context);
        },
        broken,
        onRefused,
        shared,
      );
      await listener.listen(path);
      listeners.add(listener);
      return { close: () => void listener.close(leaveMs).then(() => listeners.delete(listener)) };
    },
    async shutdown(ms) {
      await Promise.all([...listeners].map((listener) => listener.close(ms)));
    },
  };
}
