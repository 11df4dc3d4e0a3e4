import { deepEqual, equal, match, ok } from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { TestKeyring, type TestKeyringOptions } from "../../../../../tests/support/keyring_api.ts";
import { enrolPerson } from "../../../../../tests/support/keyring_clients.ts";
import { inFolder } from "../../../../../tests/support/temporary_folder.ts";
import { KeyringError } from "../../../../api/keyring/problems.ts";
import type { JwtVerifier } from "../../identity/login.ts";

function withKeyring(work: (keyring: TestKeyring) => Promise<void>, options: TestKeyringOptions = {}): Promise<void> {
  return inFolder(async (folder) => {
    await using keyring = await TestKeyring.open(folder, options);
    await work(keyring);
  });
}

const john = "/v1/secret/data/db/prod/john";

Deno.test("KV data is written, read, patched and checked by cas, with Vault's statuses and sentence", async () => {
  await withKeyring(async (keyring) => {
    const write = (data: unknown, options?: unknown) => ({
      body: { data, ...(options === undefined ? {} : { options }) },
    });
    const first = await keyring.expect(200, "POST", john, write({ password: "one" }, { cas: 0 }));
    deepEqual([first.body.data.version, first.body.data.destroyed, first.body.data.deletion_time], [1, false, ""]);
    const mismatch = await keyring.expect(400, "PUT", john, write({ password: "x" }, { cas: 0 }));
    equal(mismatch.body.errors[0], "check-and-set parameter did not match the current version");
    match(mismatch.body.errors[1], /with version 1/);
    await keyring.expect(200, "PUT", john, write({ password: "two", port: 5432 }));
    const read = await keyring.expect(200, "GET", john);
    deepEqual(read.body.data.data, { password: "two", port: 5432 });
    equal(read.body.data.metadata.version, 2);
    equal(read.body.request_id, read.headers.get("x-request-id"));
    equal((await keyring.expect(200, "GET", `${john}?version=1`)).body.data.data.password, "one");
    equal((await keyring.expect(200, "GET", `${john}?version=0`)).body.data.data.password, "two");
    deepEqual((await keyring.expect(404, "GET", `${john}?version=9`)).body, { errors: [] });
    deepEqual((await keyring.expect(404, "GET", "/v1/secret/data/none")).body, { errors: [] });
    const patch = { headers: { "content-type": "application/merge-patch+json" } };
    await keyring.expect(200, "PATCH", john, { ...patch, ...write({ port: null, user: "john" }, { cas: 2 }) });
    deepEqual((await keyring.expect(200, "GET", john)).body.data.data, { password: "two", user: "john" });
    await keyring.expect(404, "PATCH", "/v1/secret/data/none", { ...patch, ...write({ a: "b" }) });
    // The native route sees the same secret.
    deepEqual((await keyring.expect(200, "GET", "/api/v1/secrets/db/prod/john?field=user")).body.fields, {
      user: { kind: "text", value: "john" },
    });
  });
});

Deno.test("KV values are read back as the same JSON, and a merge patch keeps numbers as they are written", async () => {
  await withKeyring(async (keyring) => {
    const data = '{"a":"text","n":12345678901234567890,"o":{"x":1.0,"y":[1,{"z":null}]},"b":true,"e":"","l":[]}';
    await keyring.expect(200, "POST", john, { body: `{"data":${data}}` });
    const read = await keyring.expect(200, "GET", john);
    ok(read.text.includes(`{"data":${data},"metadata"`), read.text);
    const kinds = (await keyring.expect(200, "GET", "/api/v1/secrets/db/prod/john")).body.fields;
    deepEqual([kinds.a.kind, kinds.n.kind, kinds.e.kind], ["text", "json", "text"]);
    await keyring.expect(200, "PATCH", john, { body: '{"data":{"o":{"y":null,"w":{"v":2.50,"u":null}}}}' });
    ok((await keyring.expect(200, "GET", john)).text.includes('"o":{"x":1.0,"w":{"v":2.50}}'));
  });
});

Deno.test("a field of bytes is base64 and named in the custom metadata, beside the labels", async () => {
  await withKeyring(async (keyring) => {
    const fields = { key: { kind: "bytes", value: "AP8=" }, name: { value: "x" } };
    await keyring.expect(201, "POST", "/api/v1/secrets/a", { body: { fields, labels: { team: "b" } } });
    const { data } = (await keyring.expect(200, "GET", "/v1/secret/data/a")).body;
    equal(data.data.key, "AP8=");
    deepEqual(data.metadata.custom_metadata, { team: "b", "trousseau-bytes": "key" });
  });
});

