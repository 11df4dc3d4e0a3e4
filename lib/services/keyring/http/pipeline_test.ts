import { deepEqual, equal, match, ok } from "node:assert/strict";
import { FakeClock } from "../../../../tests/support/fake_clock.ts";
import { testPolicy } from "../../../../tests/support/keyring_policy.ts";
import { TestKeyring, type TestKeyringOptions } from "../../../../tests/support/keyring_api.ts";
import { inFolder } from "../../../../tests/support/temporary_folder.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";

function withKeyring(work: (keyring: TestKeyring) => Promise<void>, options: TestKeyringOptions = {}): Promise<void> {
  return inFolder(async (folder) => {
    await using keyring = await TestKeyring.open(folder, options);
    await work(keyring);
  });
}

const john = "/api/v1/secrets/db/prod/john";
const body = { fields: { password: { value: "hunter2" } } };

Deno.test("each route needs its verb on its path, and nothing else gives it", async () => {
  await withKeyring(async (keyring) => {
    await keyring.policy(testPolicy);
    await keyring.expect(201, "POST", john, { body });
    await keyring.expect(201, "POST", "/api/v1/secrets/db/production", { body });
    const spec = { field: "p", generator: { kind: "uuid" } };
    const requests = [
      ["GET", john, undefined, ["reader", "all"]],
      ["GET", "/api/v1/history/db/prod/john", undefined, ["reader", "all"]],
      ["GET", "/api/v1/list/db/prod", undefined, ["reader", "lister", "all"]],
      ["PUT", john, body, ["writer", "all"]],
      ["POST", "/api/v1/generate/db/prod/new-ROLE", spec, ["maker", "all"]],
      ["POST", "/api/v1/destroy/db/prod/john", { versions: [1] }, ["all"]],
      ["PATCH", john, { keptVersions: 5 }, ["all"]],
      ["GET", "/api/v1/secrets/db/production", undefined, []],
      ["GET", "/api/v1/policy", undefined, ["admin"]],
      ["GET", "/api/v1/audit/head", undefined, ["admin"]],
      ["GET", "/api/v1/backup", undefined, ["admin"]],
      ["GET", "/api/v1/whoami", undefined, ["reader", "writer", "lister", "maker", "admin", "all"]],
    ] as const;
    for (const role of ["reader", "writer", "lister", "maker", "admin", "all"]) {
      const own = await keyring.token(role);
      for (const [method, target, sent, roles] of requests) {
        const request = sent === undefined ? own : { ...own, body: sent };
        const answer = await keyring.send(method, target.replace("ROLE", role), request);
        const isAllowed = (roles as readonly string[]).includes(role);
        equal(answer.status === 403, !isAllowed, `${role}: ${method} ${target}: ${answer.text}`);
        ok(isAllowed || !answer.text.includes("hunter2"));
      }
    }
  });
});

Deno.test("a path that may not be read is 403 whether it exists or not", async () => {
  await withKeyring(async (keyring) => {
    await keyring.policy(testPolicy);
    await keyring.expect(201, "POST", "/api/v1/secrets/other/x", { body });
    const own = await keyring.token("reader");
    const [there, absent] = [
      await keyring.expect(403, "GET", "/api/v1/secrets/other/x", own),
      await keyring.expect(403, "GET", "/api/v1/secrets/other/y", own),
    ];
    equal(there.body.detail.replace("other/x", ""), absent.body.detail.replace("other/y", ""));
  });
});

