/**
 * A gRPC server for unary methods, over `lib/net/http2`. Handlers are plain functions that answer or throw.
 *
 * @module
 */
import { systemClock } from "../../base/clock.ts";
import { afterTimeout, coalescedTimers } from "../../base/deadline.ts";
import { sharedResources } from "../http2/socket_connection.ts";
import { Http2Listener } from "../http2/listener.ts";
import type { Rpc, ServiceContract } from "./contract.ts";
import type { RpcCall } from "./rpc_call.ts";
import { refuseUnknown, type Route, serveUnary, type Unreadable } from "./unary.ts";

/** Returns the answer or a promise of it, or throws a KmsError. Any other error is answered as INTERNAL. */
export type Handler<Method> = Method extends Rpc<infer Request, infer Answer>
  ? (request: Request, call: RpcCall) => Answer | Promise<Answer>
  : never;

/** One handler for each RPC of a service. */
export type Handlers<Rpcs> = { readonly [Name in keyof Rpcs]: Handler<Rpcs[Name]> };

/** Does the work of a call, for instance inside a span. It must return what the work returns. */
export type AroundCall = <Answer>(path: string, call: RpcCall, work: () => Answer) => Answer;

/** Callbacks for events that reach no handler. */
export interface Listeners {
  /** Wraps each call, refused ones too; left out if calls are not traced. */
  readonly around?: AroundCall | undefined;
  readonly unreadable?: Unreadable | undefined;
  /** Called with an internal error that closed a connection. */
  readonly broken?: ((thrown: unknown) => void) | undefined;
}

/** A path on which the server listens. */
export interface Listener {
  /** Stops listening on the path and sends GOAWAY on its connections, so that the clients connect again. */
  close(): void;
}

/** A server that can listen on several paths. The caller owns the socket files. */
export interface RpcServer {
  /**
   * Listens on a path that does not exist yet.
   *
   * @param onRefused called with the system's error code when an accept fails; accepting goes on.
   * @throws {KmsError} `config` if it cannot listen on the path.
   */
  listen(path: string, onRefused?: (code: string) => void): Promise<Listener>;
  /** Stops listening, sends GOAWAY, waits at most `ms` milliseconds for calls in progress, and closes all connections. */
  shutdown(ms: number): Promise<void>;
}

// The longest time that a connection stays open on a closed listener, in milliseconds: longer than a call of KMS.
const leaveMs = 10_000;

// Maximum delay of a deadline in milliseconds. It is less than the margin before the client's own deadline.
const deadlineTickMs = 25;

/** The methods of a contract with their handlers. A method without a handler is answered with UNIMPLEMENTED. */
export function routesOf<Rpcs>(contract: ServiceContract<Rpcs>, handlers: Handlers<Rpcs>): readonly Route[] {
  const names = Object.keys(contract) as (keyof Rpcs)[];
  return names.filter((name) => Object.hasOwn(handlers, name)).map((name) => {
    const { path, request, answer } = contract[name];
    return { path, decode: request.decode, encode: answer.encode, handler: handlers[name] } as Route;
  });
}

/**
 * Makes a server that does not listen yet. A call of a path that no route has is answered with UNIMPLEMENTED.
 *
 * @param deadlineMs the deadline of a call whose client sets none, in milliseconds.
 */
export function rpcServer(
  routes: readonly Route[],
  deadlineMs: number,
  { around, unreadable = () => {}, broken = () => {} }: Listeners = {},
): RpcServer {
  const byPath = new Map(routes.map((route) => [route.path, around === undefined ? route : traced(route, around)]));
  const context = {
    traced: around !== undefined,
    unreadable: around === undefined ? unreadable : tracedUnreadable(unreadable, around),
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

function traced(route: Route, around: AroundCall): Route {
  const { path, handler } = route;
  return { ...route, handler: (request, call) => around(path, call, () => handler(request, call)) };
}

function tracedUnreadable(unreadable: Unreadable, around: AroundCall): Unreadable {
  return (path, error, call) => around(path, call, () => unreadable(path, error, call));
}
