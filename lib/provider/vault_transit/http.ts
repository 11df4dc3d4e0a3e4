/**
 * One request to one Vault address, on kept-alive connections.
 *
 * It stands on `node:https` and not on `fetch`: only there can the name in the server's certificate differ from the
 * address, and only there does a CA file replace the built-in authorities instead of joining them.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { ClientRequest, IncomingMessage } from "node:http";
import { Agent as HttpAgent, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { abortError } from "../../deadline.ts";
import { KmsError } from "../../errors.ts";
import type { Secret } from "../../secret.ts";

/** What is asked of Vault. */
export interface VaultRequest {
  readonly method: "GET" | "POST";
  /** Below `/v1/`, its segments encoded. */
  readonly path: string;
  readonly body?: unknown;
  /** Travels in a header and nowhere else. */
  readonly token?: Secret | undefined;
  /**
   * Whether it works only once, as opening a wrapping token does. Such a request gets a connection of its own: on a kept
   * one that the server has closed meanwhile, Node's client sends it a second time.
   */
  readonly once?: boolean;
}

/** What Vault said. */
export interface VaultAnswer {
  readonly status: number;
  /** The parsed JSON; `undefined` where the body was empty or no JSON. */
  readonly body: unknown;
  readonly retryAfterMs: number | undefined;
  /** Where a standby points to. */
  readonly location: string | undefined;
}

/** How a call is bounded and what it is for, as in `wrap with provider "vault-eu"`. */
export interface VaultCall {
  readonly signal: AbortSignal;
  readonly action: string;
}

/** PEM texts and the expected name, for one connection. */
export interface TlsMaterial {
  readonly ca: string | undefined;
  readonly certificate: string | undefined;
  readonly key: string | undefined;
  readonly serverName: string | undefined;
}

/** No answer of Vault's that is asked for here comes near it; bytes. */
const maxBody = 1 << 20;

const unverified = "has a certificate that has expired or that the authorities trusted here did not issue";

/** What Node calls the ways a connection fails, in words for an operator. */
const networkFailures = {
  ECONNREFUSED: "refused the connection",
  ECONNRESET: "closed the connection",
  EPIPE: "closed the connection",
  ETIMEDOUT: "did not answer",
  EHOSTUNREACH: "cannot be reached",
  ENETUNREACH: "cannot be reached",
  ENOTFOUND: "has a name that does not resolve",
  EAI_AGAIN: "has a name that does not resolve",
  ERR_TLS_CERT_ALTNAME_INVALID: "has a certificate for another name",
  CERT_HAS_EXPIRED: "has a certificate that has expired",
  // Deno says the same of an authority it does not know and of a certificate that has expired.
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unverified,
  UNABLE_TO_GET_ISSUER_CERT: unverified,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unverified,
  SELF_SIGNED_CERT_IN_CHAIN: unverified,
  DEPTH_ZERO_SELF_SIGNED_CERT: unverified,
} as const satisfies Record<string, string>;

/** One address with its pool of connections. */
export class Endpoint implements Disposable {
  /** Scheme, host and port. */
  readonly origin: string;
  readonly #url: URL;
  readonly #kept: HttpAgent | HttpsAgent;
  readonly #fresh: HttpAgent | HttpsAgent;
  readonly #namespace: string | undefined;
  readonly #serverName: string | undefined;

  /** @throws {Error} if the TLS material cannot be used. */
  constructor(address: string, tls: TlsMaterial, namespace: string | undefined) {
    this.#url = new URL(address);
    this.origin = this.#url.origin;
    this.#namespace = namespace;
    this.#serverName = tls.serverName;
    const secured = {
      ...(tls.ca === undefined ? {} : { ca: tls.ca }),
      ...(tls.certificate === undefined ? {} : { cert: tls.certificate }),
      ...(tls.key === undefined ? {} : { key: tls.key }),
    };
    const agent = (keepAlive: boolean) =>
      this.#url.protocol === "https:" ? new HttpsAgent({ keepAlive, ...secured }) : new HttpAgent({ keepAlive });
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
  ask(request: VaultRequest, call: VaultCall): Promise<VaultAnswer> {
    if (call.signal.aborted) return Promise.reject(abortError(call.signal, call.action));
    return new Promise((resolve, reject) => {
      const sent = this.#start(request);
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

  #start(request: VaultRequest): ClientRequest {
    const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body));
    const headers: Record<string, string> = { "x-vault-request": "true", accept: "application/json" };
    if (this.#namespace !== undefined) headers["x-vault-namespace"] = this.#namespace;
    if (request.token !== undefined) headers["x-vault-token"] = request.token.reveal();
    if (body !== undefined) {
      headers["content-type"] = "application/json";
      headers["content-length"] = `${body.length}`;
    }
    const secure = this.#url.protocol === "https:";
    const sent = (secure ? httpsRequest : httpRequest)({
      agent: request.once === true ? this.#fresh : this.#kept,
      method: request.method,
      host: this.#url.hostname.replace(/^\[|\]$/g, ""),
      port: this.#url.port === "" ? (secure ? 443 : 80) : Number(this.#url.port),
      path: `/v1/${request.path}`,
      headers,
      ...(this.#serverName === undefined ? {} : { servername: this.#serverName }),
    });
    sent.end(body);
    return sent;
  }

  #collect(response: IncomingMessage, action: string): Promise<VaultAnswer> {
    return new Promise((resolve, reject) => {
      const chunks: Uint8Array[] = [];
      let size = 0;
      const cut = () => reject(this.#unreachable(action, "closed the connection in the middle of an answer"));
      response.on("data", (chunk: Uint8Array) => {
        size += chunk.length;
        if (size <= maxBody) return void chunks.push(chunk);
        reject(
          new KmsError("provider_protocol", `Cannot ${action}: Vault at ${this.origin} answered more than 1 MiB.`),
        );
      });
      response.on("end", () => {
        resolve({
          status: response.statusCode ?? 0,
          body: parsed(Buffer.concat(chunks)),
          retryAfterMs: retryAfter(response.headers["retry-after"], Date.now()),
          location: response.headers.location,
        });
      });
      response.on("error", cut);
    });
  }

  #networkError(action: string, cause: Error & { readonly code?: unknown }): KmsError {
    const known: Record<string, string | undefined> = networkFailures;
    const why = known[String(cause.code)] ?? "cannot be spoken to";
    return this.#unreachable(action, why, cause);
  }

  #unreachable(action: string, why: string, cause?: Error): KmsError {
    return new KmsError("unreachable", `Cannot ${action}: Vault at ${this.origin} ${why}.`, { cause });
  }

  #dropIdle(): void {
    for (const sockets of Object.values(this.#kept.freeSockets)) {
      for (const socket of sockets ?? []) socket.destroy();
    }
  }
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
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
