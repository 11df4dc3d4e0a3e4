/**
 * A gRPC server for the KMS services, or for the key service of SOPS: handlers are plain functions that answer or throw.
 *
 * @module
 */
import {
  type handleUnaryCall,
  logVerbosity,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  setLogVerbosity,
} from "@grpc/grpc-js";
import { type After, afterTimeout, coarse, deadline, orAborted } from "../deadline.ts";
import { KmsError } from "../errors.ts";
import { serverMeeter } from "./http2_servers.ts";
import { endLate } from "./late_close.ts";
import type { Rpc, V1beta1Rpcs, V2Rpcs } from "./messages.ts";
import { defaultDeadlineMs, type RpcCall, UnaryRpcCall } from "./rpc_call.ts";
import { kmsServices, Malformed, sopsService } from "./services.ts";
import type { SopsRpcs } from "./sops_messages.ts";
import { rpcStatus } from "./status.ts";
import { keepTimeout } from "./timeout_header.ts";
import { writeTogether } from "./write_together.ts";

/** Answers at once or later, or throws a KmsError. Anything else that it throws is answered as INTERNAL. */
export type Handler<Method> = Method extends Rpc<infer Request, infer Answer>
  ? (request: Request, call: RpcCall) => Answer | Promise<Answer>
  : never;

/** One handler for each RPC of a service. */
export type Handlers<Rpcs> = { readonly [Name in keyof Rpcs]: Handler<Rpcs[Name]> };

/** What to serve. A service that is left out is answered with UNIMPLEMENTED. */
export interface KmsHandlers {
  readonly v2: Handlers<V2Rpcs>;
  readonly v1beta1?: Handlers<V1beta1Rpcs> | undefined;
  readonly unreadable?: Unreadable | undefined;
}

/** The same for SOPS. */
export interface SopsHandlers {
  readonly sops: Handlers<SopsRpcs>;
  readonly unreadable?: Unreadable | undefined;
  /** How long a call may take when its client sets no deadline, in milliseconds: sops sets none. */
  readonly deadlineMs: number;
}

/** Told of a request that is not the message it should be; it is refused with `error` without reaching a handler. */
export type Unreadable = (path: string, error: KmsError, call: RpcCall) => void;

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
   * @throws {KmsError} `config` if it cannot.
   */
  listen(path: string): Promise<Listener>;
  /** Stops listening, sends GOAWAY, waits at most `ms` for the calls in flight, and cuts off those that are left. */
  shutdown(ms: number): Promise<void>;
}

// kube-apiserver keeps one connection for ever and sends no pings: no limit on age or silence, no keepalive. The largest
// good request is a v1beta1 frame of 60 KiB; one somewhat too large should still hear our own sentence. Channelz
// would count every call in memory for nobody.
const options = {
  "grpc.enable_channelz": 0,
  "grpc.max_receive_message_length": 1 << 20,
  "grpc.max_concurrent_streams": 1024,
} as const;

// How long a connection may linger on a listener that nobody can reach any more: longer than any call.
const leaveMs = 10_000;

// A deadline may be kept so much late: less than a call's margin before its client's own.
const deadlineTickMs = 25;

// How long the system may take to close what was cut off.
const cutOffMs = 500;

/** Makes a server for `handlers` that does not listen yet. */
export function rpcServer({ v2, v1beta1, unreadable }: KmsHandlers): RpcServer {
  const services = kmsServices();
  const served: Served[] = [[services.v2, v2 as HandlerTable]];
  if (v1beta1) served.push([services.v1beta1, v1beta1 as HandlerTable]);
  return serverOf(served, { unreadable, deadlineMs: defaultDeadlineMs });
}

/** The same for SOPS. */
export function sopsServer({ sops, unreadable, deadlineMs }: SopsHandlers): RpcServer {
  return serverOf([[sopsService(), sops as HandlerTable]], { unreadable, deadlineMs });
}

type HandlerTable = Readonly<Record<string, PlainHandler>>;
type Served = readonly [service: ServiceDefinition, handlers: HandlerTable];

function serverOf(
  services: readonly Served[],
  { unreadable = () => {}, deadlineMs }: { readonly unreadable: Unreadable | undefined; readonly deadlineMs: number },
): RpcServer {
  // What grpc-js would print on its own is either told to the caller as an error or nobody's business.
  setLogVerbosity(logVerbosity.NONE);
  const server = new Server(options);
  const context = { unreadable, deadlineMs, after: coarse(afterTimeout, deadlineTickMs, () => performance.now()) };
  for (const [service, handlers] of services) {
    server.addService(service, implementation(service, handlers, context));
  }
  const meet = serverMeeter(server, { connection: writeTogether, session: endLate, headers: keepTimeout });
  const targets = new Set<string>();
  return {
    async listen(path) {
      const target = `unix:${path}`;
      await bind(server, target, path);
      meet();
      targets.add(target);
      return {
        close() {
          targets.delete(target);
          server.drain(target, leaveMs);
          server.unbind(target);
        },
      };
    },
    shutdown: (ms) => shutdown(server, targets, ms),
  };
}

function implementation(service: ServiceDefinition, table: HandlerTable, context: CallContext) {
  return Object.fromEntries(
    Object.entries(table).filter(([name]) => name in service).map((
      [name, handler],
    ) => [name, unary(handler, context)]),
  );
}

type PlainHandler = (request: unknown, call: RpcCall) => unknown;

/** What all calls share. */
interface CallContext {
  readonly unreadable: Unreadable;
  readonly deadlineMs: number;
  readonly after: After;
}

// No promise is made for an answer that is there at once: Status and Encrypt stay on the fast path.
function unary(
  handler: PlainHandler,
  { unreadable, deadlineMs, after }: CallContext,
): handleUnaryCall<Record<string, unknown>, unknown> {
  return (unaryCall, callback) => {
    const call = new UnaryRpcCall(unaryCall, after, deadlineMs);
    const answer = (value: unknown) => {
      call[Symbol.dispose]();
      callback(null, value);
    };
    const refuse = (thrown: unknown) => {
      call[Symbol.dispose]();
      callback(rpcStatus(thrown, call.uid));
    };
    try {
      if (unaryCall.request instanceof Malformed) {
        const error = malformed(unaryCall.getPath());
        unreadable(unaryCall.getPath(), error, call);
        return refuse(error);
      }
      const value = handler(unaryCall.request, call);
      if (value instanceof Promise) value.then(answer, refuse);
      else answer(value);
    } catch (thrown) {
      refuse(thrown);
    }
  };
}

function malformed(path: string): KmsError {
  return new KmsError("request_invalid", `Cannot read the request to ${path}: it is not the message expected.`);
}

function bind(server: Server, target: string, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.bindAsync(target, ServerCredentials.createInsecure(), (error) => {
      if (error === null) return resolve();
      reject(new KmsError("config", `Cannot listen on "${path}": the system refused the socket.`, { cause: error }));
    });
  });
}

// Without channelz, forceShutdown() of grpc-js 1.14 knows no connection. drain() does: it sends GOAWAY now and cuts off
// what is left after `ms`, but only what tryShutdown() has not closed before it.
async function shutdown(server: Server, targets: ReadonlySet<string>, ms: number): Promise<void> {
  for (const target of targets) server.drain(target, ms);
  const closed = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
  await within(ms + cutOffMs, closed);
  server.forceShutdown();
}

async function within(ms: number, work: Promise<void>): Promise<void> {
  using bound = deadline(ms);
  await orAborted(work, bound.signal, "drain").catch(() => {});
}
