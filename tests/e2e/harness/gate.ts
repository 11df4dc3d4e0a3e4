/**
 * An HTTP forwarder in front of Vault. It records the requests, and can be closed.
 *
 * @module
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Buffer } from "node:buffer";
import { freePort } from "../../support/processes.ts";

/** A forwarded request. */
export interface Passage {
  readonly method: string;
  readonly path: string;
}

/** Forwards HTTP from a port of loopback to an origin. */
export class Gate implements AsyncDisposable {
  readonly address: string;
  /** The forwarded requests, in order. */
  readonly passages: Passage[] = [];
  readonly #port = freePort();
  readonly #origin: string;
  readonly #client: Deno.HttpClient;
  #server: Server | undefined;

  private constructor(origin: string, authority: string | undefined) {
    this.#origin = origin;
    this.#client = Deno.createHttpClient(authority === undefined ? {} : { caCerts: [authority] });
    this.address = `http://127.0.0.1:${this.#port}`;
  }

  /**
   * Opens a forwarder.
   *
   * @param authority PEM of the authority of the origin's certificate, if the system does not trust it.
   */
  static async open(origin: string, authority?: string): Promise<Gate> {
    const gate = new Gate(origin, authority);
    await gate.open();
    return gate;
  }

  /** Forwards requests again. */
  async open(): Promise<void> {
    if (this.#server !== undefined) return;
    const server = createServer((request, response) => void this.#forward(request, response));
    server.listen(this.#port, "127.0.0.1");
    await once(server, "listening");
    this.#server = server;
  }

  /** Closes all connections and refuses new ones, as a host without the server does. */
  async shut(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shut();
    this.#client.close();
  }

  async #forward(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "GET", url = "/" } = request;
    this.passages.push({ method, path: url });
    try {
      const body = Buffer.concat(await Array.fromAsync(request));
      const answer = await fetch(`${this.#origin}${url}`, {
        method,
        client: this.#client,
        redirect: "manual",
        headers: forwarded(request),
        ...(body.length === 0 ? {} : { body }),
      });
      const content = Buffer.from(await answer.arrayBuffer());
      response.writeHead(answer.status, [...answer.headers].filter(([name]) => !hopByHop.has(name)).flat());
      response.end(content);
    } catch {
      // The origin is not reachable: the connection is closed without an answer.
      request.socket.destroy();
    }
  }
}

const hopByHop = new Set(["connection", "content-length", "host", "keep-alive", "transfer-encoding"]);

function forwarded(request: IncomingMessage): [string, string][] {
  return Object.entries(request.headers)
    .filter(([name]) => !hopByHop.has(name))
    .map(([name, value]) => [name, [value].flat().join(", ")]);
}
