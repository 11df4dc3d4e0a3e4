import { deepEqual, equal, notEqual, ok } from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { derOf, newPublicKey, testAdmin, TestIdentities } from "../../../../tests/support/keyring_identities.ts";
import { newEnrolmentCode } from "../../../api/keyring/enrolment_code.ts";
import { hex } from "../../../base/bytes.ts";
import { enrolmentUri } from "./certificate_authority.ts";
import { codeCodec, enrolmentCodec } from "./enrolment_records.ts";
import { refuseEarlierIdentities } from "./restore_number.ts";
import { sweepIdentities } from "./sweep.ts";

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;
const wrongCode = /enrolment code is wrong, used up or expired/;

const policy = `
roles:
  admins: { take: [{ person: eve }], rules: [{ path: /, verbs: [admin] }, { path: dev, verbs: [read] }] }
  dba: { take: [{ person: anna }], rules: [{ path: db, verbs: [read] }] }
  dev: { rules: [{ path: dev/, verbs: [read] }] }
`;

const publicKey = newPublicKey();

Deno.test("Enrolments.redeem() makes a certificate of a week for the public key, with one name", async () => {
  await using at = new TestIdentities();
  await at.policies.set(policy, testAdmin, at.signal);
  const { code, id, expiresAt } = await at.enrolments.create({ name: "anna", roles: ["dev"] }, testAdmin, at.signal);
  equal(expiresAt - at.time.wall(), 10 * minuteMs);
  const issued = await at.enrolments.redeem({ code, publicKey }, at.signal);
  equal(issued.notAfter - at.time.wall(), 7 * dayMs);
  equal(issued.id, id);
  const certificate = new X509Certificate(issued.certificate);
  deepEqual(new Uint8Array(certificate.publicKey.export({ type: "spki", format: "der" })), publicKey);
  equal(certificate.subjectAltName, `URI:${enrolmentUri(at.store.storeId, id)}`);
  equal(certificate.ca, false);
  ok(certificate.verify(new X509Certificate(await at.authority.trusted(at.signal)).publicKey));
  deepEqual(await at.byCertificate(derOf(issued.certificate)), {
    kind: "person",
    name: "person:anna",
    id,
    roles: ["dba", "dev"],
    expiresAt: issued.notAfter,
  });
});

Deno.test("Enrolments.redeem() takes a code once, also of two at the same time on two servers", async () => {
  await using at = new TestIdentities();
  await using other = at.other();
  const { code } = await at.enrolments.create({ name: "anna", roles: [] }, testAdmin, at.signal);
  const both = [at, other].map((one) => one.enrolments.redeem({ code, publicKey }, at.signal));
  const results = await Promise.all(both.map((one) => at.finished(one, other)));
  deepEqual(results.map(({ status }) => status).toSorted(), ["fulfilled", "rejected"]);
  await at.refuses(at.enrolments.redeem({ code, publicKey }, at.signal), "unauthenticated", wrongCode);
});

Deno.test("Enrolments.redeem() refuses a used code whose row was put back into the store", async () => {
  await using at = new TestIdentities();
  const { code } = await at.enrolments.create({ name: "anna", roles: [] }, testAdmin, at.signal);
  const [row] = await at.engine.scan({ table: "code", prefix: new Uint8Array(), limit: 1 }, at.signal);
  ok(row !== undefined);
  await at.enrolments.redeem({ code, publicKey }, at.signal);
  await at.engine.commit([], [{ table: "code", key: row.key, bytes: row.bytes }], at.signal);
  await at.refuses(at.enrolments.redeem({ code, publicKey }, at.signal), "unauthenticated", wrongCode);
});

Deno.test("Enrolments.redeem() leaves the code if the certificate could not be recorded", async () => {
  await using at = new TestIdentities();
  const { code } = await at.enrolments.create({ name: "anna", roles: [] }, testAdmin, at.signal);
  await at.authority.trusted(at.signal);
  let failing = true;
  at.engine.before = (verb) => {
    if (failing && verb === "commit") throw new Error("the disk is full");
  };
  const failed = await at.enrolments.redeem({ code, publicKey }, at.signal).then(() => false, () => true);
  ok(failed);
  failing = false;
  const { certificate } = await at.enrolments.redeem({ code, publicKey }, at.signal);
  equal((await at.byCertificate(derOf(certificate))).name, "person:anna");
});

