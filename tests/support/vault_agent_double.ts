/**
 * A double of Vault's agent or proxy (`auto_auth` and `api_proxy { use_auto_auth_token = true }`), and of a reverse proxy
 * with Vault below a path. It forwards requests to a Vault.
 *
 * @module
 */

/** The address that it listens on, and the token that it adds. */
export interface AgentOptions {
  /** The address of the Vault behind it. */
  readonly vault: string;
  /** The token for requests without one; none if left out. */
  readonly token?: string;
  /** The path of a Unix socket; a port of 127.0.0.1 if left out. */
  readonly socket?: string;
  /** The path prefix of Vault's API, such as `/vault`. */
  readonly prefix?: string;
}

/** One agent. Disposing it ends it. */
export class VaultAgentDouble implements AsyncDisposable {
  readonly address: string;
  /** Method, path and token of each request. */
  readonly requests: { readonly method: string; readonly path: string; readonly token: string | null }[] = [];
  token: string | undefined;
  /** Called before a request is forwarded. */
  before: (() => void) | undefined;
  readonly #options: AgentOptions;
  readonly #server: Deno.HttpServer;

  constructor(options: AgentOptions) {
    this.#options = options;
    this.token = options.token;
    const handler = (request: Request) => this.#pass(request);
    if (options.socket !== undefined) {
      this.#server = Deno.serve({ path: options.socket, onListen() {} }, handler);
      this.address = `unix://${options.socket}`;
      return;
    }
    const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, handler);
    this.#server = server;
    this.address = `http://127.0.0.1:${server.addr.port}${options.prefix ?? ""}`;
  }

  async #pass(request: Request): Promise<Response> {
    const { vault, prefix = "" } = this.#options;
    const path = request.url.slice(request.url.indexOf("/", "http+unix://".length));
    const { method, headers } = request;
    this.requests.push({ method, path, token: headers.get("x-vault-token") });
    if (!path.startsWith(`${prefix}/v1/`)) return new Response("404 page not found\n", { status: 404 });
    // An agent with `require_request_header` refuses a request without the header.
    if (headers.get("x-vault-request") !== "true") return new Response(null, { status: 412 });
    this.before?.();
    const passed = new Headers({ "x-vault-request": "true" });
    const token = headers.get("x-vault-token") ?? this.token;
    if (token !== undefined) passed.set("x-vault-token", token);
    const body = method === "GET" ? null : await request.bytes();
    const answer = await fetch(`${vault}${path.slice(prefix.length)}`, { method, headers: passed, body });
    return new Response(await answer.bytes(), { status: answer.status, headers: answer.headers });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}
