import { deepEqual, equal, match, ok } from "node:assert/strict";
import { type TestAnswer, TestKeyring, type TestKeyringOptions } from "../../../../tests/support/keyring_api.ts";
import { inFolder } from "../../../../tests/support/temporary_folder.ts";
import { requestActions } from "../../../api/keyring/actions.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { utf8 } from "../../../base/bytes.ts";
import { ValueGenerators } from "../generators/value_generators.ts";
import { nativeOperations } from "./native_operations.ts";
import { vaultRoutes } from "./vault/vault_operations.ts";

function withKeyring(work: (keyring: TestKeyring) => Promise<void>, options: TestKeyringOptions = {}): Promise<void> {
  return inFolder(async (folder) => {
    await using keyring = await TestKeyring.open(folder, options);
    await work(keyring);
  });
}

const john = "/api/v1/secrets/db/prod/john";
const text = (value: string) => ({ fields: { password: { value } } });

function isProblem({ status, headers, body }: TestAnswer, code: string, detail: RegExp): void {
  equal(headers.get("content-type"), "application/problem+json");
  equal(body.type, `urn:trousseau:problem:${code}`);
  equal(body.status, status);
  equal(body.requestId, headers.get("x-request-id"));
  match(body.detail, detail);
}

Deno.test("a secret is created, read, updated, patched and deleted, each with the version as its entity tag", async () => {
  await withKeyring(async (keyring) => {
    const created = await keyring.expect(201, "POST", john, { body: { ...text("one"), labels: { team: "a" } } });
    deepEqual(created.body, { path: "db/prod/john", version: 1 });
    equal(created.headers.get("etag"), '"1"');
    const read = await keyring.expect(200, "GET", john);
    equal(read.headers.get("etag"), '"1"');
    equal(read.headers.get("cache-control"), "no-store");
    deepEqual([read.body.fields, read.body.labels], [{ password: { kind: "text", value: "one" } }, { team: "a" }]);
    await keyring.expect(200, "PUT", john, { body: text("two"), headers: { "if-match": '"1"' } });
    await keyring.expect(200, "PATCH", john, { body: { fields: { user: { value: "john" } }, labels: { team: null } } });
    const patched = await keyring.expect(200, "GET", `${john}?version=3`);
    deepEqual(Object.keys(patched.body.fields).sort(), ["password", "user"]);
    equal((await keyring.expect(200, "GET", `${john}?field=user`)).text.includes("two"), false);
    await keyring.expect(200, "DELETE", john);
    isProblem(await keyring.expect(410, "GET", john), "deleted", /db\/prod\/john/);
    await keyring.expect(200, "POST", "/api/v1/undelete/db/prod/john", { body: {} });
    await keyring.expect(200, "POST", "/api/v1/destroy/db/prod/john", { body: { versions: [1] } });
    const history = await keyring.expect(200, "GET", "/api/v1/history/db/prod/john");
    equal(history.body.currentVersion, 3);
    ok(/destroy/.test(history.body.versions[0].state));
    deepEqual((await keyring.expect(200, "GET", "/api/v1/diff/db/prod/john?from=2&to=3")).body, {
      added: ["user"],
      removed: [],
      changed: [],
      same: ["password"],
    });
  });
});

Deno.test("a JSON value is read back as it was written, and bytes as base64", async () => {
  await withKeyring(async (keyring) => {
    const value = '{"z":1.0,"a":[12345678901234567890,{"__proto__":{"x":1e400}}],"\\u0041":"\\/"}';
    const body = `{"fields":{"config":{"kind":"json","value": ${value} },"key":{"kind":"bytes","value":"AP8="}}}`;
    await keyring.expect(201, "POST", john, { body });
    const read = await keyring.expect(200, "GET", john);
    ok(read.text.includes(`"config":{"kind":"json","value":${value}}`), read.text);
    equal(read.body.fields.key.value, "AP8=");
  });
});

Deno.test("If-Match with another version is 412, and the sentence names the newest one", async () => {
  await withKeyring(async (keyring) => {
    await keyring.expect(201, "POST", john, { body: text("x") });
    const stale = await keyring.expect(412, "PUT", john, { body: text("y"), headers: { "if-match": '"7"' } });
    isProblem(stale, "version_mismatch", /has version 1, not 7/);
    equal(stale.body.version, 1);
    for (const header of ["*", 'W/"1"', "1", '"1", "2"', '"01"']) {
      await keyring.expect(400, "PUT", john, { body: text("y"), headers: { "if-match": header } });
    }
    isProblem(await keyring.expect(409, "POST", john, { body: text("y") }), "exists", /exists already/);
    await keyring.expect(404, "PUT", "/api/v1/secrets/other", { body: text("y") });
  });
});

