import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "fast-check";
import { derOf, newPublicKey, testAdmin, TestIdentities } from "../../../../tests/support/keyring_identities.ts";
import { makeAuthority, makeClientCertificate } from "./certificates.ts";
import { enrolmentUri } from "./certificate_authority.ts";
import { enrolmentCodec } from "./enrolment_records.ts";
import { newToken, tokenCodec, tokenKey } from "./token_records.ts";

const policy = `
roles:
  backup: { take: [{ socket: backup }], rules: [{ path: /, verbs: [admin] }] }
  dba: { take: [{ person: anna }], rules: [{ path: db, verbs: [read] }] }
  gone: { rules: [] }
`;

const uriOf = (at: TestIdentities, id: string) => enrolmentUri(at.store.storeId, id);

Deno.test("Authenticator gives the admin socket local-admin, and other sockets the roles of their name", async () => {
  await using at = new TestIdentities();
  await at.policies.set(policy, testAdmin, at.signal);
  const by = (socket: string) => at.authenticator.authenticate({ kind: "socket", socket }, at.signal);
  const [admin, backup, other] = [await by("admin"), await by("backup"), await by("anna")];
  deepEqual([admin.kind, admin.name, admin.roles], ["local-admin", "local-admin", []]);
  deepEqual([backup.kind, backup.name, backup.roles], ["socket", "socket:backup", ["backup"]]);
  deepEqual([other.kind, other.name, other.roles], ["socket", "socket:anna", []]);
  equal(new Set([admin.id, backup.id, other.id]).size, 3);
});

Deno.test("Authenticator answers a request without credentials at once", async () => {
  await using at = new TestIdentities();
  const work = at.authenticator.authenticate({ kind: "none" }, at.signal).then(
    () => undefined,
    (thrown: Error) => thrown,
  );
  equal((await work)?.message.startsWith("The request has no identity"), true);
  equal(at.failedAnswers.held, 0);
});

Deno.test("Authenticator.identify() reads the identity, its policy and the restore number together", async () => {
  await using at = new TestIdentities();
  await at.policies.set(policy, testAdmin, at.signal);
  const { der } = await at.enrol("anna");
  const gets = at.engine.calls.get;
  const found = await at.authenticator.identify({ kind: "certificate", der }, at.signal);
  equal(at.engine.calls.get - gets, 1);
  deepEqual([found.identity.name, found.policy.version], ["person:anna", 1]);
  const admin = await at.authenticator.identify({ kind: "socket", socket: "admin" }, at.signal);
  deepEqual([admin.identity.kind, admin.policy.version], ["local-admin", 1]);
});

Deno.test("Authenticator follows the policy for people at each request", async () => {
  await using at = new TestIdentities();
  await at.policies.set(policy, testAdmin, at.signal);
  const { der } = await at.enrol("anna", ["gone"]);
  deepEqual((await at.byCertificate(der)).roles, ["dba", "gone"]);
  await at.policies.set(policy.replace("person: anna", "person: otto").replace("gone:", "new:"), testAdmin, at.signal);
  deepEqual((await at.byCertificate(der)).roles, []);
});

Deno.test("Authenticator refuses certificates of another authority, of another store, and of no enrolment", async () => {
  await using at = new TestIdentities();
  const { id } = await at.enrol("anna");
  const now = at.time.wall();
  const validity = { from: now - 1000, until: now + 86_400_000 };
  const authority = await makeAuthority("Trousseau keyring", validity);
  const made = async (uri: string) =>
    derOf(await makeClientCertificate(authority, { commonName: "anna", uri, publicKey: newPublicKey() }, validity));
  const notOurs = /it is not one of this store/;
  await at.refuses(at.byCertificate(await made(uriOf(at, id))), "unauthenticated", /its enrolment does not know it/);
  await at.refuses(at.byCertificate(await made(uriOf(at, "0".repeat(32)))), "unauthenticated", /does not exist/);
  const otherStore = enrolmentUri(new Uint8Array(16), id);
  await at.refuses(at.byCertificate(await made(otherStore)), "unauthenticated", notOurs);
  for (const uri of [`${uriOf(at, id)}/`, `x${uriOf(at, id)}`, uriOf(at, id).toUpperCase(), `https://${id}`]) {
    await at.refuses(at.byCertificate(await made(uri)), "unauthenticated", notOurs);
  }
});