Deno.test("a listing and many reads show only paths that the identity may see; a move needs read and write at both ends", async () => {
  await withKeyring(async (keyring) => {
    await keyring.policy(testPolicy);
    for (const path of ["db/prod/john", "db/test/x", "other"]) {
      await keyring.expect(201, "POST", `/api/v1/secrets/${path}`, { body });
    }
    const own = await keyring.token("all");
    const paths = async (folder: string) =>
      (await keyring.expect(200, "GET", `/api/v1/list/${folder}`, own)).body.entries.map(({ path }: { path: string }) =>
        path
      );
    deepEqual(await paths(""), ["db/"]);
    deepEqual(await paths("db"), ["db/prod/"]);
    await keyring.expect(403, "GET", "/api/v1/list/db/test", own);
    const many = await keyring.expect(200, "POST", "/api/v1/read", {
      ...own,
      body: { paths: ["db/prod/john", "other"] },
    });
    equal(many.body.secrets[0].secret.path, "db/prod/john");
    match(many.body.secrets[1].problem.type, /forbidden/);
    await keyring.expect(403, "POST", "/api/v1/move", { ...own, body: { from: "db/prod/john", to: "mine" } });
    await keyring.expect(403, "POST", "/api/v1/move", { ...own, body: { from: "other", to: "db/prod/other" } });
    await keyring.expect(200, "POST", "/api/v1/move", { ...own, body: { from: "db/prod/john", to: "db/prod/j" } });
    const items = [{ path: "db/prod/a", ...body }, { path: "other2", ...body }];
    const imported = await keyring.expect(200, "POST", "/api/v1/import", { ...own, body: { items, dryRun: false } });
    equal(imported.body.written, 0);
    match(imported.body.items[1].problem.type, /forbidden/);
  });
});

Deno.test("a wrong token is 401 also on the admin socket, and a web page is refused", async () => {
  await withKeyring(async (keyring) => {
    const wrong = { headers: { authorization: `Bearer tsk_${"a".repeat(43)}` } };
    const refused = await keyring.expect(401, "GET", "/api/v1/whoami", wrong);
    equal(refused.headers.get("www-authenticate"), "Bearer");
    await keyring.expect(401, "GET", "/api/v1/whoami", { peer: { address: "192.0.2.9" } });
    deepEqual(keyring.denied.map(({ address, result }) => [address, result]), [
      ["socket:admin", "unauthenticated"],
      ["192.0.2.9", "unauthenticated"],
    ]);
    for (const name of ["origin", "sec-fetch-site"]) {
      await keyring.expect(403, "GET", "/api/v1/whoami", { headers: { [name]: "https://evil.example" } });
    }
    equal((await keyring.expect(200, "GET", "/api/v1/whoami")).body.kind, "local-admin");
  });
});

Deno.test("each answer has its line in the audit first, with identity, path, version and result, and without values", async () => {
  await withKeyring(async (keyring) => {
    await keyring.policy(testPolicy);
    await keyring.expect(201, "POST", john, { body, headers: { "x-request-id": "r-1" } });
    const own = await keyring.token("reader");
    await keyring.expect(200, "GET", john, own);
    await keyring.expect(403, "PUT", john, { ...own, body });
    await keyring.expect(404, "GET", "/api/v1/secrets/db/prod/none", own);
    const lines = keyring.audited().map(({ identity, action, path, version, result }) =>
      [identity, action, path, version, result].join(" ")
    );
    deepEqual(lines.slice(1), [
      "local-admin secret.create db/prod/john 1 ok",
      "local-admin token.create   ok",
      "token:reader-token secret.read db/prod/john 1 ok",
      "token:reader-token secret.update db/prod/john  forbidden",
      "token:reader-token secret.read db/prod/none  not_found",
    ]);
    equal(keyring.audited()[1].requestId, "r-1");
    ok(!JSON.stringify(keyring.audited()).includes("hunter2"));
  });
});