Deno.test("a path has one spelling: other ones are refused and reach no secret", async () => {
  await withKeyring(async (keyring) => {
    await keyring.expect(201, "POST", "/api/v1/secrets/a/b", { body: text("x") });
    for (
      const path of [
        "a%2Fb",
        "a%2fb",
        "a/%00",
        "a/./b",
        "a/../a/b",
        "a/%2e%2e/a/b",
        "a//b",
        "a/b/",
        "a/b%0a",
        "a\\b",
        "",
      ]
    ) {
      const answer = await keyring.send("GET", `/api/v1/secrets/${path}`);
      isProblem(answer, "path_invalid", /refused/);
    }
    // The same secret with a needless escape.
    await keyring.expect(200, "GET", "/api/v1/secrets/%61/b");
    // Escapes in the fixed part of a route are another path.
    await keyring.expect(404, "GET", "/api/v1/secret%73/a/b");
    await keyring.expect(404, "GET", "/api/v1/Secrets/a/b");
  });
});

Deno.test("bad input is 400, 413 or 415 with the place of the mistake, and never repeats a value", async () => {
  await withKeyring(async (keyring) => {
    const cases: readonly (readonly [unknown, RegExp])[] = [
      ["hunter2", /it is not JSON/],
      ['{"fields":"hunter2"}', /"fields" must be an object of fields/],
      [{ fields: { a: { value: ["hunter2"] } } }, /"fields\.a" must be/],
      [{ fields: { "a b": { value: "hunter2" } } }, /"fields\.a b": the name must be/],
      [{ fields: {}, hunter: 1 }, /it has the unknown key "hunter"/],
      ['{"fields":{"__proto__":{"value":"hunter2"}}}', /"__proto__" is no name of a field/],
      ['{"fields":{"a":{"value":"hunter2"}},"labels":{"__proto__":"x"}}', /"__proto__" is no name of a label/],
      [{ fields: { a: { kind: "bytes", value: "hunter2" } } }, /not the canonical base64/],
      ['{"fields":{"a":{"value":"hunter2\\ud800"}}}', /not Unicode text/],
      [{ fields: { a: { kind: "json" } } }, /no value|must be/],
      [new Uint8Array([0xff]), /not UTF-8/],
    ];
    for (const [body, why] of cases) {
      const answer = await keyring.expect(400, "POST", john, { body });
      isProblem(answer, "request_invalid", why);
      ok(!answer.text.includes("hunter2"), answer.text);
    }
    await keyring.expect(415, "POST", john, { body: "{}", headers: { "content-type": "text/plain" } });
    await keyring.expect(415, "POST", john, { body: "{}", headers: { "content-encoding": "gzip" } });
    isProblem(await keyring.expect(400, "GET", `${john}?versoin=1`), "request_invalid", /unknown key "versoin"/);
    await keyring.expect(400, "GET", `${john}?version=1&version=2`);
    await keyring.expect(400, "GET", "/api/v1/whoami?x=1");
    await keyring.expect(400, "GET", john, { headers: { authorization: "Basic YTpi" } });
    isProblem(await keyring.expect(404, "GET", "/api/v2/x"), "not_found", /no such route/);
    isProblem(await keyring.expect(405, "TRACE", john), "method_not_allowed", /method/);
    equal((await keyring.expect(405, "HEAD", john)).text, "");
  });
});

Deno.test("a value that is too long is 413 and nothing is written", async () => {
  await withKeyring(async (keyring) => {
    isProblem(await keyring.expect(413, "POST", john, { body: text("x".repeat(1_100_000)) }), "too_large", /./);
    await keyring.expect(404, "GET", john);
  });
});