Deno.test("KV versions are deleted, undeleted and destroyed, and metadata and lists show them", async () => {
  await withKeyring(async (keyring) => {
    for (const value of ["one", "two"]) await keyring.expect(200, "POST", john, { body: { data: { value } } });
    await keyring.expect(204, "DELETE", john);
    const deleted = await keyring.expect(404, "GET", john);
    equal(deleted.body.data.data, null);
    ok(deleted.body.data.metadata.deletion_time !== "");
    await keyring.expect(204, "POST", "/v1/secret/undelete/db/prod/john", { body: { versions: ["2"] } });
    await keyring.expect(204, "PUT", "/v1/secret/delete/db/prod/john", { body: { versions: [1] } });
    await keyring.expect(204, "POST", "/v1/secret/destroy/db/prod/john", { body: { versions: [1] } });
    const { data } = (await keyring.expect(200, "GET", "/v1/secret/metadata/db/prod/john")).body;
    deepEqual([data.current_version, data.versions[1].destroyed, data.versions[2].destroyed], [2, true, false]);
    await keyring.expect(200, "POST", "/v1/secret/data/db/x", { body: { data: { a: "b" }, options: null } });
    const list = async (path: string) => (await keyring.expect(200, "GET", path)).body.data.keys;
    deepEqual(await list("/v1/secret/metadata/?list=true"), ["db/"]);
    deepEqual(await list("/v1/secret/metadata/db?list=true"), ["prod/", "x"]);
    deepEqual(await list("/v1/secret/metadata/db/prod/?list=true"), ["john"]);
    deepEqual((await keyring.expect(404, "GET", "/v1/secret/metadata/none?list=true")).body, { errors: [] });
    await keyring.expect(204, "DELETE", "/v1/secret/data/none");
    // A deleted secret is written anew, as Vault does.
    await keyring.expect(204, "DELETE", john);
    equal((await keyring.expect(200, "POST", john, { body: { data: { value: "three" } } })).body.data.version, 3);
  });
});

Deno.test("options, headers and routes that this server does not follow are refused", async () => {
  await withKeyring(async (keyring) => {
    const data = { a: "b" };
    for (
      const body of [{ data, options: { cas: 0, other: 1 } }, { data, more: 1 }, { options: {} }, { data: null }, {
        data: "x",
      }]
    ) await keyring.expect(400, "POST", john, { body });
    for (const header of ["x-vault-wrap-ttl", "x-vault-namespace", "x-vault-mfa"]) {
      const answer = await keyring.expect(400, "GET", john, { headers: { [header]: "60" } });
      match(answer.body.errors[0], /not supported/);
    }
    await keyring.expect(400, "GET", `${john}?version=x`);
    await keyring.expect(400, "GET", `${john}?depth=1`);
    await keyring.expect(400, "GET", "/v1/secret/data/a%2Fb");
    for (
      const [method, path, sentence] of [
        ["GET", "sys/mounts", /only mount/],
        ["POST", "sys/mounts/secret/tune", /only mount/],
        ["POST", "secret/config", /settings of the mount/],
        ["GET", "secret/subkeys/a", /below data/],
        ["GET", "secret/a", /version 2/],
        ["GET", "other/data/a", /subset/],
        ["POST", "auth/token/create", /skip_child_token/],
        ["POST", "auth/token/lookup", /token of the request/],
        ["POST", "auth/token/revoke-accessor", /token of the request/],
        ["POST", "auth/approle/login", /kubernetes, jwt or cert/],
        ["PUT", "auth/userpass/login/anna", /kubernetes, jwt or cert/],
        ["POST", "sys/capabilities-self", /clectl can/],
        ["POST", "sys/wrapping/unwrap", /wrapping/],
      ] as const
    ) {
      const { body } = await keyring.expect(405, method, `/v1/${path}`);
      equal(body.errors.length, 1);
      match(body.errors[0], sentence);
    }
    equal((await keyring.expect(200, "GET", "/v1/secret/config")).body.data.cas_required, false);
    deepEqual(Object.keys((await keyring.expect(200, "GET", "/v1/sys/internal/ui/mounts")).body.data.secret), [
      "secret/",
    ]);
    equal((await keyring.expect(200, "GET", "/v1/sys/internal/ui/mounts/secret/data/a")).body.data.path, "secret/");
    await keyring.expect(403, "GET", "/v1/sys/internal/ui/mounts/other/x");
  });
});

