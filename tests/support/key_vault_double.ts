/**
 * A double of Azure Key Vault on a loopback port inside this process, with TLS, logins, real cryptography, and faults on
 * demand. Microsoft's own client library is run against it in `tests/conformance/azure_sdk_test.ts`.
 *
 * Written from Key Vault's REST reference, "Authentication, requests and responses" and "Azure Key Vault REST API error
 * codes".
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer as createPlainServer } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { Authority } from "./certificates.ts";
import { EntraDouble } from "./entra_double.ts";
import { refused, VaultKeys, type VaultKeyType, type VaultReply } from "./key_vault_keys.ts";

/** A fault of the vault. */
export type VaultFault =
  | { readonly kind: "refused_login" }
  /** Only these data actions are allowed. */
  | { readonly kind: "rights"; readonly actions: readonly string[] }
  | { readonly kind: "status"; readonly status: number; readonly code?: string; readonly retryAfter?: string }
  | { readonly kind: "hang" }
  | { readonly kind: "half" }
  | { readonly kind: "garbage"; readonly text: string };

/** A request that the vault received. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly token: string | undefined;
  /** The data action of Azure's roles that it requires; `undefined` if it had no token. */
  readonly action: string | undefined;
}

/** The data actions of "Azure built-in roles for Security" by operation. */
const actions: Readonly<Record<string, string>> = {
  GET: "Microsoft.KeyVault/vaults/keys/read",
  wrapkey: "Microsoft.KeyVault/vaults/keys/wrap/action",
  unwrapkey: "Microsoft.KeyVault/vaults/keys/unwrap/action",
  encrypt: "Microsoft.KeyVault/vaults/keys/encrypt/action",
  decrypt: "Microsoft.KeyVault/vaults/keys/decrypt/action",
  create: "Microsoft.KeyVault/vaults/keys/create/action",
  rotate: "Microsoft.KeyVault/vaults/keys/rotate/action",
};

/** The data actions on keys of the built-in role "Key Vault Crypto Service Encryption User". */
export const encryptionUser: readonly string[] = ["GET", "wrapkey", "unwrapkey"].map((one) => actions[one] ?? "");

/** One vault and the services that issue tokens for it. Disposing it closes its ports and every connection. */
export class KeyVaultDouble implements AsyncDisposable {
  readonly authority = new Authority();
  readonly entra = new EntraDouble(() => this.now());
  readonly requests: SeenRequest[] = [];
  fault: VaultFault | undefined;
  /** Whether a path with an empty segment is redirected, as by servers and gateways in front of a vault. */
  mergesSlashes = false;
  /** The resource and the tenant in its challenge, in place of the correct ones. */
  challengedResource: string | undefined;
  challengedTenant: string | undefined;
  keys!: VaultKeys;
  /** The addresses: `https://127.0.0.1:…` of the vault, Entra ID and the tokens' resource; `http://…` of the metadata service. */
  vault = "";
  login = "";
  metadata = "";
  /** The file with the PEM of the authority. */
  caFile = "";
  readonly #closes: (() => Promise<void>)[] = [];
  #ahead = 0;

  /** Starts a double with the key `kubernetes`. */
  static async start(type: VaultKeyType = "RSA"): Promise<KeyVaultDouble> {
    const double = new KeyVaultDouble();
    const { certificate: cert, key } = double.authority.issue({ commonName: "vault", names: ["127.0.0.1"] });
    double.vault = `https://${await double.#listen(createServer({ cert, key }), double.#vault.bind(double))}`;
    double.login = `https://${await double.#listen(createServer({ cert, key }), double.#login.bind(double))}`;
    double.metadata = `http://${await double.#listen(createPlainServer(), double.#metadata.bind(double))}`;
    double.keys = new VaultKeys(double.vault, () => Math.floor(double.now()));
    double.caFile = await Deno.makeTempFile({ suffix: ".pem" });
    await Deno.writeTextFile(double.caFile, double.authority.certificate);
    await double.keys.create("kubernetes", type);
    return double;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#closes.map((close) => close()));
    await Deno.remove(this.caFile);
  }

  /** Advances the clock of the double by a number of seconds. */
  advance(seconds: number): void {
    this.#ahead += seconds;
  }

  /** Seconds since the epoch. */
  now(): number {
    return Date.now() / 1000 + this.#ahead;
  }

