/**
 * Requests to one address of a KMS or of a server that issues its tokens, over kept-alive connections.
 *
 * It uses `node:https` instead of `fetch`: only there can the expected name in the server's certificate differ from the
 * address, and only there does a CA file replace the built-in CA certificates instead of extending them.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { ClientRequest, IncomingMessage } from "node:http";
import { Agent as HttpAgent, request as httpRequest, validateHeaderValue } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { Socket } from "node:net";
import type { Clock } from "../../base/clock.ts";
import { abortError, isTimeout } from "../../base/deadline.ts";
import { KmsError } from "../../base/errors.ts";
import { Waits } from "../../base/waits.ts";
import { type Address, addressOf, dialPlain } from "./address.ts";
import { type AnswerFault, chunksOf, readAnswer } from "./answer.ts";
import type { HttpAnswer, HttpStream } from "./http_answer.ts";
import { FailedConnections } from "./failed_connections.ts";
import { connectionFailures, type NetworkCause } from "./network_failures.ts";
import { isThisMachine } from "./proxy.ts";
import { openTunnel, type Proxy, ProxyError, ProxyTrust, TunnelAgent } from "./tunnel.ts";
import { socketFailure } from "./unix_socket.ts";

export { retryAfter } from "./answer.ts";
export type { HttpAnswer, HttpStream } from "./http_answer.ts";

/** A request. */
export interface HttpRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Absolute path with encoded segments. */
  readonly path: string;
  /** Lowercase names. Tokens are sent here and nowhere else. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body, created by {@linkcode jsonRequest} or {@linkcode form}. */
  readonly body?: HttpBody | undefined;
  /**
   * Whether the request can succeed only once, for instance unwrapping a wrapping token. It gets a new connection: on a
   * kept-alive one that the server has closed in the meantime, Node's client would send it a second time.
   */
  readonly once?: boolean;
  /** Maximum size of the response in bytes; 1 MiB if left out. Not for {@linkcode HttpsEndpoint.open}. */
  readonly maxBytes?: number;
}

/** A body and its media type. */
export interface HttpBody {
  /** Media type, sent as Content-Type. */
  readonly type: string;
  readonly bytes: Uint8Array;
}

/** Limit and purpose of a call. `action` is the operation in messages, as in `wrap with provider "vault-eu"`. */
export interface HttpCall {
  readonly signal: AbortSignal;
  readonly action: string;
}

/** PEM texts, the expected server name and the proxy, for connections. */
export interface TlsMaterial {
  /** CA certificates. */
  readonly ca: string | undefined;
  /** Client certificate. */
  readonly certificate: string | undefined;
  /** Private key of the client certificate. */
  readonly key: string | undefined;
  /** Expected name in the server's certificate, if it differs from the address's host. */
  readonly serverName: string | undefined;
  /** Source of `ca`, for messages: a file's path, or the system's bundle. */
  readonly trusted?: string | undefined;
  /** The proxy for servers beyond this machine. */
  readonly proxy?: Proxy | undefined;
  /** The clock of the search for the reason of a failed connection; the system's if absent. */
  readonly clock?: Clock;
}

/** Default of {@linkcode HttpRequest.maxBytes}: expected responses are far smaller. */
const defaultBytes = 1 << 20;

/** One address with its connection pool. */
export class HttpsEndpoint implements Disposable {
  readonly #address: Address;
  readonly #server: string;
  readonly #kept: HttpAgent | HttpsAgent;
  readonly #fresh: HttpAgent | HttpsAgent;
  readonly #serverName: string | undefined;
  readonly #proxy: Proxy | undefined;
  readonly #failed: FailedConnections;
  readonly #waits: Waits;

