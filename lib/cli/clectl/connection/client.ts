/**
 * The client of the keyring's API: JSON requests below `/api/v1/`, their deadlines and sizes, and errors.
 *
 * @module
 */
import { hex, utf8, utf8Text } from "../../../base/bytes.ts";
import { deadline } from "../../../base/deadline.ts";
import { KmsError } from "../../../base/errors.ts";
import { parseExactJson } from "../exact_json.ts";
import { BrokenConnectionError } from "./failures.ts";
import { problemErrorOf } from "./problem_document.ts";
import type { Reader } from "./shape.ts";
import { type KeyringRequest, type KeyringServer, type OpenAnswer, readBody, Transport } from "./transport.ts";

/** Limits of a request. */
export const clientLimits = {
  /** Milliseconds for a whole request, if the command names no other time. */
  requestMs: 30_000,
  /** Maximum size of a JSON answer in bytes: a page of a list, or 1 MiB of values in base64. */
  answerBytes: 16 * 1024 * 1024,
} as const;

/** One call of the API. */
export interface ApiCall {
  readonly method: KeyringRequest["method"];
  /** Below `/api/v1/`, percent-encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  /** JSON. It is a text, so that JSON values of fields are sent as they were written. */
  readonly body?: string;
  /** The version that a write expects. */
  readonly ifMatch?: number;
  /** Whether the route takes an idempotency key. */
  readonly idempotent?: boolean;
  /** Whether the route changes nothing, as each GET. */
  readonly reads?: boolean;
  /** A status from 400 whose answer is read too, unless it is a problem document. */
  readonly failedStatus?: number;
  /** Milliseconds for this request; the client's time if left out. */
  readonly timeoutMs?: number;
}

/** A client of one server. Dispose of it to close its connections. */
export class KeyringClient implements Disposable {
  readonly #server: KeyringServer;
  readonly #transport: Transport;
  readonly #signal: AbortSignal;
  readonly #timeoutMs: number;

  /**
   * @param server is read at each request: a renewal may have changed its credentials and authority meanwhile.
   * @param timeoutMs for each request; {@linkcode clientLimits} if left out.
   */
  constructor(server: KeyringServer, signal: AbortSignal, timeoutMs: number = clientLimits.requestMs) {
    this.#server = server;
    this.#transport = new Transport(server);
    this.#signal = signal;
    this.#timeoutMs = timeoutMs;
  }

  /** The server's address, for messages. */
  get address(): string {
    return this.#server.address.text;
  }

  /** The credentials of now, to be compared: a renewal gives others, unless it makes the same token last longer. */
  get credentials(): unknown {
    return this.#server.token ?? this.#server.certificate;
  }

  /**
   * Sends a request and reads its JSON answer. If the connection breaks, a read is repeated once, and so is a write with
   * an idempotency key, which both attempts share.
   *
   * @throws {KeyringError} the problem that the server answers. @throws {KmsError} for a failure on the way.
   */
  async json<T>(call: ApiCall, read: Reader<T>): Promise<T> {
    const request = this.#request(call);
    try {
      return await this.#once(request, call, read);
    } catch (thrown) {
      if (!(thrown instanceof BrokenConnectionError) || !request.repeatable) throw thrown;
      return await this.#once(request, call, read);
    }
  }

  /**
   * Opens an answer of any length, for a stream of events or a backup. The deadline ends with the head of the answer.
   *
   * @param accept the media type.
   */
  async open(call: ApiCall, accept: string): Promise<OpenAnswer> {
    using head = deadline(call.timeoutMs ?? this.#timeoutMs, this.#signal);
    const stop = new AbortController();
    const onHead = () => stop.abort(head.signal.reason);
    head.signal.addEventListener("abort", onHead, { once: true });
    const request = this.#request(call);
    const answer = await this.#transport.open({ ...request, headers: { ...request.headers, accept } }, stop.signal);
    head.signal.removeEventListener("abort", onHead);
    this.#signal.addEventListener("abort", () => stop.abort(this.#signal.reason), { once: true });
    await this.#refuseOther(answer, accept);
    return answer;
  }

  [Symbol.dispose](): void {
    this.#transport[Symbol.dispose]();
  }

  async #once<T>(request: KeyringRequest, { timeoutMs, failedStatus }: ApiCall, read: Reader<T>): Promise<T> {
    using limit = deadline(timeoutMs ?? this.#timeoutMs, this.#signal);
    using answer = await this.#transport.open(request, limit.signal);
    const isAnswer = answer.status === failedStatus && isJson(answer);
    if (!isAnswer) await this.#refuseOther(answer, "application/json");
    const body = await readBody(answer, clientLimits.answerBytes, this.#server.address);
    if (body.length === 0) return read({}, "the answer");
    return read(parsedJson(body, this.address), "the answer");
  }

  /** Throws for a status that is no success, and for another media type. */
  async #refuseOther(answer: OpenAnswer, accept: string): Promise<void> {
    const { status } = answer;
    const contentType = answer.header("content-type");
    if (status >= 400) {
      const body = await readBody(answer, clientLimits.answerBytes, this.#server.address);
      throw problemErrorOf({ status, contentType, body, retryAfter: answer.header("retry-after") }, this.address);
    }
    if (status < 200 || status > 299) {
      throw new KmsError(
        "provider_protocol",
        `The keyring at ${this.address} answered ${status}, which clectl does not follow.`,
      );
    }
    if (status === 204 || contentType?.toLowerCase().startsWith(accept)) return;
    throw new KmsError("provider_protocol", `The answer of ${this.address} is not ${accept}, as a keyring's would be.`);
  }

  #request({ method, path, query = {}, body, ifMatch, idempotent, reads }: ApiCall): KeyringRequest {
    const { address, token } = this.#server;
    // Percent-encoding alone: a server that does not read forms takes `+` for itself.
    const given = Object.entries(query).flatMap(([name, value]) =>
      value === undefined ? [] : [`${encodeURIComponent(name)}=${encodeURIComponent(value)}`]
    );
    const search = given.length === 0 ? "" : `?${given.join("&")}`;
    const headers: Record<string, string> = {
      accept: "application/json",
      host: address.kind === "socket" ? "localhost" : new URL(address.text).host,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(idempotent !== true ? {} : { "idempotency-key": hex(crypto.getRandomValues(new Uint8Array(16))) }),
      ...(ifMatch === undefined ? {} : { "if-match": `"${ifMatch}"` }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    };
    const sent = body === undefined ? {} : { body: utf8(body) };
    const repeatable = method === "GET" || idempotent === true || reads === true;
    return { method, path: `/api/v1/${path}${search}`, headers, repeatable, ...sent };
  }
}

function isJson(answer: OpenAnswer): boolean {
  return answer.header("content-type")?.toLowerCase().startsWith("application/json") === true;
}

/**
 * Parses an answer.
 *
 * @throws {KmsError} `provider_protocol`
 */
function parsedJson(body: Uint8Array, address: string): unknown {
  try {
    return parseExactJson(utf8Text(body) ?? "");
  } catch {
    throw new KmsError("provider_protocol", `The answer of the keyring at ${address} is not JSON.`);
  }
}
