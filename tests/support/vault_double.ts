/**
 * A double of Vault's HTTP API, for faults that a real server does not produce on demand: no answer, half an answer, the
 * states of a cluster. Its statuses and texts are those of Vault 1.21. It does not encrypt.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { Pair } from "./certificates.ts";

/** A received request. */
export interface DoubleRequest {
  readonly method: string;
  /** The path below `/v1/`. */
  readonly path: string;
  readonly token: string | undefined;
  readonly namespace: string | undefined;
  // deno-lint-ignore no-explicit-any
  readonly body: any;
}

/** Answers a request in place of the engine; `undefined` passes it to the engine. */
export type Intercept = (request: DoubleRequest) => Response | Promise<Response> | undefined;

/** The properties of issued tokens. Durations are in seconds. */
export interface DoubleTokens {
  readonly ttl: number;
  readonly renewable: boolean;
  /** Maximum number of requests with one token; unlimited if left out. */
  readonly uses?: number;
}

/** The content of a response-wrapping token, and the path that made it. */
export interface WrappedAnswer {
  readonly madeBy: string;
  /** The answer that was wrapped, as `{ data: { secret_id } }` or `{ auth: { client_token } }`. */
  readonly answer: unknown;
}

/** Number of refused logins at which an account is locked. */
const lockedAt = 5;

const denied = "1 error occurred:\n\t* permission denied\n\n";

/** The answer of OpenBao 2.6 and 2.7 to every request in a namespace, sys/health excepted. */
const namespaceAnswers = {
  locked: [
    503,
    'API access to this namespace has been locked by an administrator - "team-a/" must be unlocked to gain access.',
  ],
  sealed: [503, "namespace is sealed"],
  missing: [404, "namespace not found"],
} as const;

/** A Vault with one transit key named `kubernetes` and every auth method. Any login with the password `right` succeeds. */
export class VaultDouble implements AsyncDisposable {
  readonly address: string;
  readonly requests: DoubleRequest[] = [];
  intercept: Intercept | undefined;
  /** Called with the status of each answer. */
  answered: ((status: number) => void) | undefined;
  tokens: DoubleTokens = { ttl: 3600, renewable: true };
  /** The state of every namespace; `undefined` for the normal one. */
  namespace: keyof typeof namespaceAnswers | undefined;
  /** The valid tokens. */
  readonly valid = new Set<string>(["root"]);
  /** Creation times by version. Without any there is no key. */
  versions: number[] = [1_700_000_000];
  minDecryption = 1;
  minEncryption = 0;
  /** Further members of the answer to a read of the key. */
  properties: Readonly<Record<string, unknown>> = {};
  /** Logins that were refused and counted, by account; Vault locks one at the fifth (its "User lockout"). */
  readonly refusals = new Map<string, number>();
  /** Paths of auth methods that do not exist. */
  readonly absentMounts = new Set<string>();
  /** Unused response-wrapping tokens. */
  readonly wrapped = new Map<string, WrappedAnswer>();
  /** Valid tokens without the right to look up or renew themselves. */
  readonly secretive = new Set<string>();
  /** The remaining uses of the tokens with limited uses. */
  readonly #uses = new Map<string, number>();
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #closing = new AbortController();
  #logins = 0;

  constructor(tls?: Pair) {
    const options = { hostname: "127.0.0.1", port: 0, onListen() {}, signal: this.#closing.signal };
    const secured = tls === undefined ? options : { ...options, cert: tls.certificate, key: tls.key };
    this.#server = Deno.serve(secured, (request) => this.#serve(request));
    this.address = `${tls === undefined ? "http" : "https"}://127.0.0.1:${this.#server.addr.port}`;
  }

  /** An answer that is not sent before the double is disposed of. */
  hang(): Promise<Response> {
    return new Promise((resolve) => {
      this.#closing.signal.addEventListener("abort", () => resolve(new Response(null, { status: 599 })));
    });
  }

  /** The requests whose path begins with `path`. */
  asked(path: string): readonly DoubleRequest[] {
    return this.requests.filter((request) => request.path.startsWith(path));
  }

  /** Deletes the key and creates another one with its name. */
  remake(createdAt: number): void {
    this.versions = [createdAt];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#server.finished;
  }

  async #serve(incoming: Request): Promise<Response> {
    const text = await incoming.text();
    const request = {
      method: incoming.method,
      path: new URL(incoming.url).pathname.slice("/v1/".length),
      token: incoming.headers.get("x-vault-token") ?? undefined,
      namespace: incoming.headers.get("x-vault-namespace") ?? undefined,
      body: text === "" ? undefined : JSON.parse(text),
    };
    this.requests.push(request);
    const answer = await this.intercept?.(request) ?? this.#answer(request);
    this.answered?.(answer.status);
    return answer;
  }

