/**
 * A gRPC client for unary methods, on a Unix socket.
 *
 * @module
 */
import { Client, credentials, type ServiceError } from "@grpc/grpc-js";
import { systemClock } from "../../base/clock.ts";
import { abortError } from "../../base/deadline.ts";
import { KmsError } from "../../base/errors.ts";
import { closeClientsLate } from "./deno_http2_workaround.ts";
import { localFailure } from "./connect_errors.ts";
import type { MethodContract, Rpc, ServiceContract } from "./contract.ts";
import { errorOfRpc } from "./status.ts";

/** Options of one call. */
export interface DialOptions {
  /** Cancels the call. */
  readonly signal: AbortSignal;
  /** Timeout in milliseconds, including the connection; the client's `timeoutMs` if left out. */
  readonly timeoutMs?: number;
}

/**
 * Makes one call.
 *
 * @throws {KmsError} with the code for the status of the answer and an `RpcFailure` as its cause; `cancelled` or
 *   `deadline_exceeded` if `signal` fired first.
 */
export type ClientCall<Method> = Method extends Rpc<infer Request, infer Answer>
  ? (request: Request, options: DialOptions) => Promise<Answer>
  : never;

/** One function for each RPC of a service. */
export type ClientCalls<Rpcs> = { readonly [Name in keyof Rpcs]: ClientCall<Rpcs[Name]> };

/** A client for one or several services on one socket. */
export interface RpcClient extends AsyncDisposable {
  /**
   * Makes the functions of a service.
   *
   * @param api the name of the service in errors, as in `Cannot call v2 Status on /run/kms.sock`.
   */
  calls<Rpcs>(contract: ServiceContract<Rpcs>, api: string): ClientCalls<Rpcs>;
}

/** Options of a client. */
export interface ClientOptions {
  /** `:authority`; `localhost` if left out, as kube-apiserver sends it since 1.32. Earlier it sent the socket's path. */
  readonly authority?: string;
}

/**
 * The options of grpc-js. A Unix socket is not reached by a proxy; `enable_http_proxy: 0` also keeps the library from
 * reading the environment variables for proxies. The reconnect backoff is short, because a restarted
 * server listens at once, and with the default the client would not connect for up to two minutes. The largest valid
 * answer, a ciphertext of KMS v1beta1, has 64 KiB.
 */
const options = {
  "grpc.enable_channelz": 0,
  "grpc.enable_http_proxy": 0,
  "grpc.enable_retries": 0,
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 500,
  "grpc.max_receive_message_length": 1 << 20,
  "grpc.use_local_subchannel_pool": 1,
} as const;

/**
 * Opens a client on a socket. Nothing is sent until the first call.
 *
 * @param path the path of the socket, without `unix:`.
 * @param options.timeoutMs the timeout of a call without its own, in milliseconds.
 * @throws {KmsError} `config` if Deno's permissions do not include the path.
 */
export function dial(
  path: string,
  { authority = "localhost", timeoutMs }: ClientOptions & { readonly timeoutMs: number },
): RpcClient {
  const client = clientOf(path, authority);
  return {
    calls<Rpcs>(contract: ServiceContract<Rpcs>, api: string): ClientCalls<Rpcs> {
      const methods: [string, MethodContract<Rpc<unknown, unknown>>][] = Object.entries(contract);
      return Object.fromEntries(methods.map(([name, method]) => [
        name,
        (request: unknown, options: DialOptions) =>
          call(client, method, request, { timeoutMs, ...options }, `call ${api} ${name} on ${path}`),
      ])) as Record<string, never> & ClientCalls<Rpcs>;
    },
    [Symbol.asyncDispose]() {
      client.close();
      return Promise.resolve();
    },
  };
}

function clientOf(path: string, authority: string): Client {
  // For a Unix socket Deno requires the permission to write the path, besides the network permission.
  if (Deno.permissions.querySync({ name: "write", path }).state !== "granted") {
    throw new KmsError(
      "config",
      `Cannot connect to "${path}": Trousseau reaches sockets below /run, /var/run and /var/lib/trousseau alone; ` +
        "put the socket there.",
    );
  }
  closeClientsLate();
  return new Client(`unix:${path}`, credentials.createInsecure(), {
    ...options,
    "grpc.default_authority": authority,
  });
}

function call(
  client: Client,
  method: MethodContract<Rpc<unknown, unknown>>,
  request: unknown,
  { signal, timeoutMs }: Required<DialOptions>,
  action: string,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(abortError(signal, action));
    const onAbort = () => running.cancel();
    const onAnswer = (error: ServiceError | null, answer?: unknown) => {
      signal.removeEventListener("abort", onAbort);
      if (error === null) return resolve(answer);
      reject(signal.aborted ? abortError(signal, action) : errorOf(error, action));
    };
    const running = client.makeUnaryRequest(
      method.path,
      method.request.encode,
      method.answer.decode,
      request,
      { deadline: systemClock.wall() + timeoutMs },
      onAnswer,
    );
    signal.addEventListener("abort", onAbort, { once: true });
  });
}

function errorOf({ code, details }: ServiceError, action: string): KmsError {
  const local = localFailure(details);
  if (local === undefined) return errorOfRpc(code, details, action);
  return errorOfRpc(local.code, `${local.why}.`, action, local.why);
}