Deno.test("Authenticator refuses the certificate of the store's own server", async () => {
  await using at = new TestIdentities();
  const { chain } = await at.authority.serverCertificate(["localhost"], at.signal);
  await at.refuses(at.byCertificate(derOf(chain)), "unauthenticated", /it is not one of this store/);
});

Deno.test("Authenticator refuses a certificate of another enrolment's record, and one that was issued by the same key but not recorded", async () => {
  await using at = new TestIdentities();
  const [anna, otto] = [await at.enrol("anna"), await at.enrol("otto")];
  const subject = { commonName: "anna", enrolmentId: anna.id, publicKey: newPublicKey() };
  const { certificate } = await at.authority.clientCertificate(subject, Infinity, at.signal);
  await at.refuses(at.byCertificate(derOf(certificate)), "unauthenticated", /its enrolment does not know it/);
  equal((await at.byCertificate(otto.der)).name, "person:otto");
});

Deno.test("Authenticator is total for any bytes of a certificate and any token", async () => {
  await using at = new TestIdentities();
  const { der } = await at.enrol("anna");
  const flipped = fc.nat(der.length - 1).map((index) => der.map((byte, place) => place === index ? byte ^ 1 : byte));
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 100 }), flipped), async (bytes) => {
      await at.refuses(at.byCertificate(bytes), "unauthenticated", /The client certificate is refused/);
    }),
    { numRuns: 60 },
  );
  await at.refuses(at.byCertificate(new Uint8Array(1_000_000)), "unauthenticated", /not one of this store/);
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: "binary", maxLength: 60 }), async (token) => {
      await at.refuses(at.byToken(token), "unauthenticated", /^The token is refused: it is not one of this store\.$/);
    }),
    { numRuns: 30 },
  );
});

Deno.test("Authenticator holds wrong credentials, and answers right ones meanwhile", async () => {
  await using at = new TestIdentities();
  const { der } = await at.enrol("anna");
  const wrong = at.byToken(newToken()).then(() => "accepted", () => "refused");
  while (at.failedAnswers.held === 0) await at.time.settle();
  equal((await at.byCertificate(der)).name, "person:anna");
  equal(at.failedAnswers.held, 1);
  await at.time.advance(2_000);
  equal(await wrong, "refused");
});

Deno.test("Authenticator refuses rows of tokens and enrolments that were put in place of others", async () => {
  await using at = new TestIdentities();
  const [anna, otto] = [await at.enrol("anna"), await at.enrol("otto")];
  const rows = await at.engine.scan({ table: "enrolment", prefix: new Uint8Array(), limit: 10 }, at.signal);
  equal(rows.length, 2);
  const [one, two] = rows;
  ok(one !== undefined && two !== undefined);
  await at.engine.commit([], [{ table: "enrolment", key: one.key, bytes: two.bytes }, {
    table: "enrolment",
    key: two.key,
    bytes: one.bytes,
  }], at.signal);
  for (const { der } of [anna, otto]) await at.refuses(at.byCertificate(der), "integrity", /./);
  const token = newToken();
  const key = await tokenKey(at.store, token);
  ok(key !== undefined);
  await at.engine.commit([], [{ table: "token", key, bytes: one.bytes }], at.signal);
  await at.refuses(at.byToken(token), "integrity", /./);
});

Deno.test("Authenticator refuses every certificate while the store cannot be read", async () => {
  await using at = new TestIdentities();
  await using other = at.other();
  const { der } = await at.enrol("anna");
  await other.store.ready(other.signal);
  other.engine.before = (verb) => {
    if (verb === "get") throw new Error("the disk is gone");
  };
  const result = await other.finished(other.byCertificate(der));
  equal(result.status, "rejected");
  const admin = { kind: "socket", socket: "admin" } as const;
  equal((await other.authenticator.authenticate(admin, other.signal)).kind, "local-admin", "for health");
});

Deno.test("a stored enrolment or token of another form is integrity, not absent", async () => {
  await using at = new TestIdentities();
  const { id } = await at.enrol("anna");
  for (const codec of [enrolmentCodec, tokenCodec]) {
    equal(codec.decode(new TextEncoder().encode("{}")), undefined);
    equal(codec.decode(new TextEncoder().encode("")), undefined);
    equal(codec.decode(Uint8Array.of(255)), undefined);
  }
  equal(id.length, 32);
});
