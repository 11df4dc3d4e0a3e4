/**
 * Identities that a keyring must not take, over TLS: each gets 401 and one sentence, and a right that was taken back ends
 * with the next request, on a kept connection too.
 *
 * @module
 */
import { deepEqual, equal, match, notEqual } from "node:assert/strict";
import { createHash, generateKeyPairSync, type KeyObject, sign, X509Certificate } from "node:crypto";
import { Agent, request } from "node:https";
import type { Socket } from "node:net";
import { join } from "node:path";
import { pause, waitFor } from "../support/processes.ts";
import { type KeyringAnswer, keyringPrograms, KeyringSite } from "./harness/keyring.ts";

const programs = await keyringPrograms();
const issuer = "https://idp.example";

const policy = `
roles:
  job: {take: [{issuer: ci, subject: "repo:acme/*"}], rules: [{path: db, verbs: [read, list]}]}
  reader: {rules: [{path: db, verbs: [read, list]}]}
`;

/** A client of the TLS port with at most one connection. */
class TlsClient implements Disposable {
  readonly #site: KeyringSite;
  readonly #agent: Agent;
  /** The connections that it has used. */
  readonly sockets = new Set<Socket>();

  constructor(site: KeyringSite, authority: string, pair: { readonly key?: string; readonly cert?: string } = {}) {
    this.#site = site;
    this.#agent = new Agent({ keepAlive: true, maxSockets: 1, ca: authority, ...pair });
  }

  async call(method: string, path: string, body?: unknown, token?: string): Promise<KeyringAnswer> {
    const content = body === undefined ? undefined : JSON.stringify(body);
    const headers: Record<string, string> = {
      ...(content === undefined ? {} : { "content-type": "application/json", "content-length": `${content.length}` }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    };
    const answered = Promise.withResolvers<KeyringAnswer>();
    const sent = request(
      { host: "localhost", port: this.#site.port, agent: this.#agent, method, path: `/api/v1/${path}`, headers },
      (response) => {
        const chunks: Uint8Array[] = [];
        response.on("data", (chunk: Uint8Array) => chunks.push(chunk));
        response.on("error", answered.reject);
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString();
          answered.resolve({ status: response.statusCode ?? 0, text, body: JSON.parse(text) });
        });
      },
    );
    sent.on("socket", (socket: Socket) => this.sockets.add(socket));
    sent.on("error", answered.reject);
    sent.end(content);
    return await answered.promise;
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}

interface Site extends AsyncDisposable {
  readonly site: KeyringSite;
  readonly authority: string;
  /** Signs a JWT of the issuer. */
  jwt(claims: Record<string, unknown>): string;
}

async function openSite(): Promise<Site> {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const site = await KeyringSite.make(programs);
  const jwks = join(site.folder, "jwks.json");
  const key = { ...publicKey.export({ format: "jwk" }), kid: "k1", alg: "ES256", use: "sig" };
  await Deno.writeTextFile(jwks, JSON.stringify({ keys: [key] }));
  const issuers = [{ name: "ci", kind: "oidc", url: issuer, audience: "trousseau", jwksFile: jwks }];
  await site.configure({ keyring: { listen: `127.0.0.1:${site.port}`, issuers } });
  await site.start();
  const listens = async () => {
    (await Deno.connect({ hostname: "127.0.0.1", port: site.port })).close();
    return true;
  };
  await waitFor("the TLS port", listens, { timeoutMs: 60_000 });
  equal((await site.call("PUT", "/api/v1/policy", { text: policy })).status, 200);
  const body = { fields: { p: { kind: "text", value: "value of the test" } } };
  equal((await site.call("POST", "/api/v1/secrets/db/john", body)).status, 201);
  // The key, the server's certificate and that of the authority.
  const pem = await Deno.readTextFile(join(site.folder, "state/tls.pem"));
  const certificates = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return {
    site,
    authority: certificates.at(-1) ?? "",
    jwt: (claims) => signed(privateKey, claims),
    [Symbol.asyncDispose]: () => site[Symbol.asyncDispose](),
  };
}

function signed(key: KeyObject, claims: Record<string, unknown>): string {
  const iat = Math.floor(Date.now() / 1_000);
  const all = { iss: issuer, aud: "trousseau", sub: "repo:acme/shop", iat, exp: iat + 600, ...claims };
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const content = `${encode({ alg: "ES256", kid: "k1", typ: "JWT" })}.${encode(all)}`;
  const signature = sign("sha256", Buffer.from(content), { key, dsaEncoding: "ieee-p1363" });
  return `${content}.${signature.toString("base64url")}`;
}

function isRefused({ status, body, text }: KeyringAnswer, what: string): void {
  deepEqual([status, body.type], [401, "urn:trousseau:problem:unauthenticated"], `${what}: ${text}`);
  match(body.detail, /^[A-Z][^\n]*\.$/, what);
}

Deno.test("a JWT of another audience, issuer, key or time gives no token", async () => {
  await using opened = await openSite();
  using client = new TlsClient(opened.site, opened.authority);
  const logIn = (jwt: string) => client.call("POST", "login", { method: "oidc", issuer: "ci", role: "job", jwt });
  const now = Math.floor(Date.now() / 1_000);
  const other = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ["another audience", opened.jwt({ aud: "other" }), /another audience/],
    ["no audience", opened.jwt({ aud: undefined }), /audience/],
    ["another issuer", opened.jwt({ iss: "https://other.example" }), /another issuer/],
    ["expired", opened.jwt({ iat: now - 900, exp: now - 300 }), /expired/],
    ["not valid yet", opened.jwt({ nbf: now + 600 }), /not valid yet/],
    ["another key", signed(other, {}), /signature/],
  ];
  for (const [name, jwt, says] of cases) {
    const answer = await logIn(jwt);
    isRefused(answer, name);
    match(answer.body.detail, says, name);
  }
  // A subject that the role does not name.
  const stranger = await logIn(opened.jwt({ sub: "repo:other/shop" }));
  notEqual(stranger.status, 201, stranger.text);
  equal(stranger.body.token, undefined);
  const taken = await logIn(opened.jwt({}));
  match(taken.body.token, /^tsk_/, taken.text);
  const read = await client.call("GET", "secrets/db/john", undefined, taken.body.token);
  equal(read.body.fields.p.value, "value of the test", read.text);
});