Deno.test("custom metadata are the labels: replaced by POST, merged by PATCH, and there before the first version", async () => {
  await withKeyring(async (keyring) => {
    const metadata = "/v1/secret/metadata/db/prod/john";
    const write = (body: unknown) => ({ body });
    const labels = async () => (await keyring.expect(200, "GET", metadata)).body.data.custom_metadata;
    await keyring.expect(404, "PATCH", metadata, write({ custom_metadata: { a: "b" } }));
    await keyring.expect(204, "POST", metadata, write({ custom_metadata: { "managed-by": "external-secrets" } }));
    const empty = (await keyring.expect(200, "GET", metadata)).body.data;
    deepEqual([empty.current_version, empty.versions], [0, {}]);
    deepEqual((await keyring.expect(404, "GET", john)).body, { errors: [] });
    await keyring.expect(204, "DELETE", john);
    const first = await keyring.expect(200, "POST", john, { body: { data: { a: "b" }, options: { cas: 0 } } });
    deepEqual([first.body.data.version, first.body.data.custom_metadata], [1, { "managed-by": "external-secrets" }]);
    await keyring.expect(204, "PATCH", metadata, write({ custom_metadata: { team: "shop", "managed-by": null } }));
    deepEqual(await labels(), { team: "shop" });
    await keyring.expect(
      204,
      "PUT",
      metadata,
      write({ max_versions: 5, cas_required: false, delete_version_after: "0s" }),
    );
    deepEqual(await labels(), { team: "shop" });
    equal((await keyring.expect(200, "GET", metadata)).body.data.max_versions, 5);
    await keyring.expect(204, "DELETE", john);
    await keyring.expect(204, "PUT", metadata, write({ custom_metadata: { other: "x" } }));
    deepEqual(await labels(), { other: "x" });
    for (
      const body of [
        { cas_required: true },
        { delete_version_after: "3h" },
        { custom_metadata: { a: 1 } },
        { other: 1 },
        {
          custom_metadata: { "trousseau-bytes": "a" },
        },
        { max_versions: 1_000 },
        { custom_metadata: { "a b": "c" } },
      ]
    ) await keyring.expect(400, "POST", metadata, write(body));
    deepEqual(await labels(), { other: "x" });
  });
});

Deno.test("a deletion of metadata destroys all versions and removes the labels, and the path stays", async () => {
  await withKeyring(async (keyring) => {
    const metadata = "/v1/secret/metadata/db/prod/john";
    await keyring.expect(204, "DELETE", metadata);
    for (const value of ["one", "two"]) await keyring.expect(200, "POST", john, { body: { data: { value } } });
    await keyring.expect(204, "POST", metadata, { body: { custom_metadata: { team: "shop" } } });
    await keyring.expect(204, "POST", "/v1/secret/delete/db/prod/john", { body: { versions: [1] } });
    await keyring.expect(204, "DELETE", metadata);
    const { data } = (await keyring.expect(200, "GET", metadata)).body;
    deepEqual([data.versions[1].destroyed, data.versions[2].destroyed, data.custom_metadata], [true, true, null]);
    await keyring.expect(404, "GET", john);
    await keyring.expect(204, "DELETE", metadata);
    await keyring.expect(204, "DELETE", john);
    equal((await keyring.expect(200, "POST", john, { body: { data: { value: "three" } } })).body.data.version, 3);
  });
});

Deno.test("writes of metadata need the verb write, and a deletion or fewer kept versions the verb destroy", async () => {
  await withKeyring(async (keyring) => {
    await keyring.policy(`
roles:
  writer: {take: [{cluster: prod, subject: shop/web}], rules: [{path: db, verbs: [read, write]}]}
`);
    const peer = { address: "192.0.2.1" };
    const login = { peer, body: { role: "writer", jwt: "a.good.jwt" } };
    const { auth } = (await keyring.expect(200, "POST", "/v1/auth/kubernetes/login", login)).body;
    const own = { peer, headers: { "x-vault-token": auth.client_token } };
    const body = { custom_metadata: { a: "b" } };
    await keyring.expect(204, "POST", "/v1/secret/metadata/db/x", { ...own, body });
    await keyring.expect(403, "POST", "/v1/secret/metadata/hr/x", { ...own, body });
    await keyring.expect(403, "DELETE", "/v1/secret/metadata/db/x", own);

    const keep = (status: number, method: "POST" | "PATCH", path: string, versions: number) =>
      keyring.expect(status, method, `/v1/secret/metadata/db/${path}`, { ...own, body: { max_versions: versions } });
    const [, why] = (await keep(403, "POST", "x", 9)).body.errors;
    match(why, /does not have the verb destroy on "db\/x"/);
    await keep(403, "PATCH", "x", 1);
    await keep(204, "POST", "x", 20);
    await keep(403, "POST", "x", 19);
    await keep(204, "PATCH", "x", 20);
    await keep(204, "POST", "new", 3);
    const { data } = (await keyring.expect(200, "GET", "/v1/secret/metadata/db/x")).body;
    equal(data.max_versions, 20);
  }, { clusters: [cluster] });
});