  async #listen(
    server: ReturnType<typeof createPlainServer> | ReturnType<typeof createServer>,
    answer: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
  ): Promise<string> {
    server.on("request", (request: IncomingMessage, response: ServerResponse) => {
      response.on("error", () => {});
      response.setHeader("date", new Date(this.now() * 1000).toUTCString());
      answer(request, response).catch(() => response.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    this.#closes.push(() => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      return closed;
    });
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  async #login(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const text = await bodyOf(request);
    this.entra.refuses = this.fault?.kind === "refused_login";
    if (request.method === "GET") return send(response, this.entra.discover(this.login, request.url ?? ""));
    send(response, this.entra.token(this.login, new URL(request.url ?? "/", this.login).pathname, text));
  }

  async #metadata(request: IncomingMessage, response: ServerResponse): Promise<void> {
    await bodyOf(request);
    this.entra.refuses = this.fault?.kind === "refused_login";
    const { pathname, searchParams } = new URL(request.url ?? "/", this.metadata);
    const header = request.headers["metadata"];
    const known = pathname === "/metadata/identity/oauth2/token";
    if (known && searchParams.get("api-version") === "2020-06-01" && header === "true") {
      const { realm, ...reply } = await this.entra.arc(searchParams, request.headers.authorization);
      if (realm !== undefined) response.setHeader("www-authenticate", `Basic realm=${realm}`);
      return send(response, reply);
    }
    send(response, known ? this.entra.metadata(searchParams, String(header)) : { status: 404, body: {} });
  }

  async #vault(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const text = await bodyOf(request);
    const { pathname } = new URL(request.url ?? "/", this.vault);
    if (this.mergesSlashes && pathname.includes("//")) {
      response.setHeader("location", pathname.replaceAll(/\/+/g, "/"));
      return send(response, { status: 301, body: {} });
    }
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1];
    const [, kind = "", written = "", ...rest] = pathname.split("/").map(decodeURIComponent);
    const operation = request.method === "GET" ? "GET" : rest.pop() ?? "";
    const id = rest[0] ?? "";
    const action = actions[operation];
    this.requests.push({
      method: request.method ?? "",
      path: pathname,
      token,
      action: token === undefined ? undefined : action,
    });
    const fault = this.fault;
    if (fault?.kind === "hang") return;
    if (fault?.kind === "garbage") return sendText(response, 200, fault.text);
    if (fault?.kind === "status") {
      if (fault.retryAfter !== undefined) response.setHeader("retry-after", fault.retryAfter);
      return send(response, refused(fault.status, fault.code ?? "InternalServerError", "a text that nobody repeats"));
    }
    if (fault?.kind === "refused_login" || !this.#valid(token)) return this.#challenge(response);
    const reply = kind !== "keys" || action === undefined
      ? refused(404, "NotFound", "no such resource")
      : fault?.kind === "rights" && !fault.actions.includes(action)
      ? refused(403, "Forbidden", `Caller is not authorized to perform action ${action}.`, "ForbiddenByRbac")
      : await this.#answer(written.toLowerCase(), id, operation, text === "" ? {} : JSON.parse(text));
    if (fault?.kind !== "half") return send(response, reply);
    const whole = JSON.stringify(reply.body);
    response.writeHead(reply.status, { "content-length": whole.length });
    response.write(whole.slice(0, whole.length / 2), () => response.socket?.destroy());
  }

  async #answer(name: string, id: string, operation: string, body: Record<string, unknown>): Promise<VaultReply> {
    if (operation === "GET") return this.keys.read(name, id);
    if (operation === "create") return await this.keys.make(name, body.kty as VaultKeyType);
    if (operation === "rotate") return await this.keys.make(name, this.keys.typeOf(name) ?? "RSA");
    return await this.keys.operate(name, id, operation, body);
  }

  #valid(token: string | undefined): boolean {
    const issued = this.entra.tokens.get(token ?? "");
    return issued !== undefined && issued.resource === this.vault && issued.expires > this.now();
  }

  #challenge(response: ServerResponse): void {
    const tenant = this.challengedTenant ?? this.entra.tenantId;
    const resource = this.challengedResource ?? this.vault;
    response.setHeader("www-authenticate", `Bearer authorization="${this.login}/${tenant}", resource="${resource}"`);
    send(response, refused(401, "Unauthorized", "AKV10000: Request is missing a Bearer or PoP token."));
  }
}

function send(response: ServerResponse, { status, body }: VaultReply): void {
  sendText(response, status, JSON.stringify(body));
}

function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "content-type": "application/json", "content-length": new Blob([text]).size });
  response.end(text);
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  return text;
}
