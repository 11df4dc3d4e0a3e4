/**
 * Bad requests to a keyring: each has one sentence, the right status, and leaves everything as it was.
 *
 * @module
 */
import { deepEqual, equal, match } from "node:assert/strict";
import { join } from "node:path";
import { type Ended, keyringPrograms, KeyringSite } from "./harness/keyring.ts";

const programs = await keyringPrograms();

/** The content of the keyring: all paths with their history. */
async function contentOf(site: KeyringSite, folder = ""): Promise<unknown[]> {
  const { body } = await site.call("GET", `/api/v1/list/${folder}`);
  const found: unknown[] = [];
  for (const { path } of body.entries) {
    if (path.endsWith("/")) found.push(...await contentOf(site, path));
    else found.push((await site.call("GET", `/api/v1/history/${path}`)).body);
  }
  return found;
}

/** One sentence on one line, which begins with the name of the program. */
function isOneSentence({ stderr }: Ended, words: string): void {
  const [first = "", ...rest] = stderr.split("\n");
  match(first, /^clectl: [A-Z"].*[.?]$/, words);
  // Behind the sentence of a mistake in the command line, its usage and an example follow.
  const others = rest.filter((line) => line !== "" && !/^(Usage: |Example: |Run "clectl help)/.test(line));
  deepEqual(others, [], words);
}

interface Refused {
  readonly words: string;
  readonly stdin?: string;
  readonly code: number;
  readonly says: RegExp;
}

const ofClient: readonly Refused[] = [
  { words: "create db//john -f p --stdin", stdin: "x", code: 64, says: /db\/\/john/ },
  { words: "create db/../john -f p --stdin", stdin: "x", code: 64, says: /\.\./ },
  { words: "create /db -f p --stdin", stdin: "x", code: 64, says: /\/db/ },
  { words: `create ${"a/".repeat(16)}b -f p --stdin`, stdin: "x", code: 64, says: /16/ },
  { words: `create ${"a".repeat(129)} -f p --stdin`, stdin: "x", code: 64, says: /128/ },
  { words: "create db/x -f p --value foo", code: 64, says: /--stdin/ },
  { words: "create db/x -f p/q --stdin", stdin: "x", code: 64, says: /name of a field/ },
  { words: "create db/x -f p --stdin", stdin: "", code: 64, says: /--allow-empty/ },
  { words: "create db/x -f p --stdin --kind json", stdin: "{", code: 64, says: /not JSON/ },
  { words: "create db/john -f p --stdin", stdin: "x", code: 1, says: /"db\/john" exists/ },
  { words: "update db/john -f p --stdin --cas 7", stdin: "x", code: 1, says: /"db\/john" has version 2, not 7\.$/ },
  { words: "update db/none -f p --stdin", stdin: "x", code: 1, says: /"db\/none" does not exist/ },
  { words: "generate db/john -f p", code: 1, says: /"db\/john"/ },
  { words: "get db/none", code: 1, says: /"db\/none" does not exist/ },
  { words: "get db/john -f other", code: 1, says: /other/ },
  { words: "get db/john --at 3", code: 1, says: /3/ },
  { words: "get db/gone", code: 1, says: /deleted/ },
  { words: "destroy db/john --versions 9 --yes", code: 1, says: /9/ },
  { words: "move db/none db/y", code: 1, says: /"db\/none" does not exist/ },
  { words: "move db/john db/other", code: 1, says: /"db\/other" exists/ },
  { words: "create db/x -f p --file /run/keyring-e2e-none", code: 64, says: /no such file|does not exist/i },
  { words: "crate db/x", code: 64, says: /Did you mean/ },
];

interface RefusedRequest {
  readonly request: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly status: number;
  readonly type: string;
}

const field = (value: string) => ({ fields: { p: { kind: "text", value } } });

const ofServer: readonly RefusedRequest[] = [
  { request: "POST /api/v1/secrets/db%2Fx", body: field("x"), status: 400, type: "path_invalid" },
  { request: "POST /api/v1/secrets/db/%00", body: field("x"), status: 400, type: "path_invalid" },
  { request: "POST /api/v1/secrets/db/%2e%2e/x", body: field("x"), status: 400, type: "path_invalid" },
  { request: "POST /api/v1/secrets/db/%0a", body: field("x"), status: 400, type: "path_invalid" },
  // An e with an accent, in NFD.
  { request: "POST /api/v1/secrets/db/e%CC%81", body: field("x"), status: 400, type: "path_invalid" },
  { request: "POST /api/v1/secrets/db/%ff", body: field("x"), status: 400, type: "path_invalid" },
  { request: "POST /api/v1/secrets/db/x", body: "{", status: 400, type: "request_invalid" },
  { request: "POST /api/v1/secrets/db/x", body: { ...field("x"), fild: 1 }, status: 400, type: "request_invalid" },
  { request: "POST /api/v1/secrets/db/x", body: { fields: {} }, status: 400, type: "request_invalid" },
  {
    request: "POST /api/v1/secrets/db/x",
    body: { fields: { p: { kind: "bytes", value: "???" } } },
    status: 400,
    type: "request_invalid",
  },
  { request: "POST /api/v1/secrets/db/x", body: field("x".repeat(1_048_577)), status: 413, type: "too_large" },
  { request: "POST /api/v1/secrets/db/x", body: field("x".repeat(2_400_000)), status: 413, type: "too_large" },
  { request: "POST /api/v1/secrets/db/john", body: field("x"), status: 409, type: "exists" },
  {
    request: "PUT /api/v1/secrets/db/john",
    body: field("x"),
    headers: { "if-match": '"1"' },
    status: 412,
    type: "version_mismatch",
  },
  {
    request: "PUT /api/v1/secrets/db/john",
    body: field("x"),
    headers: { "if-match": "one" },
    status: 400,
    type: "request_invalid",
  },
  {
    request: "PUT /api/v1/secrets/db/john",
    body: field("x"),
    headers: { "content-type": "text/plain" },
    status: 415,
    type: "media_type",
  },
  { request: "GET /api/v1/secrets/db/john?field=other", status: 404, type: "not_found" },
  { request: "GET /api/v1/secrets/db/john?versoin=1", status: 400, type: "request_invalid" },
  { request: "GET /api/v1/secrets/db/gone", status: 410, type: "deleted" },
  { request: "DELETE /api/v1/list/db/", status: 405, type: "method_not_allowed" },
  { request: "GET /api/v2/secrets/db/john", status: 404, type: "not_found" },
  {
    request: "GET /api/v1/whoami",
    headers: { authorization: "Bearer tsk_none" },
    status: 401,
    type: "unauthenticated",
  },
];

async function filled(): Promise<KeyringSite> {
  const site = await KeyringSite.make(programs);
  await site.start();
  for (const path of ["db/john", "db/other", "db/gone"]) {
    equal((await site.call("POST", `/api/v1/secrets/${path}`, field("one"))).status, 201);
  }
  equal((await site.call("PUT", "/api/v1/secrets/db/john", field("two"))).status, 200);
  equal((await site.call("DELETE", "/api/v1/secrets/db/gone")).status, 200);
  await Deno.writeTextFile(join(site.folder, "policy.yaml"), "roles: {all: {rules: [{path: db, verbs: [raed]}]}}\n");
  await Deno.writeTextFile(join(site.folder, "rows.csv"), "path,password\ndb/a,one\ndb//b,two\n");
  return site;
}

Deno.test("clectl refuses bad input with one sentence and the right status, and nothing is half done", async () => {
  await using site = await filled();
  const before = await contentOf(site);
  equal(before.length, 3);
  for (const { words, stdin, code, says } of ofClient) {
    const ended = await site.clectl(words.split(" "), stdin);
    equal(ended.code, code, `${words}: ${ended.stderr}`);
    match(ended.stderr.split("\n")[0] ?? "", says, words);
    isOneSentence(ended, words);
    equal(ended.stdout, "", words);
  }
  const policy = await site.clectl(["policy", "set", join(site.folder, "policy.yaml")]);
  equal(policy.code, 64, policy.stderr);
  match(
    policy.stderr,
    /^clectl: The policy is refused:\n {2}1:\d+: roles\.all\.rules\[0\]\.verbs\[0\]: .*"read"\?\nRun "\w+ help error [\w -]+" for cause and cure\.\n$/,
  );
  const rows = await site.clectl(["import", join(site.folder, "rows.csv")]);
  equal(rows.code, 64, rows.stderr);
  match(rows.stdout + rows.stderr, /3.*db\/\/b|db\/\/b.*3/, "the place of the row");
  const large = join(site.folder, "large");
  await Deno.writeFile(large, new Uint8Array(1_048_577));
  const refused = await site.clectl(["create", "db/x", "-f", "p", "--kind", "bytes", "--file", large]);
  equal(refused.code, 64, refused.stderr);
  isOneSentence(refused, "a file above 1 MiB");
  deepEqual(await contentOf(site), before);
});

Deno.test("the API refuses bad input with one sentence and the right status, and nothing is half done", async () => {
  await using site = await filled();
  const before = await contentOf(site);
  for (const { request, body, headers, status, type } of ofServer) {
    const [method = "", path = ""] = request.split(" ");
    const answer = await site.call(method, path, body, headers);
    const shown = `${request} ${JSON.stringify(body ?? "").slice(0, 60)}: ${answer.text}`;
    deepEqual([answer.status, answer.body?.type], [status, `urn:trousseau:problem:${type}`], shown);
    match(answer.body.detail, /^[A-Z"][^\n]*\.$/, shown);
    equal(answer.body.status, status);
  }
  deepEqual(await contentOf(site), before);
});
