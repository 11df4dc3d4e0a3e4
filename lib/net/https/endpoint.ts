/**
 * One request to one address of a KMS or of whoever gives out its tokens, on kept-alive connections.
 *
 * It stands on `node:https` and not on `fetch`: only there can the name in the server's certificate differ from the
 * address, and only there does a CA file replace the built-in authorities instead of joining them.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { ClientRequest, IncomingMessage } from "node:http";
import { Agent as HttpAgent, request as httpRequest, validateHeaderValue } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { Socket } from "node:net";
import { abortError, isTimeout } from "../../base/deadline.ts";
import { KmsError } from "../../base/errors.ts";
import { Waits } from "../../base/waits.ts";
import { type Address, addressOf, dialPlain } from "./address.ts";
import { type AnswerFault, readAnswer } from "./answer.ts";
import type { HttpAnswer } from "./http_answer.ts";
import { FailedConnections } from "./failed_connections.ts";
import { connectionFailures, type NetworkCause } from "./network_failures.ts";
import { isThisMachine } from "./proxy.ts";
import { openTunnel, type Proxy, ProxyError, ProxyTrust, TunnelAgent } from "./tunnel.ts";
import { socketFailure } from "./unix_socket.ts";

export { retryAfter } from "./answer.ts";
export type { HttpAnswer } from "./http_answer.ts";

/** What is asked. */
export interface HttpRequest {
  readonly method: "GET" | "POST" | "PUT";
  /** From the first slash on, its segments encoded. */
  readonly path: string;
  /** Lowercase names. A token travels here and nowhere else. */
  readonly headers: Readonly<Record<string, string>>;
  /** As {@linkcode jsonRequest} or {@linkcode form} makes it. */
  readonly body?: HttpBody | undefined;
  /**
   * Whether it works only once, as opening a wrapping token does. Such a request gets a connection of its own: on a kept
   * one that the server has closed meanwhile, Node's client sends it a second time.
   */
  readonly once?: boolean;
}

/** A body and what it is. */
export interface HttpBody {
  readonly type: string;
  readonly bytes: Uint8Array;
}

/** How a call is bounded and what it is for, as in `wrap with provider "vault-eu"`. */
export interface HttpCall {
  readonly signal: AbortSignal;
  readonly action: string;
}

/** PEM texts, the expected name and the proxy, for one connection. */
export interface TlsMaterial {
  readonly ca: string | undefined;
  readonly certificate: string | undefined;
  readonly key: string | undefined;
  readonly serverName: string | undefined;
  /** Where `ca` comes from, for messages: a file's path, or the system's authorities. */
  readonly trusted?: string | undefined;
  /** Through which connections beyond this machine are made. */
  readonly proxy?: Proxy | undefined;
}

