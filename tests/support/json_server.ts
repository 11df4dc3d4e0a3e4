/**
 * An HTTPS server of JSON documents with faults on demand: a double of OIDC issuers and of the TokenReview of a cluster.
 *
 * @module
 */
import type { Socket } from "node:net";
import { createServer, type Server } from "node:https";
import { Authority } from "./certificates.ts";

/** A fault of all answers. */
export type JsonFault =
  /** No byte of an answer. */
  | "hang"
  /** The connection ends in the middle of an answer. */
  | "cut"
  /** The connection ends before an answer. */
  | "reset"
  /** Text that is no JSON, with status 200. */
  | "text"
  | { readonly status: number };

/** A request that came. */
export interface JsonRequestSeen {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: unknown;
}

/** One server. */
export class JsonServer implements AsyncDisposable {
  readonly authority: Authority;
  readonly requests: JsonRequestSeen[] = [];
  /** The document of a path; without one, 404. */
  readonly documents = new Map<string, (request: JsonRequestSeen) => unknown>();
  fault: JsonFault | undefined;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(authority: Authority) {
    this.authority = authority;
    const { certificate, key } = authority.issue({ commonName: "localhost", names: ["localhost", "127.0.0.1"] });
    this.#server = createServer({ cert: certificate, key }, (request, response) => {
      const chunks: Uint8Array[] = [];
      request.on("data", (chunk: Uint8Array) => void chunks.push(chunk));
      request.on("end", () => {
        const text = chunks.map((chunk) => new TextDecoder().decode(chunk)).join("");
        const { authorization } = request.headers;
        const path = request.url ?? "";
        const seen = {
          method: request.method ?? "",
          path,
          authorization,
          body: text === "" ? undefined : JSON.parse(text),
        };
        this.requests.push(seen);
        const { fault } = this;
        if (fault === "hang") return;
        if (fault === "reset") return void request.socket.destroy();
        const document = this.documents.get(path)?.(seen);
        const body = fault === "text" ? "<html>maintenance</html>" : JSON.stringify(document ?? {});
        const status = typeof fault === "object" ? fault.status : document === undefined ? 404 : 200;
        response.writeHead(status, { "content-type": "application/json", "content-length": body.length });
        if (fault !== "cut") return void response.end(body);
        response.write(body.slice(0, body.length / 2), () => request.socket.destroy());
      });
    });
    this.#server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
  }

  static async open(authority = new Authority()): Promise<JsonServer> {
    const server = new JsonServer(authority);
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  /** `https://localhost:PORT`. */
  get origin(): string {
    const address = this.#server.address();
    return `https://localhost:${typeof address === "object" && address !== null ? address.port : 0}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