  #answer(request: DoubleRequest): Response {
    if (request.path === "sys/health") return Response.json({ initialized: true, sealed: false, standby: false });
    if (this.namespace !== undefined) {
      const [status, text] = namespaceAnswers[this.namespace];
      return refuse(status, text);
    }
    if (request.path.startsWith("sys/wrapping/")) return this.#wrapping(request);
    // Any request with a wrapping token as its token uses it up.
    if (this.wrapped.delete(request.token ?? "")) return refuse(403, denied);
    const [, mount] = /^auth\/(.+)\/login/.exec(request.path) ?? [];
    const login = mount !== undefined;
    if (!login && !this.valid.has(request.token ?? "")) {
      return refuse(403, "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n");
    }
    if (login && this.absentMounts.has(mount)) return refuse(403, "permission denied");
    if (login) return request.method === "GET" ? refuse(405, "unsupported operation") : this.#login(request);
    this.#spend(request.token ?? "");
    if (request.path.startsWith("auth/token/") && this.secretive.has(request.token ?? "")) return refuse(403, denied);
    const { ttl, renewable } = this.tokens;
    switch (request.path) {
      case "auth/token/lookup-self":
        return Response.json({ data: { ttl, renewable, expire_time: ttl === 0 ? null : "2030-01-01T00:00:00Z" } });
      case "auth/token/renew-self":
        return Response.json({ auth: { client_token: request.token, lease_duration: ttl, renewable } });
    }
    return this.#transit(request);
  }

  #wrapping({ path, token, body }: DoubleRequest): Response {
    const asked = body?.token ?? token ?? "";
    const found = this.wrapped.get(asked);
    if (found === undefined) return refuse(400, "wrapping token is not valid or does not exist");
    if (path === "sys/wrapping/lookup") {
      const data = { creation_path: found.madeBy, creation_time: new Date().toISOString(), creation_ttl: 120 };
      return Response.json({ data });
    }
    this.wrapped.delete(asked);
    return Response.json(found.answer);
  }

  #spend(token: string): void {
    const left = this.#uses.get(token);
    if (left === undefined) return;
    this.#uses.set(token, left - 1);
    if (left <= 1) this.valid.delete(token);
  }

  #login({ path, body }: DoubleRequest): Response {
    const wrong = Object.values(body).includes("wrong");
    const account = body.role_id ?? (path.includes("userpass") ? path : undefined);
    const refusals = this.refusals.get(account) ?? 0;
    if (account !== undefined && refusals >= lockedAt) return refuse(403, "permission denied");
    if (wrong) {
      if (account !== undefined) this.refusals.set(account, refusals + 1);
      return refuse(400, account === path ? "invalid username or password" : "invalid role or secret ID");
    }
    if (account !== undefined) this.refusals.delete(account);
    const token = `hvs.token-${++this.#logins}`;
    this.valid.add(token);
    const { ttl, renewable, uses: num_uses = 0 } = this.tokens;
    if (num_uses > 0) this.#uses.set(token, num_uses);
    return Response.json({ auth: { client_token: token, lease_duration: ttl, renewable, num_uses } });
  }

  #transit({ method, path, body }: DoubleRequest): Response {
    const operation = /^transit\/(keys|encrypt|decrypt|rewrap)\/kubernetes$/.exec(path)?.[1];
    if (operation === undefined) return refuse(404, `no handler for route "${path}". route entry not found.`);
    if (operation === "keys" && method === "GET") return this.#readKey();
    if (this.versions.length === 0) {
      return operation === "encrypt" ? refuse(403, "permission denied") : refuse(400, "encryption key not found");
    }
    const items = body.batch_input ?? [body];
    const results = items.map((item: Record<string, unknown>) => this.#item(operation, item));
    const failed = results.some((result: { error?: string }) => result.error !== undefined);
    if (body.batch_input !== undefined) {
      return Response.json({ data: { batch_results: results } }, { status: failed ? 400 : 200 });
    }
    return failed ? refuse(400, results[0].error) : Response.json({ data: results[0] });
  }

  #item(operation: string, item: Record<string, unknown>): { readonly error?: string } {
    if (operation === "encrypt") return this.#encrypt(String(item.plaintext), Number(item.key_version ?? 0));
    const opened = this.#decrypt(String(item.ciphertext));
    return opened.error !== undefined || operation === "decrypt" ? opened : this.#encrypt(opened.plaintext ?? "", 0);
  }

  #encrypt(plaintext: string, asked: number): { readonly error?: string; readonly ciphertext?: string } {
    const number = asked === 0 ? this.versions.length : asked;
    if (number > this.versions.length) {
      return { error: "requested version for encryption is higher than the latest key version" };
    }
    if (number < this.minEncryption) {
      return { error: "requested version for encryption is less than the minimum encryption key version" };
    }
    const sealed = JSON.stringify([this.versions[number - 1], plaintext]);
    return { ciphertext: `vault:v${number}:${Buffer.from(sealed).toString("base64")}` };
  }

  #decrypt(ciphertext: string): { readonly error?: string; readonly plaintext?: string } {
    const [, digits, sealed] = /^vault:v(\d+):(.*)$/.exec(ciphertext) ?? [];
    const number = Number(digits);
    if (number > this.versions.length) return { error: "invalid ciphertext: version is too new" };
    if (number < this.minDecryption) {
      return { error: "ciphertext or signature version is disallowed by policy (too old)" };
    }
    try {
      const [createdAt, plaintext] = JSON.parse(Buffer.from(sealed ?? "", "base64").toString());
      if (createdAt === this.versions[number - 1]) return { plaintext };
    } catch {
      // Falls through: bytes that this key did not make.
    }
    return { error: "cipher: message authentication failed" };
  }

  #readKey(): Response {
    if (this.versions.length === 0) return Response.json({ errors: [] }, { status: 404 });
    const keys = this.versions.map((createdAt, at) => [at + 1, createdAt] as const)
      .filter(([number]) => number >= this.minDecryption);
    return Response.json({
      data: {
        type: "aes256-gcm96",
        latest_version: this.versions.length,
        keys: Object.fromEntries(keys),
        min_decryption_version: this.minDecryption,
        min_encryption_version: this.minEncryption,
        supports_encryption: true,
        supports_decryption: true,
        derived: false,
        exportable: false,
        allow_plaintext_backup: false,
        ...this.properties,
      },
    });
  }
}

/** An answer with one error, as Vault writes it. */
export function refuse(status: number, error: string, headers: Record<string, string> = {}): Response {
  return Response.json({ errors: [error] }, { status, headers });
}

/** A server that answers every connection with the same bytes and closes it: half an answer, or none. */
export class RawDouble implements AsyncDisposable {
  readonly address: string;
  readonly #listener: Deno.TcpListener;
  readonly #done: Promise<void>;

  constructor(answer: string) {
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.address = `http://127.0.0.1:${this.#listener.addr.port}`;
    this.#done = this.#accept(new TextEncoder().encode(answer));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#done;
  }

  async #accept(answer: Uint8Array): Promise<void> {
    for await (const connection of this.#listener) {
      await connection.read(new Uint8Array(65_536));
      await connection.write(answer);
      connection.close();
    }
  }
}
