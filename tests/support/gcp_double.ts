/**
 * A double of Google Cloud on loopback ports inside this process: KMS with real cryptography, the services that issue
 * tokens for it, and faults on demand. Google's own client library is run against it in
 * `tests/conformance/gcp_sdk_test.ts`.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer as createPlainServer } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { Authority } from "./certificates.ts";
import { detail, failure, GcpKeys, type GcpReply } from "./gcp_keys.ts";
import { GcpLogins, type IssuedToken, scope } from "./gcp_logins.ts";
import { pause } from "./processes.ts";

/** A fault of the double. */
export type GcpFault =
  /** All tokens are revoked and every login is refused. */
  | { readonly kind: "refused_login" }
  /** Only these permissions are granted. */
  | { readonly kind: "rights"; readonly permissions: readonly string[] }
  | {
    readonly kind: "status";
    readonly status: number;
    /** A name of google.rpc.Code; left out for an answer of a proxy. */
    readonly name?: string;
    readonly details?: readonly unknown[];
    readonly retryAfter?: string;
  }
  | { readonly kind: "slow"; readonly ms: number }
  | { readonly kind: "hang" }
  | { readonly kind: "half" }
  | { readonly kind: "garbage"; readonly text: string }
  /** A modified answer. */
  | { readonly kind: "changed"; readonly change: (body: Record<string, unknown>) => Record<string, unknown> };

/** A request that KMS received. */
export interface SeenGcpCall {
  readonly operation: string;
  readonly path: string;
  readonly token: string | undefined;
  readonly quotaProject: string | undefined;
  readonly body: Readonly<Record<string, unknown>>;
  /** The permission of IAM that it requires; `undefined` if the double does not have the call. */
  readonly permission: string | undefined;
}

/** The permissions, from the REST reference of each call. */
const permissions: Readonly<Record<string, string>> = {
  encrypt: "cloudkms.cryptoKeyVersions.useToEncrypt",
  decrypt: "cloudkms.cryptoKeyVersions.useToDecrypt",
  get: "cloudkms.cryptoKeys.get",
  list: "cloudkms.cryptoKeyVersions.list",
};

/** The key that exists from the start. */
export const gcpKey = "projects/my-project/locations/europe-west3/keyRings/kubernetes/cryptoKeys/prod";

/** One project. Disposing it closes its ports and every connection. */
export class GcpDouble implements AsyncDisposable {
  #ahead = 0;
  readonly keys = new GcpKeys();
  readonly logins = new GcpLogins(() => this.now());
  readonly calls: SeenGcpCall[] = [];
  fault: GcpFault | undefined;
  /** Whether KMS accepts a JWT signed by a service account's key as a token, as in other universes. */
  takesJwt = false;
  /** The address of KMS, OAuth, STS and IAM, and that of the metadata server and of another token issuer. */
  endpoint = "";
  metadata = "";
  /** The file with the PEM of the authority; `undefined` without TLS. */
  caFile: string | undefined;
  readonly #closes: (() => Promise<void>)[] = [];

  /** @param tls whether KMS and the logins are behind TLS. */
  static async start(tls = false): Promise<GcpDouble> {
    const double = new GcpDouble();
    double.keys.create(gcpKey);
    double.endpoint = tls
      ? `https://${await double.#listen(createServer(await double.#certificate()), double.#apis.bind(double))}`
      : `http://${await double.#listen(createPlainServer(), double.#apis.bind(double))}`;
    double.metadata = `http://${await double.#listen(createPlainServer(), double.#machine.bind(double))}`;
    return double;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#closes.map((close) => close()));
    if (this.caFile !== undefined) await Deno.remove(this.caFile);
  }

  /** Advances the clock of the double by a number of seconds. */
  advance(seconds: number): void {
    this.#ahead += seconds;
  }

  /** Seconds since the epoch. */
  now(): number {
    return Date.now() / 1000 + this.#ahead;
  }

  /** The operations that KMS received, in order. */
  get operations(): readonly string[] {
    return this.calls.map(({ operation }) => operation);
  }