  /**
   * @param server name in messages, for instance `Vault`.
   * @param address `https://host:port`, with a path if the server's whole API is below it; or `unix:///path`.
   * @param waits records requests without a response.
   * @throws {Error} if the TLS material cannot be used.
   */
  constructor(server: string, address: string, tls: TlsMaterial, waits: Waits = new Waits()) {
    const at = this.#address = addressOf(address);
    this.#server = server;
    this.#serverName = tls.serverName;
    this.#waits = waits;
    const secured = {
      ...(tls.ca === undefined ? {} : { ca: tls.ca }),
      ...(tls.certificate === undefined ? {} : { cert: tls.certificate }),
      ...(tls.key === undefined ? {} : { key: tls.key }),
    };
    // Plain http is permitted only for this machine and metadata services, which a proxy cannot reach.
    const proxy = this.#proxy = at.secure && !isThisMachine(at.host) ? tls.proxy : undefined;
    // Both are set explicitly. Otherwise the runtime would follow NODE_TLS_REJECT_UNAUTHORIZED and NODE_USE_ENV_PROXY
    // of the environment, which it reads without a permission.
    const direct = { proxyEnv: {} };
    const options = { ...direct, rejectUnauthorized: true, ...secured };
    const trusted = tls.trusted ?? "the CA file";
    const trust = proxy === undefined ? undefined : new ProxyTrust(proxy, tls.ca, trusted);
    const agent = (keepAlive: boolean) => {
      if (!at.secure) return new HttpAgent({ keepAlive, ...direct });
      return trust === undefined
        ? new HttpsAgent({ keepAlive, ...options })
        : new TunnelAgent(trust, { keepAlive, ...options });
    };
    this.#kept = agent(true);
    this.#fresh = agent(false);
    this.#failed = new FailedConnections({
      dial: (signal) => trust === undefined ? dialPlain(at, signal) : openTunnel(trust, at, signal),
      name: tls.serverName ?? at.host,
      secure: at.secure,
      ca: tls.ca,
      trusted,
      hasCertificate: tls.certificate !== undefined,
      ...(tls.clock === undefined ? {} : { clock: tls.clock }),
    });
  }

  /** The address in messages. */
  get address(): string {
    return this.#address.shown;
  }

  /** Scheme, host and port. */
  get origin(): string {
    return this.#address.origin;
  }

  [Symbol.dispose](): void {
    this.#kept.destroy();
    this.#fresh.destroy();
  }

  /** Lets pending requests finish and keeps no idle connection. */
  retire(): void {
    this.#kept.maxFreeSockets = 0;
    this.#dropIdle();
  }

  /**
   * Sends a request once.
   *
   * @throws {KmsError} `unreachable`, `deadline_exceeded`, `cancelled`, `provider_protocol` for a response above the limit,
   *   or `config` for a secret that a header field cannot contain.
   */
  ask(request: HttpRequest, call: HttpCall): Promise<HttpAnswer> {
    const maxBytes = request.maxBytes ?? defaultBytes;
    return this.#exchange(request, call, this.#kept, async (response) => {
      const read = await readAnswer(response, maxBytes);
      if ("answer" in read) return read.answer;
      throw this.#unreadable(call.action, read.fault, maxBytes);
    });
  }

  /**
   * Sends a request over a connection of its own, and returns the response before its end. The signal ends the body, too.
   *
   * @throws {KmsError} as {@linkcode ask}; the body throws it as well.
   */
  open(request: HttpRequest, call: HttpCall): Promise<HttpStream> {
    return this.#exchange(request, call, this.#fresh, (response, sent) => {
      const cut = this.#unreadable(call.action, "cutShort", defaultBytes);
      // Without a listener, an error before the body is read would end the process.
      response.on("error", () => {});
      return Promise.resolve({ status: response.statusCode ?? 0, body: chunksOf(response, sent, call, cut) });
    });
  }

  #exchange<T>(
    request: HttpRequest,
    call: HttpCall,
    agent: HttpAgent | HttpsAgent,
    receive: (response: IncomingMessage, sent: ClientRequest) => Promise<T>,
  ): Promise<T> {
    const { signal, action } = call;
    if (signal.aborted) return Promise.reject(abortError(signal, action));
    const unsendable = Object.entries(request.headers).some(([name, value]) => !canBeSent(name, value));
    if (unsendable) return Promise.reject(this.#unsendable(action));
    return new Promise((resolve, reject) => {
      const wait = this.#waits.begin(this.#name());
      const sent = this.#start(request, signal, request.once === true ? this.#fresh : agent);
      const onAbort = () => {
        // A connection that lost one request can lose the next: all idle ones are closed.
        this.#dropIdle();
        const error = isTimeout(signal)
          ? new KmsError("deadline_exceeded", `Cannot ${action}: ${wait.silence()}.`)
          : abortError(signal, action);
        finish(() => reject(error));
        sent.destroy();
      };
      let finished = false;
      const finish = (settle: () => void) => {
        // A destroyed request can still emit an error.
        if (finished) return;
        finished = true;
        wait.end();
        signal.removeEventListener("abort", onAbort);
        settle();
      };
      signal.addEventListener("abort", onAbort, { once: true });
      let connections = 0;
      sent.on("socket", (socket: Socket) => {
        connections++;
        this.#onConnected(socket, () => wait.connected());
      });
      sent.on("error", (cause: NetworkCause) => {
        // The error settles now, even if the call is aborted while the cause is determined.
        finish(() => this.#networkError(call, cause, connections > 1).then(reject, reject));
      });
      sent.on("response", (response: IncomingMessage) => {
        this.#failed.succeeded();
        receive(response, sent).then((received) => finish(() => resolve(received)), (thrown) => {
          sent.destroy();
          finish(() => reject(thrown));
        });
      });
    });
  }

  #onConnected(socket: Socket, connected: () => void): void {
    if (!socket.connecting) return connected();
    socket.once(this.#address.secure ? "secureConnect" : "connect", connected);
  }

  #start(
    { method, path, headers, body }: HttpRequest,
    signal: AbortSignal,
    agent: HttpAgent | HttpsAgent,
  ): ClientRequest {
    const { secure, host, port, prefix, socketPath } = this.#address;
    const sent = (secure ? httpsRequest : httpRequest)({
      agent,
      method,
      ...(socketPath === undefined ? { host, port } : { socketPath }),
      path: `${prefix}${path}`,
      headers: body === undefined
        ? headers
        : { ...headers, "content-type": body.type, "content-length": `${body.bytes.length}` },
      ...(this.#serverName === undefined ? {} : { servername: this.#serverName }),
      ...(this.#proxy === undefined ? {} : { givenUp: signal }),
    });
    sent.end(body?.bytes);
    return sent;
  }

  async #networkError({ action, signal }: HttpCall, cause: NetworkCause, sentTwice: boolean): Promise<KmsError> {
    if (cause instanceof ProxyError) {
      const why = `cannot be reached through the proxy ${this.#proxy?.origin}: ${cause.message}`;
      return this.#unreachable(action, why, cause);
    }
    const { socketPath } = this.#address;
    const isSocket = socketPath !== undefined && "syscall" in cause && cause.syscall === "connect";
    const why = isSocket ? await socketFailure(socketPath, cause) : await this.#failed.explain(cause, signal);
    return this.#unreachable(action, why, sentTwice ? new LostRequest(cause) : cause);
  }

  #unreadable(action: string, fault: AnswerFault, maxBytes: number): KmsError {
    if (fault === "tooLong") {
      const most = `${maxBytes / defaultBytes} MiB`;
      return new KmsError("provider_protocol", `Cannot ${action}: ${this.#name()} answered more than ${most}.`);
    }
    const speaksTls = fault === "plainOnTls" && !this.#address.secure;
    return this.#unreachable(action, speaksTls ? connectionFailures.speaksTls : connectionFailures.cutShort);
  }

  /** Header values with a secret from a file or a variable are the only ones that this program does not generate. */
  #unsendable(action: string): KmsError {
    return new KmsError(
      "config",
      `Cannot ${action}: the secret for ${this.#name()} holds a character that cannot be sent, such as a line break or ` +
        "a dash of a word processor; write it anew into its file or variable.",
    );
  }

  #unreachable(action: string, why: string, cause?: Error): KmsError {
    return new KmsError("unreachable", `Cannot ${action}: ${this.#name()} ${why}.`, { cause });
  }

  #name(): string {
    return `${this.#server} at ${this.#address.shown}`;
  }

  #dropIdle(): void {
    for (const sockets of Object.values(this.#kept.freeSockets)) {
      for (const socket of sockets ?? []) socket.destroy();
    }
  }
}

/**
 * The cause of a failure after Node's client has sent a request again, because the kept-alive connection of the first copy
 * was closed. The second copy can have been refused a connection while the first one was executed.
 */
class LostRequest extends Error {
  override readonly name = "LostRequest";

  constructor(cause: NetworkCause) {
    super("The connection ended without an answer, and the request was sent again.", { cause });
  }
}

/** Whether a header field can contain the value (RFC 9110, section 5.5). Node throws otherwise. */
function canBeSent(name: string, value: string): boolean {
  try {
    validateHeaderValue(name, value);
    return true;
  } catch {
    return false;
  }
}

/** A body in JSON. */
export function jsonRequest(value: unknown): HttpBody {
  return { type: "application/json", bytes: Buffer.from(JSON.stringify(value)) };
}

/** A body of URL-encoded form fields, as OAuth token endpoints require (RFC 6749, section 4.4.2). */
export function form(fields: Readonly<Record<string, string>>): HttpBody {
  return { type: "application/x-www-form-urlencoded", bytes: Buffer.from(new URLSearchParams(fields).toString()) };
}
