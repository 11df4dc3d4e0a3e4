/**
 * One request to one address of a KMS or of whoever gives out its tokens, on kept-alive connections.
 *
 * It stands on `node:https` and not on `fetch`: only there can the name in the server's certificate differ from the
 * address, and only there does a CA file replace the built-in authorities instead of joining them.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from "node:http";
import { Agent as HttpAgent, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { abortError } from "../../deadline.ts";
import { KmsError } from "../../errors.ts";
import { parsedJson } from "./fields.ts";
import { networkFailures } from "./network_failures.ts";
import { isThisMachine } from "./proxy.ts";
import { type Proxy, ProxyError, TunnelAgent } from "./tunnel.ts";

/** What is asked. */
export interface HttpRequest {
  readonly method: "GET" | "POST" | "PUT";
  /** From the first slash on, its segments encoded. */
  readonly path: string;
  /** Lowercase names. A token travels here and nowhere else. */
  readonly headers: Readonly<Record<string, string>>;
  /** As {@linkcode json} or {@linkcode form} makes it. */
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

/** What was answered, whatever its status. A redirect is an answer like any other and never followed. */
export interface HttpAnswer {
  readonly status: number;
  /** The parsed JSON; `undefined` where the body was empty or no JSON. */
  readonly body: unknown;
  /** The body as it came, for what is no JSON. */
  readonly bytes: Uint8Array;
  readonly retryAfterMs: number | undefined;
  readonly headers: IncomingHttpHeaders;
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
  /** Through which connections beyond this machine are made. */
  readonly proxy?: Proxy | undefined;
}

/** No answer that is asked for here comes near it; bytes. */
const maxBody = 1 << 20;

/** One address with its pool of connections. */
export class Endpoint implements Disposable {
  /** Scheme, host and port. */
  readonly origin: string;
  readonly #server: string;
  readonly #kept: HttpAgent | HttpsAgent;
  readonly #fresh: HttpAgent | HttpsAgent;
  readonly #secure: boolean;
  readonly #host: string;
  readonly #port: number;
  readonly #serverName: string | undefined;
  readonly #proxy: Proxy | undefined;

