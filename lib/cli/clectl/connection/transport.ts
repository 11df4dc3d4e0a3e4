/**
 * HTTP/1.1 over a Unix socket, or over TLS 1.3 with one pinned authority. It follows no redirect and uses no proxy.
 *
 * @module
 */
import type { Agent, ClientRequest, IncomingMessage, RequestOptions } from "node:http";
import { concat } from "../../../base/bytes.ts";
import { KmsError } from "../../../base/errors.ts";
import type { ServerAddress } from "./address.ts";
import { broken, connectionFailure } from "./failures.ts";

/** A client certificate and its private key, PEM. */
export interface ClientCertificate {
  readonly certificate: string;
  readonly key: string;
}

/** A server, and the credentials for it. */
export interface KeyringServer {
  readonly address: ServerAddress;
  /** The only authority that is trusted, PEM. An address with TLS needs it. */
  readonly ca?: string;
  readonly certificate?: ClientCertificate;
  /** A bearer token. It is sent in a header. */
  readonly token?: string;
}

/** A request. */
export interface KeyringRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** With its query, percent-encoded. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** Whether the server may get it twice. */
  readonly repeatable: boolean;
}

/** The head of an answer, and its body in chunks. */
export interface OpenAnswer extends Disposable {
  readonly status: number;
  header(name: string): string | undefined;
  /** @throws {KmsError} if the connection ends early, or at an abort. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** Connections to one server. Dispose of it to close them. */
export class Transport implements Disposable {
  readonly #server: KeyringServer;
  #agent: Agent | undefined;
  /** Agents with connections of a former certificate, in which an answer may still be in progress. */
  readonly #formerAgents: Agent[] = [];
  #certificate: ClientCertificate | undefined;

  /** @param server is read at each request: a renewal may have changed its credentials and authority meanwhile. */
  constructor(server: KeyringServer) {
    this.#server = server;
  }

  /**
   * Sends a request and waits for the head of the answer.
   *
   * @param signal ends the request, also while the body is read.
   * @throws {KmsError} `unreachable`, `deadline_exceeded`, `cancelled`, `unauthenticated` (the certificate of the server
   *   does not verify), `permission_denied`, `provider_protocol`.
   */
  async open(request: KeyringRequest, signal: AbortSignal): Promise<OpenAnswer> {
    const { address } = this.#server;
    let sent: ClientRequest | undefined;
    try {
      sent = await this.#start(request);
      const message = await headOf(sent, request.body, signal);
      return opened(sent, message, address, signal);
    } catch (thrown) {
      sent?.destroy();
      throw connectionFailure(thrown, address, signal);
    }
  }

  [Symbol.dispose](): void {
    for (const agent of [this.#agent, ...this.#formerAgents]) agent?.destroy();
  }

  /**
   * Loads `node:https` only for TLS: it doubles the time to load.
   *
   * Deno 2.9.6 sends a request again, of any method, if a kept connection breaks. So a request that must arrive once gets
   * a connection of its own.
   */
  async #start({ method, path, headers, body, repeatable }: KeyringRequest): Promise<ClientRequest> {
    const { address, ca, certificate } = this.#server;
    const length = body === undefined ? {} : { "content-length": String(body.length) };
    const options: RequestOptions = { method, path, headers: { ...headers, ...length }, setHost: false };
    if (address.kind === "socket") {
      const { Agent, request } = await import("node:http");
      this.#agent ??= new Agent({ keepAlive: true });
      return request({ ...options, agent: repeatable && this.#agent, socketPath: address.path });
    }
    if (ca === undefined) throw new KmsError("config", `No authority is known for the keyring at ${address.text}.`);
    const { Agent, request } = await import("node:https");
    this.#leaveFormer(certificate);
    // A resumed session would not show the certificate of the client again.
    this.#agent ??= new Agent({ keepAlive: true, maxCachedSessions: 0 });
    return request({
      ...options,
      agent: repeatable && this.#agent,
      host: address.host,
      port: address.port,
      ...(/^[\d.]+$|:/.test(address.host) ? {} : { servername: address.host }),
      ca,
      minVersion: "TLSv1.3",
      rejectUnauthorized: true,
      ...(certificate === undefined ? {} : { cert: certificate.certificate, key: certificate.key }),
    });
  }

  /** A kept connection has the certificate with which it was made. */
  #leaveFormer(certificate: ClientCertificate | undefined): void {
    if (this.#agent !== undefined && this.#certificate !== certificate) {
      this.#formerAgents.push(this.#agent);
      this.#agent = undefined;
    }
    this.#certificate = certificate;
  }
}

function headOf(sent: ClientRequest, body: Uint8Array | undefined, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      sent.destroy();
      reject(new Error("aborted"));
    };
    sent.once("response", (message) => {
      signal.removeEventListener("abort", stop);
      resolve(message);
    });
    sent.on("error", (thrown) => {
      signal.removeEventListener("abort", stop);
      reject(thrown);
    });
    if (signal.aborted) return stop();
    signal.addEventListener("abort", stop, { once: true });
    sent.end(body);
  });
}

function opened(
  sent: ClientRequest,
  message: IncomingMessage,
  address: ServerAddress,
  signal: AbortSignal,
): OpenAnswer {
  const stop = () => message.destroy(new Error("aborted"));
  signal.addEventListener("abort", stop, { once: true });
  const close = () => {
    signal.removeEventListener("abort", stop);
    if (!message.complete) sent.destroy();
  };
  async function* chunks() {
    try {
      for await (const chunk of message) yield chunk as Uint8Array;
    } catch (thrown) {
      throw connectionFailure(thrown, address, signal);
    } finally {
      close();
    }
    if (!message.complete) throw signal.aborted ? connectionFailure(undefined, address, signal) : broken(address);
  }
  return {
    status: message.statusCode ?? 0,
    header(name) {
      const value = message.headers[name];
      return Array.isArray(value) ? value[0] : value;
    },
    chunks: chunks(),
    [Symbol.dispose]: close,
  };
}

/**
 * Reads a body completely.
 *
 * @throws {KmsError} `provider_protocol` if it is larger than `maxBytes`.
 */
export async function readBody(answer: OpenAnswer, maxBytes: number, address: ServerAddress): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of answer.chunks) {
    length += chunk.length;
    if (length > maxBytes) {
      throw new KmsError(
        "provider_protocol",
        `The answer of the keyring at ${address.text} is larger than ${maxBytes} bytes.`,
      );
    }
    chunks.push(chunk);
  }
  return concat(...chunks);
}