Deno.test("generate answers with path, version, fingerprint and bits, and never with the value", async () => {
  await withKeyring(async (keyring) => {
    const request = { body: { field: "password", generator: { kind: "password", length: 32 } } };
    const { body, text: shown } = await keyring.expect(201, "POST", "/api/v1/generate/db/app", request);
    deepEqual(Object.keys(body).sort(), ["bits", "fingerprint", "path", "version"]);
    match(body.fingerprint, /^[0-9a-f]{16}$/);
    const { fields } = (await keyring.expect(200, "GET", "/api/v1/secrets/db/app")).body;
    equal(fields.password.value.length, 32);
    ok(!shown.includes(fields.password.value));
    await keyring.expect(409, "POST", "/api/v1/generate/db/app", request);
    await keyring.expect(200, "PATCH", "/api/v1/secrets/db/app", { body: { fields: { user: { value: "u" } } } });
    const next = { ...request, headers: { "if-match": '"2"' } };
    const second = await keyring.expect(201, "POST", "/api/v1/generate/db/app", next);
    equal(second.body.version, 3);
    const renewed = (await keyring.expect(200, "GET", "/api/v1/secrets/db/app")).body.fields;
    equal(renewed.user.value, "u");
    ok(renewed.password.value !== fields.password.value);
  });
});

Deno.test("move, list, read many and import work on several secrets", async () => {
  await withKeyring(async (keyring) => {
    const items = ["a/x", "a/y", "b"].map((path) => ({ path, ...text(path), labels: { l: "1" } }));
    const dry = await keyring.expect(200, "POST", "/api/v1/import", { body: { items, dryRun: true } });
    deepEqual([dry.body.written, dry.body.items.length], [0, 3]);
    await keyring.expect(404, "GET", "/api/v1/secrets/a/x");
    const done = await keyring.expect(200, "POST", "/api/v1/import", { body: { items, dryRun: false } });
    equal(done.body.written, 3);
    const again = [{ path: "c", ...text("c") }, { path: "b", ...text("b") }, { path: "d//e", ...text("d") }];
    const refused = await keyring.expect(200, "POST", "/api/v1/import", { body: { items: again, dryRun: false } });
    const notes = keyring.audited().filter(({ action, path }) => action === "secret.import" && path === undefined);
    deepEqual(notes.map(({ note }) => note.replace(/:.*/, "")), [
      "dry run, nothing written",
      "nothing written",
    ]);
    equal(refused.body.written, 0);
    match(refused.body.items[1].problem.type, /exists/);
    match(refused.body.items[2].problem.type, /path_invalid/);
    await keyring.expect(404, "GET", "/api/v1/secrets/c");
    const listed = await keyring.expect(200, "GET", "/api/v1/list/");
    deepEqual(listed.body.entries.map(({ path }: { path: string }) => path), ["a/", "b"]);
    equal(listed.body.entries[1].version, 1);
    const page = await keyring.expect(200, "GET", "/api/v1/list/a?limit=1");
    deepEqual([page.body.entries[0].path, page.body.more], ["a/x", true]);
    const next = await keyring.expect(200, "GET", "/api/v1/list/a?limit=1&after=a/x");
    deepEqual([next.body.entries[0].path, next.body.more], ["a/y", false]);
    await keyring.expect(200, "POST", "/api/v1/move", { body: { from: "b", to: "a/z" } });
    const many = await keyring.expect(200, "POST", "/api/v1/read", { body: { paths: ["a/z", "b", "a//b"] } });
    equal(many.body.secrets[0].secret.fields.password.value, "b");
    match(many.body.secrets[1].problem.type, /not_found/);
    match(many.body.secrets[2].problem.type, /path_invalid/);
    await keyring.expect(400, "POST", "/api/v1/move", { body: { from: "a/z", to: "a/z" } });
  });
});

Deno.test("while no KMS can open the store, the health pages answer and all else is 503", async () => {
  await withKeyring(async (keyring) => {
    keyring.unavailable = new KeyringError("kms_unavailable", "No KMS can open the store.", { retryAfterSeconds: 5 });
    keyring.health = [{ name: "kms", state: "failed", reason: "It is away." }, { name: "audit", state: "ok" }];
    const peer = { address: "192.0.2.1" };
    await keyring.expect(200, "GET", "/livez", { peer });
    equal((await keyring.expect(503, "GET", "/readyz", { peer })).text, "- kms failed\n+ audit ok\nnot ready\n");
    deepEqual((await keyring.expect(200, "GET", "/api/v1/health", { peer })).body, {
      state: "failed",
      parts: [{ name: "kms", state: "failed" }, { name: "audit", state: "ok" }],
    });
    equal((await keyring.expect(200, "GET", "/api/v1/health")).body.parts[0].reason, "It is away.");
    equal((await keyring.expect(503, "GET", "/v1/sys/health", { peer })).body.sealed, true);
    const refused = await keyring.expect(503, "GET", john);
    isProblem(refused, "kms_unavailable", /No KMS/);
    equal(refused.headers.get("retry-after"), "5");
    keyring.unavailable = undefined;
    keyring.health = [{ name: "store", state: "ok" }];
    await keyring.expect(200, "GET", "/readyz", { peer });
  });
});

