/**
 * A KMS v2 plugin with faults on demand, down to the frames of HTTP/2.
 *
 * @module
 */
import { createServer, type Http2Server, type Http2Session, type ServerHttp2Stream } from "node:http2";
import type { IncomingHttpHeaders } from "node:http2";
import type { Socket } from "node:net";
import { join } from "node:path";
import { concat } from "../../lib/base/bytes.ts";
import { KmsError, toKmsError } from "../../lib/base/errors.ts";
import { endSessionLate } from "../../lib/net/grpc/deno_http2_workaround.ts";
import type { DecryptRequest, EncryptRequest, V1DecryptRequest, V1EncryptRequest } from "../../lib/api/kms/messages.ts";
import { kmsContracts } from "../../lib/api/kms/contract.ts";
import type { MethodContract, Rpc } from "../../lib/net/grpc/contract.ts";
import { rpcStatus } from "../../lib/net/grpc/status.ts";
import { PluginKeys } from "./plugin_keys.ts";
import { backedOff, grpcFrame } from "./raw_grpc.ts";

/** A fault of the plugin, in place of an answer. */
export type PluginFault =
  /** A gRPC status by its number. */
  | { readonly kind: "status"; readonly code: number; readonly details?: string }
  /** Status returns this `healthz`; all other RPCs return UNAVAILABLE. */
  | { readonly kind: "unwell"; readonly healthz: string }
  | { readonly kind: "hang" }
  /** Half a message, then the connection is closed. */
  | { readonly kind: "half" }
  /** A message of these bytes, and OK. */
  | { readonly kind: "message"; readonly bytes: Uint8Array }
  /** A body of these bytes, and OK. */
  | { readonly kind: "frame"; readonly bytes: Uint8Array }
  /** An HTTP answer that is not gRPC. */
  | { readonly kind: "http"; readonly status: number; readonly text: string }
  /** The end of the stream without a status. */
  | { readonly kind: "no status" };

type RpcName = "Status" | "Encrypt" | "Decrypt" | "Version";

/** An RPC with its service, as in `v2 Status`. */
export type RpcPath = `v2 ${"Status" | "Encrypt" | "Decrypt"}` | `v1beta1 ${"Version" | "Encrypt" | "Decrypt"}`;

/** Answers in place of the correct plugin. `sound` returns the correct answer. */
// deno-lint-ignore no-explicit-any
export type Override = (request: any, sound: () => any, about: CallAbout) => unknown;

/** Details of a call. */
export interface CallAbout {
  /** Connections are numbered from 1. */
  readonly session: number;
  readonly authority: string | undefined;
  /** Fires when the client has cancelled the call. */
  readonly signal: AbortSignal;
}

/** A request that the plugin received. */
export interface PluginCallSeen {
  readonly rpc: RpcName;
  readonly authority: string | undefined;
  readonly timeout: string | undefined;
}

/** A plugin on a socket in its own folder. */
export class PluginDouble implements AsyncDisposable {
  readonly socket: string;
  readonly keys = new PluginKeys();
  readonly calls: PluginCallSeen[] = [];
  /** The fault of every RPC, and the faults of single RPCs. */
  fault: PluginFault | undefined;
  faultOf: Partial<Record<RpcName, PluginFault>> = {};
  servesV1beta1 = true;
  /** Whether errors have their gRPC status. Most plugins answer every error with UNKNOWN. */
  knowsCodes = true;
  /** Replacements for the answers of single RPCs. */
  overrides: { [Path in RpcPath]?: Override } = {};
  /** Called between a request and its answer. */
  before: (rpc: RpcName) => void = () => {};
  readonly #folder: string;
  readonly #contracts: Record<
    "v2" | "v1beta1",
    { readonly [Name in RpcName]?: MethodContract<Rpc<unknown, unknown>> }
  > = kmsContracts() as never;
  readonly #sessions = new Map<Http2Session | undefined, number>();
  readonly #sockets = new Set<Socket>();
  #connections = 0;
  #server: Http2Server | undefined;
  #stopped: Promise<void> = Promise.resolve();
  #wasGone = false;

  private constructor(folder: string) {
    this.#folder = folder;
    this.socket = join(folder, "kms.sock");
  }

  static async start(): Promise<PluginDouble> {
    const double = new PluginDouble(await Deno.makeTempDir());
    await double.listen();
    return double;
  }