Deno.test("Enrolments.redeem() refuses a wrong code, one with a slip, an old one, a revoked one, and another key", async () => {
  await using at = new TestIdentities();
  const make = () => at.enrolments.create({ name: "anna", roles: [] }, testAdmin, at.signal);
  const redeem = (code: string, key = publicKey) => at.enrolments.redeem({ code, publicKey: key }, at.signal);
  await at.refuses(redeem(newEnrolmentCode()), "unauthenticated", wrongCode);
  await at.refuses(redeem("0000-0000"), "unauthenticated", wrongCode);
  const old = await make();
  await at.time.advance(10 * minuteMs);
  await at.refuses(redeem(old.code), "unauthenticated", wrongCode);
  const revoked = await make();
  await at.enrolments.revoke(revoked.id, testAdmin, at.signal);
  await at.refuses(redeem(revoked.code), "unauthenticated", wrongCode);
  const good = await make();
  const rsa = new Uint8Array([...publicKey].reverse());
  let thrown: unknown;
  try {
    await redeem(good.code, rsa);
  } catch (error) {
    thrown = error;
  }
  equal((thrown as { code?: string }).code, "request_invalid");
  await redeem(good.code.toLowerCase().replaceAll("-", ""));
});

Deno.test("Enrolments keep no code in the store: only the code opens its row", async () => {
  await using at = new TestIdentities();
  const { code } = await at.enrolments.create({ name: "anna", roles: [] }, testAdmin, at.signal);
  const rows = await at.engine.scan({ table: "code", prefix: new Uint8Array(), limit: 10 }, at.signal);
  equal(rows.length, 1);
  const [row] = rows;
  const text = new TextDecoder("latin1").decode(row?.bytes) + hex(row?.key ?? new Uint8Array());
  ok(!text.includes(code) && !text.includes("anna"));
});

Deno.test("Enrolments.renew() gives a new certificate until 90 days after the enrolment, and keeps the old one", async () => {
  await using at = new TestIdentities();
  const person = await at.enrol("anna");
  await at.time.advance(5 * dayMs);
  const renewed = await at.enrolments.renew(await at.byCertificate(person.der), newPublicKey(), at.signal);
  notEqual(hex(derOf(renewed.certificate)), hex(person.der));
  equal((await at.byCertificate(derOf(renewed.certificate))).id, person.id);
  equal((await at.byCertificate(person.der)).id, person.id, "the answer to the renewal may have been lost");
  await at.time.advance(2 * dayMs);
  await at.refuses(at.byCertificate(person.der), "unauthenticated", /it has expired/);
  let der = derOf(renewed.certificate);
  for (let day = 7; day < 87; day += 5) {
    der = derOf((await at.enrolments.renew(await at.byCertificate(der), newPublicKey(), at.signal)).certificate);
    await at.time.advance(5 * dayMs);
  }
  const [info] = await at.enrolments.list(testAdmin, at.signal);
  const last = await at.enrolments.renew(await at.byCertificate(der), newPublicKey(), at.signal);
  equal(last.notAfter, info?.endsAt, "the last certificate does not outlast the enrolment");
  equal((info?.endsAt ?? 0) - (info?.enrolledAt ?? 0), 90 * dayMs);
  await at.time.advance(last.notAfter - at.time.wall());
  await at.refuses(
    at.byCertificate(derOf(last.certificate)),
    "unauthenticated",
    /the enrolment of this certificate has ended/,
  );
});

Deno.test("Enrolments.renew() keeps the four newest certificates", async () => {
  await using at = new TestIdentities();
  const person = await at.enrol("anna");
  const identity = await at.byCertificate(person.der);
  for (let times = 0; times < 4; times++) await at.enrolments.renew(identity, newPublicKey(), at.signal);
  await at.refuses(at.byCertificate(person.der), "unauthenticated", /its enrolment does not know it/);
});

Deno.test("Enrolments.renew() refuses an identity without a certificate, and one whose enrolment was revoked", async () => {
  await using at = new TestIdentities();
  const person = await at.enrol("anna");
  const identity = await at.byCertificate(person.der);
  await at.refuses(at.enrolments.renew(testAdmin, publicKey, at.signal), "forbidden", /has no client certificate/);
  await at.enrolments.revoke(person.id, testAdmin, at.signal);
  await at.refuses(at.enrolments.renew(identity, publicKey, at.signal), "unauthenticated", /was revoked/);
});

Deno.test("Enrolments.revoke() refuses the certificate at the next request, on every server", async () => {
  await using at = new TestIdentities();
  await using other = at.other();
  const person = await at.enrol("anna");
  equal((await other.byCertificate(person.der)).name, "person:anna");
  await at.enrolments.revoke(person.id, testAdmin, at.signal);
  for (const one of [at, other]) await one.refuses(one.byCertificate(person.der), "unauthenticated", /was revoked/);
  await at.enrolments.revoke(person.id, testAdmin, at.signal);
  await at.refuses(at.enrolments.revoke("f".repeat(32), testAdmin, at.signal), "not_found", /No enrolment/);
  await at.refuses(at.enrolments.revoke("x", testAdmin, at.signal), "not_found", /No enrolment/);
});

