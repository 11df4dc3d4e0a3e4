/**
 * A client that is generated from the OpenAPI document exercises every route, and each answer is that of its schema.
 *
 * @module
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { join } from "node:path";
import createClient from "openapi-fetch";
import { base64 } from "../../lib/base/bytes.ts";
import type { RouteRow } from "../../lib/api/keyring/route.ts";
import { apiPrefix, routes } from "../../lib/api/keyring/routes.ts";
import type { RequestPeer } from "../../lib/services/keyring/http/exchange.ts";
import type { JwtVerifier } from "../../lib/services/keyring/identity/login.ts";
import { TestKeyring } from "../support/keyring_api.ts";
import { inFolder } from "../support/temporary_folder.ts";
import { openApiFiles } from "./openapi_files.ts";
import type { paths } from "./openapi_types.ts";

const root = new URL("../..", import.meta.url).pathname;

const rows: readonly (readonly [string, RouteRow])[] = Object.entries(routes);

Deno.test("docs/openapi.json and the client's types are those of the schemas; deno task docs:openapi makes them", async () => {
  for (const [path, text] of await openApiFiles()) equal(await Deno.readTextFile(join(root, path)), text, path);
});

Deno.test("the served document is the committed one", async () => {
  await inFolder(async (folder) => {
    await using keyring = await TestKeyring.open(folder);
    const { text } = await keyring.expect(200, "GET", "/openapi.json", { peer: { address: "192.0.2.1" } });
    equal(text, await Deno.readTextFile(join(root, "docs/openapi.json")));
  });
});

/** A client of the keyring that notes which routes it used, and checks each answer against the schema of its route. */
function clientOf(keyring: TestKeyring, used: Set<string>, peer: RequestPeer, token?: string) {
  return createClient<paths>({
    baseUrl: "http://keyring.invalid",
    ...(token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } }),
    pathSerializer: (template, parameters) =>
      template.replace(
        /\{(\w+)\}/,
        (_all, name) => String(parameters[name]).split("/").map(encodeURIComponent).join("/"),
      ),
    fetch: async (request) => {
      const { pathname, search } = new URL(request.url);
      const answer = await keyring.stream(request.method, pathname + search, {
        peer,
        headers: Object.fromEntries(request.headers),
        ...(request.body === null ? {} : { body: await request.text() }),
        signal: request.signal,
      });
      const found = rows.find(([, row]) => row.method === request.method && matches(row.path, pathname));
      ok(found !== undefined, `${request.method} ${pathname} is in the table of routes`);
      used.add(found[0]);
      await checkAnswer(found, answer);
      return answer;
    },
  });
}

function matches(template: string, pathname: string): boolean {
  const [start = ""] = `${apiPrefix}${template}`.split("{");
  return template.includes("{") ? pathname.startsWith(start) : pathname === start;
}

async function checkAnswer([id, { answer, status }]: readonly [string, RouteRow], response: Response): Promise<void> {
  equal(response.status, status, id);
  if (typeof answer === "string") return;
  const result = answer.safeParse(await response.clone().json());
  ok(result.success, `${id}: ${JSON.stringify(result.error?.issues)}`);
}

const issuer: JwtVerifier = {
  name: "ci",
  verify: () =>
    Promise.resolve({
      kind: "oidc",
      name: "oidc:ci/main",
      taker: { kind: "issuer", name: "ci", subject: "main", claims: new Map() },
    }),
};

const policyText = `
roles:
  ci: {take: [{issuer: ci, subject: main}], rules: [{path: db, verbs: [read]}]}
`;

Deno.test("a generated client exercises every route", async () => {
  await inFolder(async (folder) => {
    await using keyring = await TestKeyring.open(folder, { issuers: [issuer] });
    const used = new Set<string>();
    const admin = clientOf(keyring, used, { socket: "admin" });
    await secretsOf(admin);
    await admin.PUT("/api/v1/policy", { body: { text: policyText } });
    await admin.GET("/api/v1/policy");
    await peopleOf(keyring, used, admin);
    await tokensOf(keyring, used, admin);
    await systemOf(admin);
    deepEqual([...used].toSorted(), rows.map(([id]) => id).toSorted());
  });
});

type Client = ReturnType<typeof clientOf>;