/** One address with its pool of connections. */
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
   * @param server what it is called in messages, such as `Vault`.
   * @param address `https://host:port`, with a path where all of the server's API is below one; or `unix:///path`.
   * @param waits where requests without an answer are noted.
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
    // Plain http is for this machine and metadata services alone, which no proxy can reach.
    const proxy = this.#proxy = at.secure && !isThisMachine(at.host) ? tls.proxy : undefined;
    // Said outright: left out, NODE_TLS_REJECT_UNAUTHORIZED and NODE_USE_ENV_PROXY of the environment decide, which no
    // permission keeps from the runtime.
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
    });
  }

  /** Its address as messages name it. */
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

  /** Lets what is under way finish and keeps no connection after it. */
  retire(): void {
    this.#kept.maxFreeSockets = 0;
    this.#dropIdle();
  }

  /**
   * Asks once.
   *
   * @throws {KmsError} `unreachable`, `deadline_exceeded`, `cancelled`, `provider_protocol` for an answer too large, or
   *   `config` for a secret that no header can carry.
   */
  ask(request: HttpRequest, call: HttpCall): Promise<HttpAnswer> {
    const { signal, action } = call;
    if (signal.aborted) return Promise.reject(abortError(signal, action));
    const unfit = Object.entries(request.headers).some(([name, value]) => !canBeSent(name, value));
    if (unfit) return Promise.reject(this.#unfit(action));
    return new Promise((resolve, reject) => {
      const wait = this.#waits.begin(this.#name());
      const sent = this.#start(request, signal);
      const onAbort = () => {
        // A connection that swallowed one request may swallow the next: none of the idle ones is trusted any more.
        this.#dropIdle();
        const error = isTimeout(signal)
          ? new KmsError("deadline_exceeded", `Cannot ${action}: ${wait.silence()}.`)
          : abortError(signal, action);
        finish(() => reject(error));
        sent.destroy();
      };
      let finished = false;
      const finish = (settle: () => void) => {
        // A request that is destroyed may still emit an error.
        if (finished) return;
        finished = true;
        wait.end();
        signal.removeEventListener("abort", onAbort);
        settle();
      };
      signal.addEventListener("abort", onAbort, { once: true });
      sent.on("socket", (socket: Socket) => this.#watch(socket, () => wait.connected()));
      sent.on("error", (cause: NetworkCause) => {
        // The server has failed, whether or not there is time to find out why.
        finish(() => this.#networkError(call, cause).then(reject, reject));
      });
      sent.on("response", (response: IncomingMessage) => {
        this.#failed.succeeded();
        readAnswer(response).then((read) => {
          if ("answer" in read) return finish(() => resolve(read.answer));
          sent.destroy();
          finish(() => reject(this.#unreadable(action, read.fault)));
        });
      });
    });
  }

  #watch(socket: Socket, connected: () => void): void {
    if (!socket.connecting) return connected();
    socket.once(this.#address.secure ? "secureConnect" : "connect", connected);
  }

  #start({ method, path, headers, body, once }: HttpRequest, signal: AbortSignal): ClientRequest {
    const { secure, host, port, prefix, socketPath } = this.#address;
    const sent = (secure ? httpsRequest : httpRequest)({
      agent: once === true ? this.#fresh : this.#kept,
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

  async #networkError({ action, signal }: HttpCall, cause: NetworkCause): Promise<KmsError> {
    if (cause instanceof ProxyError) {
      const why = `cannot be reached through the proxy ${this.#proxy?.origin}: ${cause.message}`;
      return this.#unreachable(action, why, cause);
    }
    const { socketPath } = this.#address;
    const isSocket = socketPath !== undefined && "syscall" in cause && cause.syscall === "connect";
    const why = isSocket ? await socketFailure(socketPath, cause) : await this.#failed.explain(cause, signal);
    return this.#unreachable(action, why, cause);
  }

  #unreadable(action: string, fault: AnswerFault): KmsError {
    if (fault === "tooLong") {
      return new KmsError("provider_protocol", `Cannot ${action}: ${this.#name()} answered more than 1 MiB.`);
    }
    const speaksTls = fault === "plainOnTls" && !this.#address.secure;
    return this.#unreachable(action, speaksTls ? connectionFailures.speaksTls : connectionFailures.cutShort);
  }

  /** Of all headers, only those with a secret from a file or a variable are not of this program's own making. */
  #unfit(action: string): KmsError {
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

/** Whether a header can carry a value (RFC 9110, section 5.5); Node throws where it cannot. */
function canBeSent(name: string, value: string): boolean {
  try {
    validateHeaderValue(name, value);
    return true;
  } catch {
    return false;
  }
}

/** A body of JSON. */
export function jsonRequest(value: unknown): HttpBody {
  return { type: "application/json", bytes: Buffer.from(JSON.stringify(value)) };
}

/** A body as an HTML form would send it, which is what OAuth's token endpoints take (RFC 6749, section 4.4.2). */
export function form(fields: Readonly<Record<string, string>>): HttpBody {
  return { type: "application/x-www-form-urlencoded", bytes: Buffer.from(new URLSearchParams(fields).toString()) };
}