Deno.test("a login by certificate without a role takes the only role of the person", async () => {
  await withKeyring(async (keyring) => {
    await keyring.policy(`
roles:
  team: {take: [{person: anna}, {person: bob}], rules: [{path: db, verbs: [read]}]}
  other: {take: [{person: bob}], rules: [{path: else, verbs: [read]}]}
`);
    for (const [name, status] of [["anna", 200], ["bob", 400]] as const) {
      const peer = {
        address: "192.0.2.1",
        certificate: new Uint8Array(new X509Certificate((await enrolPerson(keyring, name)).certificate).raw),
      };
      for (const body of ["null", "{}"]) {
        const { auth, errors } = (await keyring.expect(status, "PUT", "/v1/auth/cert/login", { peer, body })).body;
        if (status === 200) equal(auth.client_token, "certificate:team");
        else match(errors[0], /name a role/);
      }
    }
  });
});

Deno.test("the seal status says whether requests are served", async () => {
  await withKeyring(async (keyring) => {
    const sealed = async () => (await keyring.expect(200, "GET", "/v1/sys/seal-status")).body.sealed;
    equal(await sealed(), false);
    keyring.unavailable = new KeyringError("draining", "The store is not open.");
    equal(await sealed(), true);
    keyring.unavailable = undefined;
  });
});

const cluster: JwtVerifier = {
  name: "prod",
  verify: (jwt) => {
    if (jwt !== "a.good.jwt") throw new KeyringError("unauthenticated", "The token is refused.");
    return Promise.resolve({
      kind: "kubernetes",
      name: "kubernetes:prod/shop/web",
      taker: { kind: "cluster", name: "prod", subject: "shop/web", claims: new Map() },
    });
  },
};

Deno.test("a login of a cluster gives a token, which reads what its role may, is renewed, and is revoked", async () => {
  await withKeyring(async (keyring) => {
    await keyring.expect(200, "POST", john, { body: { data: { password: "one" } } });
    await keyring.policy(`
roles:
  web:
    take: [{cluster: prod, subject: shop/web}]
    rules: [{path: db/prod, verbs: [read, list]}]
`);
    const peer = { address: "192.0.2.1" };
    const login = { peer, body: { role: "web", jwt: "a.good.jwt" } };
    const { auth } = (await keyring.expect(200, "POST", "/v1/auth/kubernetes/login", login)).body;
    ok(auth.lease_duration > 3_500 && auth.renewable);
    const own = { peer, headers: { "x-vault-token": auth.client_token } };
    equal((await keyring.expect(200, "GET", john, own)).body.data.data.password, "one");
    const denied = await keyring.expect(403, "POST", john, { ...own, body: { data: {} } });
    equal(denied.body.errors[0], "permission denied");
    const { data } = (await keyring.expect(200, "GET", "/v1/auth/token/lookup-self", own)).body;
    deepEqual([data.type, data.renewable, data.policies], ["service", true, ["web"]]);
    equal(data.id, auth.client_token);
    ok(data.ttl > 3_500 && Date.parse(data.expire_time) > Date.now());
    const renewed = await keyring.expect(200, "PUT", "/v1/auth/token/renew-self", { ...own, body: { increment: 0 } });
    equal(renewed.body.auth.client_token, auth.client_token);
    await keyring.expect(204, "PUT", "/v1/auth/token/revoke-self", own);
    equal((await keyring.expect(403, "GET", john, own)).body.errors[0], "permission denied");
    await keyring.expect(403, "POST", "/v1/auth/kubernetes/login", { peer, body: { role: "web", jwt: "a.bad.jwt" } });
    await keyring.expect(403, "GET", john, { peer });
  }, { clusters: [cluster] });
});