async function secretsOf(client: Client): Promise<void> {
  const params = { path: { path: "db/Grüße/a b" } };
  const fields = {
    text: { value: "x" },
    json: { kind: "json", value: { a: [1] } },
    bytes: { kind: "bytes", value: "AP8=" },
  } as const;
  await client.POST("/api/v1/secrets/{path}", { params, body: { fields, labels: { team: "a" } } });
  const { data } = await client.GET("/api/v1/secrets/{path}", { params });
  deepEqual(data?.fields.json, { kind: "json", value: { a: [1] } });
  await client.PUT("/api/v1/secrets/{path}", { params, body: { fields: { text: { value: "y" } } } });
  await client.PATCH("/api/v1/secrets/{path}", {
    params,
    body: { labels: { team: null }, expiresAt: "2100-01-01T00:00:00Z" },
  });
  await client.GET("/api/v1/history/{path}", { params });
  await client.GET("/api/v1/diff/{path}", { params: { ...params, query: { from: "1", to: "2" } } });
  await client.DELETE("/api/v1/secrets/{path}", { params: { ...params, query: { versions: "1" } } });
  await client.POST("/api/v1/undelete/{path}", { params, body: { versions: [1] } });
  await client.POST("/api/v1/destroy/{path}", { params, body: { versions: [1] } });
  const generator = { kind: "password", length: 20 } as const;
  await client.POST("/api/v1/generate/{path}", {
    params: { path: { path: "db/app" } },
    body: { field: "p", generator },
  });
  await client.POST("/api/v1/move", { body: { from: "db/app", to: "db/app2" } });
  const list = await client.GET("/api/v1/list/{folder}", {
    params: { path: { folder: "db/" }, query: { limit: "10" } },
  });
  deepEqual(list.data?.entries.map(({ path }) => path), ["db/Grüße/", "db/app2"]);
  await client.POST("/api/v1/read", { body: { paths: ["db/app2"] } });
  const items = [{ path: "new/a", fields: { f: { value: "x" } } }];
  equal((await client.POST("/api/v1/import", { body: { items, dryRun: false } })).data?.written, 1);
  const stop = new AbortController();
  await client.GET("/api/v1/watch/{folder}", {
    params: { path: { folder: "" } },
    parseAs: "stream",
    signal: stop.signal,
  });
  stop.abort();
}

async function peopleOf(keyring: TestKeyring, used: Set<string>, admin: Client): Promise<void> {
  const invited = await admin.POST("/api/v1/enrolments", { body: { name: "anna", roles: [] } });
  const publicKey = () =>
    base64(
      new Uint8Array(
        generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ type: "spki", format: "der" }),
      ),
    );
  const anonymous = clientOf(keyring, used, { address: "192.0.2.1" });
  const { data } = await anonymous.POST("/api/v1/enrol", {
    body: { code: invited.data?.code ?? "", publicKey: publicKey() },
  });
  const certificate = new Uint8Array(new X509Certificate(data?.certificate ?? "").raw);
  const anna = clientOf(keyring, used, { address: "192.0.2.1", certificate });
  equal((await anna.GET("/api/v1/whoami")).data?.name, "person:anna");
  await anna.POST("/api/v1/renew", { body: { publicKey: publicKey() } });
  const can = await anna.GET("/api/v1/can", { params: { query: { verb: "read", path: "db/app2" } } });
  equal(can.data?.allowed, false);
  const { data: people } = await admin.GET("/api/v1/identities");
  equal(people?.identities[0]?.state, "active");
  await admin.DELETE("/api/v1/identities/{id}", { params: { path: { id: people?.identities[0]?.id ?? "" } } });
  equal((await keyring.send("GET", "/api/v1/whoami", { peer: { certificate } })).status, 401);
}

async function tokensOf(keyring: TestKeyring, used: Set<string>, admin: Client): Promise<void> {
  const peer = { address: "192.0.2.1" };
  const login = await clientOf(keyring, used, peer).POST("/api/v1/login", {
    body: { method: "oidc", role: "ci", jwt: "a.b.c" },
  });
  const own = clientOf(keyring, used, peer, login.data?.token);
  await own.POST("/api/v1/token/renew");
  await own.POST("/api/v1/token/revoke");
  const made = await admin.POST("/api/v1/tokens", { body: { role: "ci", ttl: 3_600, name: "script" } });
  await admin.GET("/api/v1/tokens");
  await admin.DELETE("/api/v1/tokens/{id}", { params: { path: { id: made.data?.id ?? "" } } });
}

async function systemOf(admin: Client): Promise<void> {
  equal((await admin.GET("/api/v1/audit/key")).data?.serverId, "s1");
  ok(((await admin.GET("/api/v1/audit/head")).data?.lines ?? 0) > 10);
  equal((await admin.GET("/api/v1/health")).data?.state, "ok");
  await admin.GET("/api/v1/backup", { parseAs: "arrayBuffer" });
  const upkeep = await admin.POST("/api/v1/upkeep", { body: { job: "reindex" }, parseAs: "text" });
  equal(upkeep.data, '{"report":{"rows":0}}\n');
}