Deno.test("each path of many reads has its own result in the audit, and only failures inside are reported", async () => {
  await withKeyring(async (keyring) => {
    await keyring.policy(testPolicy);
    await keyring.expect(201, "POST", john, { body });
    const own = await keyring.token("reader");
    const paths = ["db/prod/john", "other", "db/prod/none"];
    await keyring.expect(200, "POST", "/api/v1/read", { ...own, body: { paths } });
    await keyring.expect(403, "GET", "/api/v1/secrets/other", own);
    const lines = keyring.audited().slice(-4).map(({ path, result }) => `${path} ${result}`);
    deepEqual(lines, ["db/prod/john ok", "other forbidden", "db/prod/none not_found", "other forbidden"]);
    deepEqual(keyring.answered.filter(({ error }) => error !== undefined), []);
    keyring.parts.secrets.read = () => Promise.reject(new Error("db/prod/john"));
    await keyring.expect(500, "GET", john);
    deepEqual(keyring.answered.filter(({ error }) => error !== undefined).map(({ result }) => result), ["internal"]);
  });
});

Deno.test("if no line of the audit can be written, no value is answered and no success of a write", async () => {
  await withKeyring(async (keyring) => {
    await keyring.expect(201, "POST", john, { body });
    keyring.auditFailure = new KeyringError("audit_unavailable", "The audit cannot be written: the disk is full.");
    for (const [method, sent] of [["GET", undefined], ["PUT", body]] as const) {
      const answer = await keyring.expect(503, method, john, sent === undefined ? {} : { body: sent });
      match(answer.body.type, /audit_unavailable/);
      ok(!answer.text.includes("hunter2"));
    }
    await keyring.expect(200, "GET", "/api/v1/health");
    keyring.auditFailure = undefined;
    await keyring.expect(200, "GET", john);
  });
});

Deno.test("an empty Authorization header is refused, and does not fall back to the socket", async () => {
  await withKeyring(async (keyring) => {
    await keyring.expect(400, "GET", "/api/v1/whoami", { headers: { authorization: "" } });
    await keyring.expect(200, "GET", "/api/v1/whoami");
  });
});

Deno.test("nothing is changed once a line of the audit could not be written", async () => {
  await withKeyring(async (keyring) => {
    keyring.auditBroken = new KeyringError("audit_unavailable", "The audit cannot be written: the disk is full.");
    await keyring.expect(503, "POST", john, { body });
    keyring.auditBroken = undefined;
    await keyring.expect(404, "GET", john);
  });
});

Deno.test("a change whose client hangs up is made to its end and has its line in the audit", async () => {
  await withKeyring(async (keyring) => {
    const hangUp = (method: string, target: string, sent: object) => {
      const gone = new AbortController();
      const answer = keyring.send(method, target, { ...sent, signal: gone.signal });
      gone.abort();
      return answer;
    };
    await hangUp("POST", john, { body });
    await hangUp("POST", "/v1/secret/data/db/prod/anna", { body: { data: { password: "hunter2" } } });
    await hangUp("DELETE", john, {});
    const lines = keyring.audited().map(({ action, path, result }) => [action, path, result].join(" "));
    deepEqual(lines, [
      "secret.create db/prod/john ok",
      "secret.write db/prod/anna ok",
      "secret.delete db/prod/john ok",
    ]);
    await keyring.expect(200, "GET", "/api/v1/secrets/db/prod/anna");
    await keyring.expect(410, "GET", john);
  });
});

Deno.test("an identity that sends more requests than its rate is 429 with a time to wait, and others are served", async () => {
  await withKeyring(async (keyring) => {
    await keyring.policy(testPolicy);
    const [own, other] = [await keyring.token("reader"), await keyring.token("lister")];
    const statuses = [];
    for (let count = 0; count < 5; count++) statuses.push((await keyring.send("GET", "/api/v1/whoami", own)).status);
    deepEqual(statuses, [200, 200, 200, 429, 429]);
    deepEqual(keyring.denied.map(({ address, result }) => [address, result]), [
      ["192.0.2.1", "rate_limited"],
      ["192.0.2.1", "rate_limited"],
    ]);
    equal((await keyring.send("GET", "/api/v1/whoami", own)).headers.get("retry-after"), "10");
    await keyring.expect(200, "GET", "/api/v1/whoami", other);
  }, { rate: { perSecond: 0.1, burst: 3 }, clock: new FakeClock() });
});
