/**
 * A client of etcd's JSON gateway (`/v3/…`), over one or more members of a cluster.
 *
 * @module
 */
import { exactText } from "../../base/bytes.ts";
import { type Clock, deadlineBy } from "../../base/clock.ts";
import { timeoutReason } from "../../base/deadline.ts";
import { KmsError, toKmsError } from "../../base/errors.ts";
import type { SecretSource } from "../../base/secret.ts";
import type { Notify } from "../../telemetry/events.ts";
import { HttpClient, type Server } from "../https/client.ts";
import { type HttpBody, type HttpRequest, type HttpStream, jsonRequest } from "../https/endpoint.ts";
import { field, parsedJson } from "../https/fields.ts";
import type { TlsFiles } from "../https/tls_files.ts";
import { EtcdError, etcdErrorOf, isPassing } from "./etcd_error.ts";

/** The cluster and the way to it. */
export interface EtcdSettings {
  /** Scheme, host and port of each member, as in `https://10.0.0.1:2379`. At least one. */
  readonly endpoints: readonly string[];
  readonly tls: TlsFiles;
  /** Where etcd has authentication on. Its gateway does not take the name in a client certificate for a user. */
  readonly user?: { readonly name: string; readonly password: SecretSource };
}

/** Limits and purpose of a call. */
export interface EtcdCall {
  readonly signal: AbortSignal;
  /** The operation in messages, as in `read the store`. */
  readonly action: string;
  /** Whether the request may be sent again, to another member. */
  readonly repeatable: boolean;
  /** Maximum size of the answer in bytes; 1 MiB if left out. */
  readonly maxBytes?: number;
}

/** Milliseconds that one member has for an answer, and between two tries. */
export const etcdTimings = { attempt: 3_000, pause: 100 } as const;

/** Maximum length of one message of a stream in bytes. */
const maxMessage = 64 << 20;

/** Sends requests to the member that answered last; after a failure, to the next one. */
export class EtcdClient implements Disposable {
  readonly #settings: EtcdSettings;
  readonly #http: HttpClient;
  readonly #clock: Clock;
  readonly #servers: readonly Server[];
  #preferred = 0;
  /** The token of the last login, for all members. */
  #token: Promise<string> | undefined;

  private constructor(settings: EtcdSettings, http: HttpClient, clock: Clock, servers: readonly Server[]) {
    this.#settings = settings;
    this.#http = http;
    this.#clock = clock;
    this.#servers = servers;
  }

  /**
   * Reads the TLS files. No network access.
   *
   * @throws {KmsError} `config` if they cannot be used.
   */
  static async open(settings: EtcdSettings, clock: Clock, notify: Notify): Promise<EtcdClient> {
    const servers = settings.endpoints.map((origin) => ({ name: "etcd", origin }));
    const http = await HttpClient.open("etcd", servers, settings.tls, notify);
    return new EtcdClient(settings, http, clock, servers);
  }

  /**
   * Sends a request.
   *
   * @returns the parsed JSON.
   * @throws {EtcdError} for an error that etcd answered, else {@linkcode KmsError} as {@linkcode HttpClient.ask}.
   */
  async ask(path: string, body: unknown, call: EtcdCall): Promise<unknown> {
    const request = jsonRequest(body);
    const tries = call.repeatable ? this.#servers.length + 1 : 1;
    for (let left = tries - 1;; left--) {
      const server = this.#server();
      try {
        return await this.#askOne(server, path, request, call);
      } catch (thrown) {
        const error = toKmsError(thrown);
        if (isPassing(error)) this.#avoid(server);
        if (left <= 0 || !isPassing(error) || call.signal.aborted) throw error;
      }
      await this.#clock.sleep(etcdTimings.pause, call.signal);
    }
  }

  /**
   * Sends a request whose answer is a stream of messages, to one member.
   *
   * @throws {EtcdError | KmsError} as {@linkcode ask}, also in the middle of the stream.
   */
  async *stream(path: string, body: unknown, call: Omit<EtcdCall, "repeatable">): AsyncGenerator<unknown> {
    const server = this.#server();
    const control = new AbortController();
    const onAbort = () => control.abort(call.signal.reason);
    if (call.signal.aborted) onAbort();
    call.signal.addEventListener("abort", onAbort, { once: true });
    try {
      const { status, body: chunks } = await this.#open(server, path, jsonRequest(body), call.action, control);
      if (status !== 200) throw etcdErrorOf(call.action, nameOf(server), status, await refusalIn(chunks));
      for await (const message of messagesIn(chunks, call.action, nameOf(server))) {
        const error = field(message, "error");
        if (error !== undefined) throw etcdErrorOf(call.action, nameOf(server), status, error);
        const result = field(message, "result");
        if (typeof result !== "object") throw malformed(call.action, nameOf(server));
        yield result;
      }
    } catch (thrown) {
      const error = toKmsError(thrown);
      if (isPassing(error) && !call.signal.aborted) this.#avoid(server);
      if (isLoginGone(error)) this.#token = undefined;
      throw error;
    } finally {
      call.signal.removeEventListener("abort", onAbort);
    }
  }