Deno.test("Enrolments are for administrators; a person revokes itself alone", async () => {
  await using at = new TestIdentities();
  await at.policies.set(policy, testAdmin, at.signal);
  const [anna, otto] = [await at.enrol("anna"), await at.enrol("otto")];
  const identity = await at.byCertificate(anna.der);
  const denied = /does not have the verb admin/;
  await at.refuses(at.enrolments.create({ name: "x", roles: [] }, identity, at.signal), "forbidden", denied);
  await at.refuses(at.enrolments.list(identity, at.signal), "forbidden", denied);
  await at.refuses(at.enrolments.revoke(otto.id, identity, at.signal), "forbidden", denied);
  await at.enrolments.revoke(anna.id, identity, at.signal);
  await at.refuses(at.byCertificate(anna.der), "unauthenticated", /was revoked/);
});

Deno.test("Enrolments.create() refuses a right that the administrator lacks, by a role or by the name of a person", async () => {
  await using at = new TestIdentities();
  await at.policies.set(policy, testAdmin, at.signal);
  const eve = await at.byCertificate((await at.enrol("eve")).der);
  const create = (name: string, roles: readonly string[]) => at.enrolments.create({ name, roles }, eve, at.signal);
  await create("otto", ["dev"]);
  await at.refuses(create("otto", ["dba"]), "forbidden", /it would get read on db,/);
  await at.refuses(create("anna", []), "forbidden", /it would get read on db,/);
  await at.refuses(create("otto", ["nothing"]), "request_invalid", /no role of the name in roles\[0\]/);
  await at.refuses(create("o/t", []), "request_invalid", /name of a person is/);
});

Deno.test("Enrolments.list() shows each state", async () => {
  await using at = new TestIdentities();
  const ended = await at.enrolments.create({ name: "ended", roles: [] }, testAdmin, at.signal);
  await at.time.advance(10 * minuteMs);
  const active = await at.enrol("active");
  const revoked = await at.enrol("revoked");
  await at.enrolments.revoke(revoked.id, testAdmin, at.signal);
  const pending = await at.enrolments.create({ name: "pending", roles: [] }, testAdmin, at.signal);
  const found = await at.enrolments.list(testAdmin, at.signal);
  deepEqual(
    new Map(found.map(({ id, state }) => [id, state])),
    new Map([
      [ended.id, "ended"],
      [active.id, "active"],
      [revoked.id, "revoked"],
      [pending.id, "pending"],
    ].toSorted() as [string, "ended"][]),
  );
});

Deno.test("refuseEarlierIdentities() refuses certificates and codes from before a restore, and no later ones", async () => {
  await using at = new TestIdentities();
  const before = await at.enrol("anna");
  const { code } = await at.enrolments.create({ name: "anna", roles: [] }, testAdmin, at.signal);
  await at.store.transaction(refuseEarlierIdentities, at.signal);
  await at.refuses(at.byCertificate(before.der), "unauthenticated", /has ended/);
  await at.refuses(at.enrolments.redeem({ code, publicKey }, at.signal), "unauthenticated", wrongCode);
  const after = await at.enrol("anna");
  equal((await at.byCertificate(after.der)).name, "person:anna");
});

Deno.test("sweepIdentities() deletes expired codes, and enrolments 30 days after their end", async () => {
  await using at = new TestIdentities();
  const count = async (codec: typeof codeCodec | typeof enrolmentCodec) =>
    (await at.store.reader(at.signal).scan<unknown>(codec, { limit: 100 })).length;
  await at.enrol("anna");
  await at.enrolments.create({ name: "otto", roles: [] }, testAdmin, at.signal);
  await sweepIdentities(at, at.signal);
  deepEqual([await count(codeCodec), await count(enrolmentCodec)], [1, 2]);
  await at.time.advance(10 * minuteMs);
  await sweepIdentities(at, at.signal);
  deepEqual([await count(codeCodec), await count(enrolmentCodec)], [0, 2]);
  await at.time.advance(31 * dayMs);
  await sweepIdentities(at, at.signal);
  equal(await count(enrolmentCodec), 1);
  await at.time.advance(90 * dayMs);
  await sweepIdentities(at, at.signal);
  equal(await count(enrolmentCodec), 0);
});

Deno.test("Enrolments refuse a clock that is more than 60 s behind the newest write", async () => {
  await using at = new TestIdentities();
  const { code } = await at.enrolments.create({ name: "anna", roles: [] }, testAdmin, at.signal);
  at.time.setWall(-61_000);
  const behind = /the clock of this server is 61 s behind/;
  await at.refuses(at.enrolments.redeem({ code, publicKey }, at.signal), "clock_behind", behind);
});
