/**
 * A client of kube-apiserver.
 *
 * @module
 */
import { type Clock, deadlineBy, systemClock } from "../../base/clock.ts";
import { KmsError } from "../../base/errors.ts";
import { type HttpBody, type HttpCall, HttpsEndpoint } from "../../net/https/endpoint.ts";
import type { HttpAnswer } from "../../net/https/http_answer.ts";
import { readTlsFiles } from "../../net/https/tls_files.ts";
import type { ClusterAccess } from "./access.ts";
import { apiServerError } from "./api_server_error.ts";

/** A request to the API server. */
export interface ApiServerRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Absolute path with encoded segments, and the query. */
  readonly path: string;
  /** The media type of the answer; `application/json` if left out. */
  readonly accept?: string;
  readonly body?: HttpBody;
  /** Whether the request gets a connection of its own, for instance after a long pause. */
  readonly once?: boolean;
  /** Maximum size of the answer in bytes; 1 MiB if left out. */
  readonly maxBytes?: number;
}

/** Milliseconds that the API server has for one answer. */
export const apiServerTimeoutMs = 30_000;

/** Maximum length of a line in characters. */
const maxLine = 1 << 20;

const json = "application/json";

/** Sends requests to one API server. */
export class ApiServerClient implements Disposable {
  readonly #access: ClusterAccess;
  readonly #endpoint: HttpsEndpoint;
  readonly #clock: Clock;

  private constructor(access: ClusterAccess, endpoint: HttpsEndpoint, clock: Clock) {
    this.#access = access;
    this.#endpoint = endpoint;
    this.#clock = clock;
  }

  /**
   * Prepares the connections. No network access.
   *
   * @param action the operation in messages, as in `ask the cluster for its resources`.
   * @throws {KmsError} `config` if there is no CA certificate.
   */
  static async open(access: ClusterAccess, action: string, clock: Clock = systemClock): Promise<ApiServerClient> {
    const { source, server, serverName, ca, certificate, key } = access;
    const machine = ca === undefined ? await readTlsFiles({}, action) : undefined;
    const authorities = ca ?? machine?.ca;
    if (authorities === undefined) {
      throw new KmsError("config", `${source} has no certificate-authority-data, and this machine trusts nobody.`);
    }
    const material = { ca: authorities, trusted: machine?.trusted ?? source, certificate, key, serverName, clock };
    const address = `${server.origin}${server.pathname}`;
    return new ApiServerClient(access, new HttpsEndpoint("the API server", address, material), clock);
  }

  /** The address in messages, without a slash at its end. */
  get address(): string {
    return this.#endpoint.address;
  }

  /**
   * Sends a request once, within {@linkcode apiServerTimeoutMs}.
   *
   * @returns an answer of any status.
   * @throws {KmsError} `unreachable`, `deadline_exceeded`, `cancelled`; `provider_protocol` for an answer above the limit;
   *   `config` if the token cannot be read or sent.
   */
  async ask(request: ApiServerRequest, call: HttpCall): Promise<HttpAnswer> {
    const { method, path, accept = json, body, once = false, maxBytes } = request;
    using limit = deadlineBy(this.#clock, apiServerTimeoutMs, call.signal);
    const headers = await this.#headers(accept);
    const sent = { method, path, headers, body, once, ...(maxBytes === undefined ? {} : { maxBytes }) };
    return await this.#endpoint.ask(sent, { signal: limit.signal, action: call.action });
  }

  /**
   * Reads one document.
   *
   * @returns the parsed JSON; `undefined` if the body is not JSON.
   * @throws {KmsError} as {@linkcode ask}, and {@linkcode ApiServerClient.errorOf} for any other status than 200.
   */
  async read(path: string, call: HttpCall): Promise<unknown> {
    const answer = await this.ask({ method: "GET", path }, call);
    if (answer.status === 200) return answer.body;
    throw this.errorOf(answer, path, call.action);
  }

  /**
   * Reads a text line by line, over a connection of its own: behind a load balancer the next call can reach another server.
   *
   * @throws {KmsError} as {@linkcode ApiServerClient.read}, also in the middle; `provider_protocol` for a line above 1 MiB.
   */
  async *lines(path: string, call: HttpCall): AsyncGenerator<string> {
    using limit = deadlineBy(this.#clock, apiServerTimeoutMs, call.signal);
    const limited = { signal: limit.signal, action: call.action };
    const request = { method: "GET", path, headers: await this.#headers("text/plain") } as const;
    const { status, body } = await this.#endpoint.open(request, limited);
    if (status !== 200) {
      // Leaving the body closes the connection.
      for await (const _ of body) break;
      throw this.errorOf({ status, retryAfterMs: undefined }, path, call.action);
    }
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of body) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      if (rest.length > maxLine) {
        throw new KmsError("provider_protocol", `Cannot ${call.action}: the API server answered a line above 1 MiB.`);
      }
      yield* lines;
    }
    if (rest !== "") yield rest;
  }

  /**
   * The error for an answer whose status is not the expected one.
   *
   * @param path as it was requested; it is part of the message.
   */
  errorOf(answer: Pick<HttpAnswer, "status" | "retryAfterMs">, path: string, action: string): KmsError {
    return apiServerError(answer, { path, action, server: this.address, source: this.#access.source });
  }

  async #headers(accept: string): Promise<Readonly<Record<string, string>>> {
    const token = await this.#access.token?.read();
    return { accept, ...(token === undefined ? {} : { authorization: `Bearer ${token.reveal()}` }) };
  }

  [Symbol.dispose](): void {
    this.#endpoint[Symbol.dispose]();
  }
}
