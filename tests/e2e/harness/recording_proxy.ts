/**
 * A TLS proxy in front of an API server. It records every byte of requests and answers.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { Agent, createServer, request as httpsRequest, type Server } from "node:https";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { Authority } from "../../support/certificates.ts";
import type { Entry } from "./etcd.ts";

/** The bytes of one request, or of one answer: its head, and the parts of its body. */
interface Exchange {
  readonly key: string;
  readonly parts: Uint8Array[];
}

/** A recording proxy. */
export class RecordingProxy implements AsyncDisposable {
  readonly authority = new Authority("Recording proxy");
  readonly #exchanges: Exchange[] = [];
  readonly #server: Server;
  readonly #far: { readonly host: string; readonly port: string; readonly ca: string };
  readonly #sockets = new Set<Socket>();
  readonly #agent = new Agent({ keepAlive: true });

  private constructor(far: URL, ca: string) {
    this.#far = { host: far.hostname, port: far.port, ca };
    const { certificate, key } = this.authority.issue({ commonName: "proxy", names: ["127.0.0.1"] });
    this.#server = createServer({ cert: certificate, key }, (request, response) => this.#forward(request, response));
    this.#server.keepAliveTimeout = 120_000;
    this.#server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => this.#sockets.delete(socket));
    });
  }

  /** Starts a proxy to an API server. @param ca its CA certificate in PEM. */
  static async to(server: string, ca: string): Promise<RecordingProxy> {
    const proxy = new RecordingProxy(new URL(server), ca);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  /** Its address. */
  get address(): string {
    const address = this.#server.address();
    return `https://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
  }

  /** Requests and answers so far, each in one piece: the target or status, the headers, and the body. */
  get recorded(): readonly Entry[] {
    return this.#exchanges.map(({ key, parts }) => ({ key, value: Buffer.concat(parts) }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    this.#agent.destroy();
    await closed;
  }

  #forward(request: IncomingMessage, response: ServerResponse): void {
    const { method = "", url = "", headers } = request;
    const record = this.#recorder(`${method} ${url}`, [url, ...request.rawHeaders]);
    const sent = httpsRequest({ ...this.#far, agent: this.#agent, method, path: url, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 0, answer.headers);
      answer.on("data", this.#recorder(`answer to ${method} ${url}`, [`${answer.statusCode}`, ...answer.rawHeaders]));
      answer.on("error", () => response.destroy());
      answer.pipe(response);
    });
    sent.on("error", () => response.destroy());
    // A whole answer leaves the connection to the API server open for the next one.
    response.on("close", () => response.writableFinished || sent.destroy());
    request.on("data", record);
    request.pipe(sent);
  }

  /** Records a message. @returns for the parts of its body. */
  #recorder(key: string, head: readonly string[]): (part: Uint8Array) => void {
    const parts: Uint8Array[] = [new TextEncoder().encode(`${head.join("\n")}\n`)];
    this.#exchanges.push({ key, parts });
    return (part) => void parts.push(part.slice());
  }
}
