/**
 * A TLS proxy in front of an API server. It records every byte of requests and answers.
 *
 * @module
 */
import { request as httpsRequest } from "node:https";
import { createServer, type Server } from "node:https";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { Authority } from "../../support/certificates.ts";
import type { Entry } from "./etcd.ts";

/** A recording proxy. */
export class RecordingProxy implements AsyncDisposable {
  readonly authority = new Authority("Recording proxy");
  /** Bodies and targets, each with its request line. */
  readonly recorded: Entry[] = [];
  readonly #server: Server;
  readonly #far: { readonly host: string; readonly port: string; readonly ca: string };
  readonly #sockets = new Set<Socket>();

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

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #forward(request: IncomingMessage, response: ServerResponse): void {
    const { method = "", url = "", headers } = request;
    const record = (value: Uint8Array) => void this.recorded.push({ key: `${method} ${url}`, value });
    record(new TextEncoder().encode(url));
    const sent = httpsRequest({ ...this.#far, method, path: url, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 0, answer.headers);
      answer.on("data", record);
      answer.on("error", () => response.destroy());
      answer.pipe(response);
    });
    sent.on("error", () => response.destroy());
    response.on("close", () => sent.destroy());
    request.on("data", record);
    request.pipe(sent);
  }
}