  async #certificate() {
    const authority = new Authority();
    this.caFile = await Deno.makeTempFile({ suffix: ".pem" });
    await Deno.writeTextFile(this.caFile, authority.certificate);
    const { certificate: cert, key } = authority.issue({ commonName: "kms", names: ["127.0.0.1"] });
    return { cert, key };
  }

  async #listen(
    server: ReturnType<typeof createPlainServer> | ReturnType<typeof createServer>,
    answer: (request: IncomingMessage, text: string, response: ServerResponse) => Promise<void> | void,
  ): Promise<string> {
    server.on("request", async (request: IncomingMessage, response: ServerResponse) => {
      response.on("error", () => {});
      response.setHeader("date", new Date(this.now() * 1000).toUTCString());
      try {
        let text = "";
        for await (const chunk of request) text += String(chunk);
        await answer(request, text, response);
      } catch {
        response.destroy();
      }
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    this.#closes.push(() => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      return closed;
    });
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** Answers as the metadata server, and as the issuer of tokens for workload identity federation. */
  #machine(request: IncomingMessage, _text: string, response: ServerResponse): void {
    this.logins.refuses = this.fault?.kind === "refused_login";
    const { pathname } = new URL(request.url ?? "/", this.metadata);
    if (pathname === "/subject-token") {
      const asked = request.headers["x-asked-by"] === "trousseau";
      return send(response, { status: asked ? 200 : 403, body: { access_token: this.logins.subjectToken } });
    }
    if (this.logins.flavored) response.setHeader("metadata-flavor", "Google");
    send(response, this.logins.metadata(decodeURIComponent(pathname), String(request.headers["metadata-flavor"])));
  }

  async #apis(request: IncomingMessage, text: string, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? "/", this.endpoint);
    this.logins.refuses = this.fault?.kind === "refused_login";
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1];
    if (pathname === "/token") return send(response, this.logins.oauth(text));
    if (pathname === "/v1/token") return send(response, this.logins.sts(text));
    const [, account] = /^\/v1\/projects\/-\/serviceAccounts\/([^/]+):generateAccessToken$/.exec(pathname) ?? [];
    if (account !== undefined) {
      return send(response, this.logins.impersonate(decodeURIComponent(account), token, JSON.parse(text)));
    }
    const body = text === "" ? Object.fromEntries(searchParams) : JSON.parse(text);
    await this.#kms(request, pathname, body, token, response);
  }

  async #kms(
    { method, headers }: IncomingMessage,
    pathname: string,
    body: Record<string, unknown>,
    token: string | undefined,
    response: ServerResponse,
  ): Promise<void> {
    const path = pathname.split("/").map(decodeURIComponent).join("/");
    const [, name = "", verb] = /^\/v1\/(.+?)(?::([A-Za-z]+))?$/.exec(path) ?? [];
    const read = name.endsWith("/cryptoKeyVersions") ? "list" : "get";
    const operation = method === "GET" ? read : verb ?? "";
    const permission = permissions[operation];
    const quotaProject = headers["x-goog-user-project"];
    this.calls.push({ operation, path, token, quotaProject: quotaProject?.toString(), body, permission });
    const fault = this.fault;
    if (fault?.kind === "hang") return;
    if (fault?.kind === "slow") await pause(fault.ms);
    if (fault?.kind === "garbage") return sendText(response, 200, fault.text);
    if (fault?.kind === "status") {
      if (fault.retryAfter !== undefined) response.setHeader("retry-after", fault.retryAfter);
      if (fault.name === undefined) return sendText(response, fault.status, "<html>a proxy</html>");
      return send(response, failure(fault.status, fault.name, "a text that nobody repeats", ...fault.details ?? []));
    }
    const reply = this.#refusal(token, permission) ?? this.#answer(operation, name, body);
    if (fault?.kind === "changed" && reply.status === 200) {
      return send(response, { status: 200, body: fault.change({ ...reply.body as Record<string, unknown> }) });
    }
    if (fault?.kind !== "half") return send(response, reply);
    const whole = JSON.stringify(reply.body);
    response.writeHead(reply.status, { "content-length": whole.length });
    response.write(whole.slice(0, whole.length / 2), () => response.socket?.destroy());
  }

  #refusal(token: string | undefined, permission: string | undefined): GcpReply | undefined {
    const { fault } = this;
    const login = fault?.kind === "refused_login" ? undefined : this.#login(token);
    if (login === undefined) {
      const info = detail("ErrorInfo", { reason: "ACCESS_TOKEN_EXPIRED", domain: "googleapis.com" });
      return failure(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.", info);
    }
    if (!login.scopes.some((one) => one === scope.kms || one === scope.all)) {
      const info = detail("ErrorInfo", { reason: "ACCESS_TOKEN_SCOPE_INSUFFICIENT", domain: "googleapis.com" });
      return failure(403, "PERMISSION_DENIED", "Request had insufficient authentication scopes.", info);
    }
    if (permission !== undefined && (fault?.kind !== "rights" || fault.permissions.includes(permission))) {
      return undefined;
    }
    const info = detail("ErrorInfo", { reason: "IAM_PERMISSION_DENIED", domain: "cloudkms.googleapis.com" });
    return failure(403, "PERMISSION_DENIED", `Permission '${permission}' denied (or it may not exist).`, info);
  }

  #login(token: string | undefined): Pick<IssuedToken, "scopes"> | undefined {
    const claims = this.takesJwt ? this.logins.checkedJwt(token ?? "") : undefined;
    return claims === undefined ? this.logins.valid(token) : { scopes: String(claims.scope).split(" ") };
  }

  #answer(operation: string, name: string, body: Record<string, unknown>): GcpReply {
    if (operation === "get") return this.keys.read(name);
    if (operation === "list") {
      return this.keys.list(name.replace(/\/cryptoKeyVersions$/, ""), Number(body.pageToken ?? 0));
    }
    return operation === "encrypt" ? this.keys.encrypt(name, body) : this.keys.decrypt(name, body);
  }
}

function send(response: ServerResponse, { status, body }: GcpReply): void {
  sendText(response, status, JSON.stringify(body));
}

function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "content-type": "application/json", "content-length": new Blob([text]).size });
  response.end(text);
}
