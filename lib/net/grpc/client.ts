/**
 * Speaks to a KMS plugin on its socket as kube-apiserver does, and to a key service as sops does.
 *
 * @module
 */
import { Client, credentials, type MethodDefinition, type ServiceDefinition, type ServiceError } from "@grpc/grpc-js";
import { systemClock } from "../../base/clock.ts";
import { abortError } from "../../base/deadline.ts";
import { KmsError } from "../../base/errors.ts";
import { closeClientsLate } from "./deno_http2_workaround.ts";
import { localFailure } from "./connect_errors.ts";
import type { Rpc, V1beta1Rpcs, V2Rpcs } from "../../api/kms/messages.ts";
import { defaultDeadlineMs } from "./rpc_call.ts";
import { kmsServices, sopsService } from "../../api/kms/services.ts";
import type { SopsRpcs } from "../../api/sops/messages.ts";
import { errorOfRpc } from "./status.ts";

/** How a call is bounded. */
export interface DialOptions {
  readonly signal: AbortSignal;
  /** Milliseconds, connecting included; 3,000 if left out, as kube-apiserver has it. */
  readonly timeoutMs?: number;
}

/**
 * Makes one call.
 *
 * @throws {KmsError} with the code that the answered status stands for and an `RpcFailure` as its cause, or `cancelled`
 *   or `deadline_exceeded` if `signal` fired first.
 */
export type ClientCall<Method> = Method extends Rpc<infer Request, infer Answer>
  ? (request: Request, options: DialOptions) => Promise<Answer>
  : never;

/** One function for each RPC of both services. */
export interface KmsClient extends AsyncDisposable {
  readonly v2: { readonly [Name in keyof V2Rpcs]: ClientCall<V2Rpcs[Name]> };
  readonly v1beta1: { readonly [Name in keyof V1beta1Rpcs]: ClientCall<V1beta1Rpcs[Name]> };
}

/** The same for the key service of SOPS. */
export interface SopsClient extends AsyncDisposable {
  readonly sops: { readonly [Name in keyof SopsRpcs]: ClientCall<SopsRpcs[Name]> };
}

/** How a client presents itself. */
export interface ClientOptions {
  /** Its `:authority`: `localhost` if left out, as kube-apiserver has it since 1.32; before it sent the socket's path. */
  readonly authority?: string;
}

/**
 * What has to be told a client that kube-apiserver's would not be: that the path is not a name, and nobody's proxy. A
 * plugin that was restarted is there again at once, and knocking at a socket costs nothing: without bounds of its own
 * grpc-js would leave it alone for up to two minutes. The largest good answer is a v1beta1 ciphertext of 64 KiB.
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
 * Opens a client for the plugin on a socket. Nothing is sent until the first call.
 *
 * @param path the socket's path, without `unix:`.
 * @throws {KmsError} `config` if Deno's permissions keep the program from it.
 */
export function dialKms(path: string, { authority = "localhost" }: ClientOptions = {}): KmsClient {
  const client = clientOf(path, authority);
  const services = kmsServices();
  return {
    v2: calls<KmsClient["v2"]>(client, services.v2, `v2`, path),
    v1beta1: calls<KmsClient["v1beta1"]>(client, services.v1beta1, `v1beta1`, path),
    [Symbol.asyncDispose]: () => closed(client),
  };
}

/**
 * Opens a client for the key service of SOPS on a socket. Nothing is sent until the first call.
 *
 * @throws {KmsError} `config` as {@linkcode dialKms}.
 */
export function dialSops(path: string): SopsClient {
  const client = clientOf(path, "localhost");
  return {
    sops: calls<SopsClient["sops"]>(client, sopsService(), "sops", path),
    [Symbol.asyncDispose]: () => closed(client),
  };
}

function clientOf(path: string, authority: string): Client {
  // Deno asks for the right to write to a socket, whatever may be said on the network.
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
    // A Unix socket has no proxy; this keeps the library from reading proxy variables at all.
    "grpc.enable_http_proxy": 0,
  });
}

function closed(client: Client): Promise<void> {
  client.close();
  return Promise.resolve();
}

function calls<Calls>(client: Client, service: ServiceDefinition, api: string, path: string): Calls {
  return Object.fromEntries(
    Object.entries(service).map(([name, method]) => [
      name,
      (request: unknown, options: DialOptions) =>
        call(client, method, request, options, `call ${api} ${name} on ${path}`),
    ]),
  ) as Calls;
}

function call(
  client: Client,
  method: MethodDefinition<unknown, unknown>,
  request: unknown,
  { signal, timeoutMs = defaultDeadlineMs }: DialOptions,
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
      method.requestSerialize,
      method.responseDeserialize,
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
