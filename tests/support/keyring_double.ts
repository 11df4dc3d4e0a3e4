/**
 * A server whose answers a test decides, on a Unix socket: for faults of the keyring's connection, and to record requests.
 *
 * @module
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";

/** A request as it arrived. */
export interface RecordedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** Answers one request. */
export type Responder = (request: RecordedRequest, response: ServerResponse) => void | Promise<void>;

/** The double. */
export class KeyringDouble implements AsyncDisposable {
  /** All requests, in order. */
  readonly requests: RecordedRequest[] = [];
  readonly socket: string;
  readonly folder: string;
  readonly #server: Server;

  private constructor(folder: string, respond: Responder) {
    this.folder = folder;
    this.socket = `${folder}/admin.sock`;
    this.#server = createServer((request, response) => void this.#take(request, response, respond));
  }

  static async start(respond: Responder): Promise<KeyringDouble> {
    const double = new KeyringDouble(await Deno.makeTempDir(), respond);
    await new Promise<void>((resolve) => double.#server.listen(double.socket, resolve));
    return double;
  }

  get address(): string {
    return `unix://${this.socket}`;
  }

  async #take(message: IncomingMessage, response: ServerResponse, respond: Responder): Promise<void> {
    let body = "";
    for await (const chunk of message) body += new TextDecoder().decode(chunk);
    const { method = "", url = "", headers } = message;
    const request = { method, url, headers, body };
    this.requests.push(request);
    await respond(request, response);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** Answers with JSON. */
export function answerJson(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(value));
}

/** Answers with a problem document. */
export function answerProblem(response: ServerResponse, status: number, code: string, detail: string, more = {}): void {
  response.writeHead(status, { "content-type": "application/problem+json" });
  response.end(JSON.stringify({ type: `urn:trousseau:problem:${code}`, title: code, status, detail, ...more }));
}