  /** Leaves the member that answered last; for a stream that has gone silent. */
  avoidCurrent(): void {
    this.#avoid(this.#server());
  }

  [Symbol.dispose](): void {
    this.#http[Symbol.dispose]();
  }

  #server(): Server {
    const server = this.#servers[this.#preferred % this.#servers.length];
    if (server === undefined) throw new KmsError("config", "Cannot use etcd: no endpoint is configured.");
    return server;
  }

  /** Several calls that fail together move on by one member. */
  #avoid(server: Server): void {
    if (this.#server() === server) this.#preferred++;
  }

  async #askOne(server: Server, path: string, body: HttpBody, call: EtcdCall): Promise<unknown> {
    using limit = deadlineBy(this.#clock, etcdTimings.attempt, call.signal);
    const limited = { ...call, signal: limit.signal };
    try {
      return await this.#post(server, path, body, limited, await this.#headers(server, limited));
    } catch (thrown) {
      if (!isLoginGone(thrown) || this.#settings.user === undefined) throw thrown;
      this.#token = undefined;
      return await this.#post(server, path, body, limited, await this.#headers(server, limited));
    }
  }

  async #post(
    server: Server,
    path: string,
    body: HttpBody,
    { signal, action, maxBytes }: EtcdCall,
    headers: HttpRequest["headers"],
  ): Promise<unknown> {
    const request = { method: "POST", path, headers, body, ...(maxBytes === undefined ? {} : { maxBytes }) } as const;
    const answer = await this.#http.ask(server, request, { signal, action });
    if (answer.status !== 200) {
      throw etcdErrorOf(
        action,
        nameOf(server),
        answer.status,
        answer.body ?? exactText(answer.bytes.subarray(0, 1024)),
      );
    }
    if (typeof answer.body !== "object" || answer.body === null) throw malformed(action, nameOf(server));
    return answer.body;
  }

  /** The head of the answer has a deadline, its messages have none. */
  async #open(
    server: Server,
    path: string,
    body: HttpBody,
    action: string,
    control: AbortController,
  ): Promise<HttpStream> {
    const cancel = this.#clock.after(etcdTimings.attempt, () => control.abort(timeoutReason()));
    const call = { signal: control.signal, action };
    try {
      const headers = await this.#headers(server, { ...call, repeatable: false });
      return await this.#http.open(server, { method: "POST", path, headers, body }, call);
    } finally {
      cancel();
    }
  }

  async #headers(server: Server, call: EtcdCall): Promise<Readonly<Record<string, string>>> {
    if (this.#settings.user === undefined) return {};
    this.#token ??= this.#login(server, call).catch((thrown) => {
      this.#token = undefined;
      throw thrown;
    });
    return { authorization: await this.#token };
  }

  async #login(server: Server, call: EtcdCall): Promise<string> {
    const { user } = this.#settings;
    const password = await user?.password.read();
    const body = jsonRequest({ name: user?.name, password: password?.reveal() });
    const token = field(await this.#post(server, "/v3/auth/authenticate", body, call, {}), "token");
    if (typeof token !== "string" || token === "") throw malformed(call.action, nameOf(server));
    return token;
  }
}

/** The error for an answer that is not in the form of etcd's API. */
export function malformed(action: string, name = "etcd"): KmsError {
  return new KmsError("provider_protocol", `Cannot ${action}: ${name} answered what is no answer of etcd's.`);
}

function nameOf({ name, origin }: Server): string {
  return `${name} at ${origin}`;
}

function isLoginGone(thrown: unknown): boolean {
  return thrown instanceof EtcdError &&
    (thrown.reason === "invalid auth token" || thrown.reason === "revision of auth store is old");
}

/** The start of a refusal: its JSON, or its text. */
async function refusalIn(chunks: AsyncIterable<Uint8Array>): Promise<unknown> {
  for await (const chunk of chunks) return parsedJson(chunk) ?? exactText(chunk.subarray(0, 1024));
  return undefined;
}

/** The JSON values of a stream, one in each line. */
async function* messagesIn(
  chunks: AsyncIterable<Uint8Array>,
  action: string,
  name: string,
): AsyncGenerator<unknown> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of chunks) {
    const part = decoder.decode(chunk, { stream: true });
    text += part;
    if (text.length > maxMessage) throw malformed(action, name);
    if (!part.includes("\n")) continue;
    const lines = text.split("\n");
    text = lines.pop() ?? "";
    for (const line of lines) yield messageOf(line, action, name);
  }
  if (text.trim() !== "") yield messageOf(text, action, name);
}

function messageOf(line: string, action: string, name: string): unknown {
  try {
    const message: unknown = JSON.parse(line);
    if (typeof message === "object" && message !== null) return message;
  } catch {
    // As an answer of another form.
  }
  throw malformed(action, name);
}