Deno.test("a token that has expired or was revoked is refused with the next request on the same connection", async () => {
  await using opened = await openSite();
  const { site, authority } = opened;
  using client = new TlsClient(site, authority);
  const make = async (ttl: number) => {
    const { status, text, body } = await site.call("POST", "/api/v1/tokens", { role: "reader", ttl, name: "job" });
    equal(status, 201, text);
    return body;
  };
  const lasting = await make(3_600);
  // The shortest lifetime.
  const short = await make(60);
  const made = performance.now();
  const read = (token: string) => client.call("GET", "secrets/db/john", undefined, token);
  for (const { token } of [lasting, short]) equal((await read(token)).status, 200);
  await pause(Math.max(0, 60_500 - (performance.now() - made)));
  isRefused(await read(short.token), "an expired token");
  equal((await read(lasting.token)).status, 200);
  equal((await site.clectl(["token", "revoke", lasting.id])).code, 0);
  isRefused(await read(lasting.token), "a revoked token");
  isRefused(await read(`${lasting.token.slice(0, -1)}x`), "a token that was never issued");
  isRefused(await client.call("GET", "secrets/db/john"), "no token");
});

Deno.test("a certificate that was revoked is refused with the next request on a kept connection; a code works once", async () => {
  await using opened = await openSite();
  const { site, authority } = opened;
  using stranger = new TlsClient(site, authority);
  const invited = await site.call("POST", "/api/v1/enrolments", { name: "anna", roles: ["reader"] });
  equal(invited.status, 201, invited.text);
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const spki = publicKey.export({ type: "spki", format: "der" }).toString("base64");
  const enrolled = await stranger.call("POST", "enrol", { code: invited.body.code, publicKey: spki });
  const { certificate } = enrolled.body;
  match(certificate, /BEGIN CERTIFICATE/, enrolled.text);
  isRefused(await stranger.call("POST", "enrol", { code: invited.body.code, publicKey: spki }), "a code again");
  const replay = await site.person(
    ["login", `https://localhost:${site.port}`, "--fingerprint", fingerprintOf(authority)],
    invited.body.code,
  );
  equal(replay.code, 77, replay.stderr);
  match(replay.stderr, /^clectl: [A-Z][^\n]*\.\nRun "\w+ help error [\w -]+" for cause and cure\.\n$/);

  const key = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  using anna = new TlsClient(site, authority, { key, cert: certificate });
  equal((await anna.call("GET", "whoami")).body.name, "person:anna");
  equal((await anna.call("GET", "secrets/db/john")).status, 200);
  equal((await site.clectl(["identity", "revoke", invited.body.id])).code, 0);
  isRefused(await anna.call("GET", "secrets/db/john"), "a revoked certificate");
  isRefused(await anna.call("GET", "whoami"), "a revoked certificate");
  equal(anna.sockets.size, 1, "all on one connection");
});

function fingerprintOf(pem: string): string {
  const spki = new X509Certificate(pem).publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(spki).digest("hex");
}