  /**
   * @param server what it is called in messages, such as `Vault`.
   * @throws {Error} if the TLS material cannot be used.
   */
  constructor(server: string, address: string, tls: TlsMaterial) {
    const url = new URL(address);
    this.origin = url.origin;
    this.#server = server;
    this.#secure = url.protocol === "https:";
    this.#host = url.hostname.replace(/^\[|\]$/g, "");
    this.#port = url.port === "" ? (this.#secure ? 443 : 80) : Number(url.port);
    this.#serverName = tls.serverName;
    const secured = {
      ...(tls.ca === undefined ? {} : { ca: tls.ca }),
      ...(tls.certificate === undefined ? {} : { cert: tls.certificate }),
      ...(tls.key === undefined ? {} : { key: tls.key }),
    };
    // Plain http is for this machine and metadata services alone, which no proxy can reach.
    const proxy = this.#proxy = this.#secure && !isThisMachine(this.#host) ? tls.proxy : undefined;
    // Said outright: left out, NODE_TLS_REJECT_UNAUTHORIZED and NODE_USE_ENV_PROXY of the environment decide, which no
    // permission keeps from the runtime.
    const direct = { proxyEnv: {} };
    const options = { ...direct, rejectUnauthorized: true, ...secured };
    const agent = (keepAlive: boolean) => {
      if (!this.#secure) return new HttpAgent({ keepAlive, ...direct });
      return proxy === undefined
        ? new HttpsAgent({ keepAlive, ...options })
        : new TunnelAgent(proxy, { keepAlive, ...options });
    };
    this.#kept = agent(true);
    this.#fresh = agent(false);
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
   * @throws {KmsError} `unreachable`, `deadline_exceeded`, `cancelled`, or `provider_protocol` for an answer too large.
   */
  ask(request: HttpRequest, call: HttpCall): Promise<HttpAnswer> {
    if (call.signal.aborted) return Promise.reject(abortError(call.signal, call.action));
    return new Promise((resolve, reject) => {
      const sent = this.#start(request, call.signal);
      const onAbort = () => {
        // A connection that swallowed one request may swallow the next: none of the idle ones is trusted any more.
        this.#dropIdle();
        finish(() => reject(abortError(call.signal, call.action)));
        sent.destroy();
      };
      const finish = (settle: () => void) => {
        call.signal.removeEventListener("abort", onAbort);
        settle();
      };
      const fail = (error: unknown) => finish(() => reject(error));
      call.signal.addEventListener("abort", onAbort, { once: true });
      sent.on("error", (cause: Error) => fail(this.#networkError(call.action, cause)));
      sent.on("response", (response: IncomingMessage) => {
        this.#collect(response, call.action).then((answer) => finish(() => resolve(answer)), (error) => {
          sent.destroy();
          fail(error);
        });
      });
    });
  }

  #start({ method, path, headers, body, once }: HttpRequest, signal: AbortSignal): ClientRequest {
    const sent = (this.#secure ? httpsRequest : httpRequest)({
      agent: once === true ? this.#fresh : this.#kept,
      method,
      host: this.#host,
      port: this.#port,
      path,
      headers: body === undefined
        ? headers
        : { ...headers, "content-type": body.type, "content-length": `${body.bytes.length}` },
      ...(this.#serverName === undefined ? {} : { servername: this.#serverName }),
      ...(this.#proxy === undefined ? {} : { givenUp: signal }),
    });
    sent.end(body?.bytes);
    return sent;
  }

  #collect(response: IncomingMessage, action: string): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      const chunks: Uint8Array[] = [];
      let size = 0;
      const cut = () => reject(this.#unreachable(action, "closed the connection in the middle of an answer"));
      response.on("data", (chunk: Uint8Array) => {
        size += chunk.length;
        if (size <= maxBody) return void chunks.push(chunk);
        const why = `${this.#server} at ${this.origin} answered more than 1 MiB`;
        reject(new KmsError("provider_protocol", `Cannot ${action}: ${why}.`));
      });
      response.on("end", () => {
        const bytes = Buffer.concat(chunks);
        resolve({
          status: response.statusCode ?? 0,
          body: parsedJson(bytes),
          bytes,
          retryAfterMs: retryAfter(response.headers["retry-after"], Date.now()),
          headers: response.headers,
        });
      });
      response.on("error", cut);
    });
  }

  #networkError(action: string, cause: Error & { readonly code?: unknown }): KmsError {
    if (cause instanceof ProxyError) {
      const why = `cannot be reached through the proxy ${this.#proxy?.origin}: ${cause.message}`;
      return this.#unreachable(action, why, cause);
    }
    const known: Record<string, string | undefined> = networkFailures;
    const why = known[String(cause.code)] ?? "cannot be spoken to";
    return this.#unreachable(action, why, cause);
  }

  #unreachable(action: string, why: string, cause?: Error): KmsError {
    return new KmsError("unreachable", `Cannot ${action}: ${this.#server} at ${this.origin} ${why}.`, { cause });
  }

  #dropIdle(): void {
    for (const sockets of Object.values(this.#kept.freeSockets)) {
      for (const socket of sockets ?? []) socket.destroy();
    }
  }
}

/** A body of JSON. */
export function json(value: unknown): HttpBody {
  return { type: "application/json", bytes: Buffer.from(JSON.stringify(value)) };
}

/** A body as an HTML form would send it, which is what OAuth's token endpoints take (RFC 6749, section 4.4.2). */
export function form(fields: Readonly<Record<string, string>>): HttpBody {
  return { type: "application/x-www-form-urlencoded", bytes: Buffer.from(new URLSearchParams(fields).toString()) };
}

/**
 * Milliseconds from a Retry-After header, which is a number of seconds or a date (RFC 9110, section 10.2.3).
 *
 * @returns at most an hour; `undefined` where there is none or it says nothing.
 */
export function retryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isFinite(ms) ? Math.min(Math.max(0, ms), 3_600_000) : undefined;
}