Deno.test("each request is counted by an action of the closed set, also one that reaches no operation", async () => {
  await withKeyring(async (keyring) => {
    await keyring.expect(404, "GET", "/api/v1/secrets/none");
    await keyring.expect(404, "GET", "/elsewhere");
    await keyring.expect(405, "POST", "/v1/sys/seal");
    await keyring.expect(200, "GET", "/v1/secret/config");
    deepEqual(keyring.answered.map(({ action, result }) => `${action} ${result}`), [
      "secret.read not_found",
      "unrouted not_found",
      "unrouted method_not_allowed",
      "kv.config ok",
    ]);
    const operations = [
      ...nativeOperations().map(([, operation]) => operation),
      ...vaultRoutes("secret").map(({ operation }) => operation),
    ];
    deepEqual(operations.map(({ action }) => action).filter((action) => !requestActions.includes(action)), []);
  });
});

Deno.test("a ninth RSA key at once is 429, and other values are generated meanwhile", async () => {
  await withKeyring(async (keyring) => {
    const begin = Promise.withResolvers<void>();
    keyring.generators = new ValueGenerators(async (spec, name) => {
      if (spec.kind === "rsa") await begin.promise;
      return { fields: [{ name, kind: "text", value: utf8("made") }], bits: 112 };
    });
    const generate = (kind: string, name: string) =>
      keyring.send("POST", `/api/v1/generate/keys/${name}`, { body: { field: "key", generator: { kind } } });
    const keys = Array.from({ length: 9 }, (_, index) => generate("rsa", `${index}`));
    equal((await generate("uuid", "id")).status, 201);
    begin.resolve();
    const answers = await Promise.all(keys);
    deepEqual(answers.map(({ status }) => status).toSorted(), [...Array.from({ length: 8 }, () => 201), 429]);
    const refused = answers.find(({ status }) => status === 429);
    equal(refused?.headers.get("retry-after"), "10");
  });
});

Deno.test("a wrong method is 405 with the methods of the path, and HEAD is answered for /livez and /readyz alone", async () => {
  await withKeyring(async (keyring) => {
    const cases = [
      ["PUT", "/livez", 405, "GET, HEAD"],
      ["DELETE", "/api/v1/health", 405, "GET"],
      ["HEAD", "/api/v1/health", 405, "GET"],
      ["HEAD", "/api/v1/secrets/db/john", 405, "DELETE, GET, PATCH, POST, PUT"],
      ["OPTIONS", "/api/v1/policy", 405, "GET, PUT"],
      ["PATCH", "/api/v1/tokens", 405, "GET, POST"],
      ["TRACE", "/v1/sys/health", 405, "GET"],
      ["PUT", "/v1/secret/config", 405, "GET"],
      ["GET", "/v1/sys/seal", 405, ""],
      ["TRACE", "/nowhere", 404, null],
      ["GET", "/nowhere", 404, null],
    ] as const;
    for (const [method, path, status, allow] of cases) {
      const answer = await keyring.expect(status, method, path);
      equal(answer.headers.get("allow"), allow, `${method} ${path}`);
    }
    for (const path of ["/livez", "/readyz"]) {
      const [head, get] = [await keyring.expect(200, "HEAD", path), await keyring.expect(200, "GET", path)];
      equal(head.text, "");
      equal(head.headers.get("content-length"), get.headers.get("content-length"));
    }
    keyring.health = [{ name: "store", state: "failed" }];
    await keyring.expect(503, "HEAD", "/readyz");
  });
});

Deno.test("a native body with a name twice is 400, and one of Vault's API is taken as Vault takes it", async () => {
  await withKeyring(async (keyring) => {
    const twice = '{"fields":{"p":{"kind":"text","value":"1"},"p":{"kind":"text","value":"2"}}}';
    isProblem(
      await keyring.expect(400, "POST", "/api/v1/secrets/a", { body: twice }),
      "request_invalid",
      /the name "p" twice in one object/,
    );
    await keyring.expect(404, "GET", "/api/v1/secrets/a");
    await keyring.expect(200, "POST", "/v1/secret/data/b", { body: '{"data":{"p":"1","p":"2"}}' });
    equal((await keyring.expect(200, "GET", "/v1/secret/data/b")).body.data.data.p, "2");
  });
});