  /** Listens, also again after `stop`. */
  async listen(): Promise<void> {
    // The previous server removes the socket file when it has stopped.
    await this.#stopped;
    const server = this.#server = createServer();
    server.on("session", (session) => {
      endSessionLate(session);
      this.#sessions.set(session, ++this.#connections);
      session.on("close", () => this.#sessions.delete(session));
      session.on("error", () => {});
    });
    server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    server.on("stream", (stream, headers) => {
      stream.on("error", () => {});
      // A client can cancel a call at any time. Writing to a destroyed stream is then not an error.
      this.#serve(stream as ServerHttp2Stream, headers).catch((thrown) => {
        if (!stream.destroyed) throw thrown;
      });
    });
    await new Promise<void>((resolve) => server.listen(this.socket, () => resolve()));
  }

  /** Stops as a process that dies: the socket file can remain. */
  stop(): Promise<void> {
    return this.#stopped = this.#stop();
  }

  async #stop(): Promise<void> {
    this.#wasGone = true;
    const gone = new Promise<void>((resolve) => this.#server?.close(() => resolve()) ?? resolve());
    for (const session of this.#sessions.keys()) session?.destroy();
    await gone;
    this.#server = undefined;
    await Deno.remove(this.socket).catch(() => {});
  }

  /** Stops during a call without sending another frame. */
  async die(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await this.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const wasGone = this.#wasGone;
    if (this.#server !== undefined) await this.stop();
    await Deno.remove(this.#folder, { recursive: true });
    if (wasGone) await backedOff();
  }

  async #serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
    const path = String(headers[":path"]);
    const rpc = path.slice(path.lastIndexOf("/") + 1) as RpcName;
    const body = await bodyOf(stream);
    this.calls.push({ rpc, authority: headers[":authority"], timeout: headers["grpc-timeout"]?.toString() });
    this.before(rpc);
    const fault = this.faultOf[rpc] ?? this.fault;
    if (fault !== undefined && fault.kind !== "unwell") return this.#fail(stream, fault);
    const api = path.startsWith("/v2.") ? "v2" : "v1beta1";
    const method = api === "v2" || this.servesV1beta1 ? this.#contracts[api][rpc] : undefined;
    if (method === undefined) return end(stream, 12, "");
    const gone = new AbortController();
    stream.on("close", () => gone.abort());
    const about: CallAbout = {
      session: this.#sessions.get(stream.session) ?? 0,
      authority: headers[":authority"],
      signal: gone.signal,
    };
    try {
      const request = method.request.decode(body.subarray(5)) as object;
      const sound = () => this.#answer(api, rpc, request, fault);
      const answer = await (this.overrides[`${api} ${rpc}` as RpcPath]?.(request, sound, about) ?? sound());
      if (!gone.signal.aborted) reply(stream, grpcFrame(method.answer.encode(answer)));
    } catch (thrown) {
      const { code, details } = rpcStatus(toKmsError(thrown), "");
      if (!gone.signal.aborted) end(stream, this.knowsCodes ? code : 2, details);
    }
  }

  #answer(api: "v2" | "v1beta1", rpc: RpcName, request: object, unwell: { readonly healthz: string } | undefined) {
    const { keys } = this;
    if (rpc === "Status") {
      return unwell === undefined
        ? { version: "v2", healthz: "ok", key_id: keys.status() }
        : { version: "v2", healthz: unwell.healthz, key_id: keys.current };
    }
    if (rpc === "Version") return { version: "v1beta1", runtime_name: "double", runtime_version: "1.2.3" };
    if (unwell !== undefined) throw new KmsError("unreachable", unwell.healthz);
    if (api === "v1beta1") {
      if (rpc === "Encrypt") return { cipher: keys.seal((request as V1EncryptRequest).plain) };
      return { plain: keys.open((request as V1DecryptRequest).cipher) };
    }
    if (rpc === "Encrypt") return keys.encrypt((request as EncryptRequest).plaintext);
    return { plaintext: keys.decrypt(request as DecryptRequest) };
  }

  #fail(stream: ServerHttp2Stream, fault: Exclude<PluginFault, { kind: "unwell" }>): void {
    switch (fault.kind) {
      case "hang":
        return;
      case "status":
        return end(stream, fault.code, fault.details ?? "");
      case "message":
        return reply(stream, grpcFrame(fault.bytes));
      case "frame":
        return reply(stream, fault.bytes);
      case "http":
        stream.respond({ ":status": fault.status, "content-type": "text/html" });
        return void stream.end(fault.text);
      case "no status":
        stream.respond({ ":status": 200, "content-type": "application/grpc" });
        return void stream.end();
      case "half":
        stream.respond({ ":status": 200, "content-type": "application/grpc" });
        stream.write(Uint8Array.of(0, 0, 0, 0, 9, 1), () => {
          for (const session of this.#sessions.keys()) session?.destroy();
        });
    }
  }
}

function end(stream: ServerHttp2Stream, code: number, details: string): void {
  const status = { "grpc-status": `${code}`, "grpc-message": encodeURIComponent(details) };
  stream.respond({ ":status": 200, "content-type": "application/grpc", ...status }, { endStream: true });
}

function reply(stream: ServerHttp2Stream, frame: Uint8Array): void {
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  stream.end(frame);
}

async function bodyOf(stream: ServerHttp2Stream): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return concat(...chunks);
}
