/**
 * A Vault on a loopback port inside this process: token and AppRole logins, one transit mount, and faults on demand.
 *
 * It is written from Vault's HTTP API documentation, for tests in which Vault throttles, hangs or sends invalid answers.
 * The tests in `tests/e2e` use a real Vault.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { answered, type DoubleAnswer, refused, TransitDouble } from "./transit_double.ts";

/** A fault of the double. */
export type TransitFault =
  /** All tokens are revoked and every login is refused. */
  | { readonly kind: "refused_login" }
  /** The token's policy allows nothing in the transit mount. */
  | { readonly kind: "denied" }
  | { readonly kind: "status"; readonly status: number; readonly why: string; readonly retryAfter?: string }
  /** The request is read and never answered. */
  | { readonly kind: "hang" }
  /** Half of the correct answer, then the connection is closed. */
  | { readonly kind: "half" }
  /** Status 200 with this text as its body. */
  | { readonly kind: "garbage"; readonly text: string };

/** A running double. Disposing it closes its port and every connection. */
export interface TransitServer extends AsyncDisposable {
  readonly address: string;
  readonly transit: TransitDouble;
  /** The valid role ID and secret ID of AppRole. */
  readonly roleId: string;
  secretId: string;
  /** A token that never expires, with the rights of `deploy/policies/vault.hcl`. */
  readonly token: string;
  fault: TransitFault | undefined;
  /** Whether an invalid token is named in the error, as by Vault; otherwise only `permission denied`, as by OpenBao. */
  namesDeadTokens: boolean;
  /** Advances the clock of the double by a number of seconds. */
  advance(seconds: number): void;
}

/** Starts a double on a free loopback port. */
export async function startTransitServer(): Promise<TransitServer> {
  const state = new ServerState();
  const server = createServer((request, response) => {
    respond(state, request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(state, {
    address: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  });
}

/** The mount and keys that the tokens permit. */
const policy = { mount: "transit/", keys: ["kubernetes", "another"] } as const;

/** The lifetime of a login's token in seconds. */
const tokenTtl = 3600;

class ServerState {
  readonly roleId = crypto.randomUUID();
  secretId: string = crypto.randomUUID();
  readonly token = newToken();
  readonly transit = new TransitDouble(() => Math.floor(this.#now()));
  fault: TransitFault | undefined;
  namesDeadTokens = true;
  /** The expiry of each token, in seconds since the epoch. */
  readonly #tokens = new Map<string, number>([[this.token, Infinity]]);
  #ahead = 0;

  advance(seconds: number): void {
    this.#ahead += seconds;
  }

  answer(method: string, path: string, token: string, body: Readonly<Record<string, unknown>>): DoubleAnswer {
    if (path === "auth/approle/login") return this.#login(body);
    if (token === "") return refused("permission denied", 403);
    if (!this.#valid(token)) {
      return this.namesDeadTokens ? denied("permission denied", "invalid token") : refused("permission denied", 403);
    }
    if (path === "auth/token/lookup-self") return this.#lookUp(token);
    if (path === "auth/token/renew-self") return this.#granted(token);
    if (path.startsWith(policy.mount)) return this.#use(method, path.slice(policy.mount.length), body);
    return denied("permission denied");
  }

  #login({ role_id, secret_id }: Readonly<Record<string, unknown>>): DoubleAnswer {
    const known = role_id === this.roleId && secret_id === this.secretId && this.fault?.kind !== "refused_login";
    return known ? this.#granted(newToken()) : refused("invalid role or secret ID");
  }

  #granted(token: string): DoubleAnswer {
    this.#tokens.set(token, this.#now() + tokenTtl);
    const auth = { client_token: token, lease_duration: tokenTtl, renewable: true, policies: ["trousseau"] };
    return { status: 200, body: { request_id: crypto.randomUUID(), data: null, auth } };
  }

  #lookUp(token: string): DoubleAnswer {
    const expires = this.#tokens.get(token) ?? 0;
    const lasting = expires === Infinity;
    const ttl = lasting ? 0 : Math.floor(expires - this.#now());
    return answered({ ttl, renewable: !lasting, creation_ttl: lasting ? 0 : tokenTtl, type: "service" });
  }

  #use(method: string, path: string, body: Readonly<Record<string, unknown>>): DoubleAnswer {
    const [verb, name, ...more] = path.split("/").map(decodeURIComponent);
    const mine = policy.keys.some((key) => key === name) && more.length === 0 && this.fault?.kind !== "denied";
    if (!mine || name === undefined) return denied("permission denied");
    if (verb === "keys" && method === "GET") return this.transit.read(name);
    if (method !== "POST" && method !== "PUT") return denied("permission denied");
    // Encrypting under a missing key would create it, which the policy does not permit.
    if (verb === "encrypt" && !this.transit.has(name)) return denied("permission denied");
    if (verb === "encrypt" || verb === "decrypt" || verb === "rewrap") return this.transit.use(verb, name, body);
    return denied("permission denied");
  }

  #valid(token: string): boolean {
    return this.fault?.kind !== "refused_login" && (this.#tokens.get(token) ?? 0) > this.#now();
  }

  #now(): number {
    return Date.now() / 1000 + this.#ahead;
  }
}

function newToken(): string {
  return `hvs.${randomBytes(24).toString("base64url")}`;
}

/** A 403 with the reasons in one text, as Vault writes it. */
function denied(...reasons: readonly string[]): DoubleAnswer {
  const head = reasons.length === 1 ? "1 error occurred:" : `${reasons.length} errors occurred:`;
  return refused(`${head}\n${reasons.map((reason) => `\t* ${reason}\n`).join("")}\n`, 403);
}

async function respond(state: ServerState, request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.on("error", () => {});
  const body = await readJson(request);
  const { pathname } = new URL(request.url ?? "/", "http://double");
  const path = pathname.replace(/^\/v1\//, "");
  const fault = state.fault;
  if (fault?.kind === "hang") return;
  if (fault?.kind === "garbage") return send(response, 200, fault.text);
  if (fault?.kind === "status") {
    if (fault.retryAfter !== undefined) response.setHeader("retry-after", fault.retryAfter);
    return send(response, fault.status, JSON.stringify({ errors: [fault.why] }));
  }
  const answer = state.answer(request.method ?? "", path, header(request, "x-vault-token") ?? "", body);
  const text = answer.body === undefined ? "" : JSON.stringify(answer.body);
  if (fault?.kind === "half") return sendHalf(response, answer.status, text);
  send(response, answer.status, text);
}

function send(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "content-type": "application/json", "content-length": new Blob([text]).size });
  response.end(text);
}

function sendHalf(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "content-type": "application/json", "content-length": new Blob([text]).size });
  response.write(text.slice(0, Math.ceil(text.length / 2)), () => response.socket?.destroy());
}

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

async function readJson(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  return text === "" ? {} : JSON.parse(text);
}
