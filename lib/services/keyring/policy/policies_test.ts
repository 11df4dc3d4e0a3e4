import { deepEqual, equal, match, rejects } from "node:assert/strict";
import * as z from "zod/mini";
import { utf8 } from "../../../base/bytes.ts";
import { jsonCodec } from "../records/json_codec.ts";
import { KeyringError, type ProblemCode } from "../../../api/keyring/problems.ts";
import { TestStore } from "../../../../tests/support/keyring_store.ts";
import type { Identity } from "./identity.ts";
import { Policies } from "./policies.ts";

const never = new AbortController().signal;
const admin: Identity = { kind: "local-admin", name: "local-admin", id: "0".repeat(32), roles: [] };
const person = (...roles: string[]): Identity => ({ kind: "person", name: "person:eve", id: "1".repeat(32), roles });

const text = `
roles:
  admins: { take: [{ person: eve }], rules: [{ path: /, verbs: [admin] }, { path: dev, verbs: [read, list] }] }
  dba: { take: [{ person: anna }], rules: [{ path: db, verbs: [read, write] }] }
  dev: { rules: [{ path: dev/, verbs: [read] }] }
`;

class TestPolicies extends TestStore {
  readonly policies = new Policies(this);
}

const code = (wanted: ProblemCode, sentence: RegExp) => (thrown: unknown) => {
  if (!(thrown instanceof KeyringError)) throw thrown;
  equal(thrown.code, wanted);
  match(thrown.message, sentence);
  return true;
};

Deno.test("Policies.current() is empty in a new store, and follows what another server sets", async () => {
  await using parts = new TestPolicies();
  const { store, clock, policies } = parts;
  equal((await policies.current(never)).roles.size, 0);
  await new Policies({ store, clock }).set(text, admin, never);
  deepEqual([...(await policies.current(never)).roles.keys()], ["admins", "dba", "dev"]);
  const record = await policies.text(never);
  deepEqual([record?.version, record?.text, record?.by, record?.at], [1, text, "local-admin", clock.wall()]);
});

Deno.test("Policies.set() with a version refuses any other version", async () => {
  await using parts = new TestPolicies();
  const { policies } = parts;
  await rejects(policies.set(text, admin, never, 2), code("version_mismatch", /not set yet/));
  equal((await policies.set(text, admin, never, 0)).version, 1);
  await rejects(policies.set(text, admin, never, 0), code("version_mismatch", /has version 1, not 0\./));
  equal((await policies.set(text, admin, never, 1)).version, 2);
});

Deno.test("Policies.set() of two at once with one version is done once", async () => {
  await using parts = new TestPolicies();
  const { policies } = parts;
  await policies.set(text, admin, never);
  const results = await Promise.allSettled([policies.set(text, admin, never, 1), policies.set(text, admin, never, 1)]);
  deepEqual(results.map(({ status }) => status).toSorted(), ["fulfilled", "rejected"]);
});

Deno.test("Policies.set() refuses an identity without admin", async () => {
  await using parts = new TestPolicies();
  const { policies } = parts;
  await policies.set(text, admin, never);
  await rejects(policies.set(text, person("dba", "dev"), never), code("forbidden", /does not have the verb admin/));
});

Deno.test("Policies.set() lets an administrator grant the rights that he holds, and take rights away", async () => {
  await using parts = new TestPolicies();
  const { policies } = parts;
  await policies.set(text, admin, never);
  const more =
    `${text}  ops: { take: [{ person: eve }], rules: [{ path: dev/x, verbs: [read] }, { path: /, verbs: [admin] }] }\n`;
  await policies.set(more, person("admins"), never);
  await policies.set(text.replace("[read, write]", "[read]"), person("admins"), never);
  await policies.set("roles: {}", person("admins"), never);
});

const escalations: readonly (readonly [string, (text: string) => string, RegExp])[] = [
  ["a new verb of his own role", (text) => text.replace("[read, list]", "[read, list, write]"), /write on dev,/],
  ["a shorter path of his own role", (text) => text.replace("path: dev,", "path: /,"), /on the whole store/],
  [
    "the secret beside the folder",
    (text) => text.replace("{ path: dev/, verbs: [read]", "{ path: dev2, verbs: [read]"),
    /dev2/,
  ],
  ["a role of another one for himself", (text) => text.replace("person: anna", "person: eve"), /read on db,/],
  [
    "a second taker of a role",
    (text) => text.replace("[{ person: anna }]", "[{ person: anna }, { person: eve }]"),
    /read on db,/,
  ],
  ["a wider subject", (text) => text.replace("{ person: anna }", '{ issuer: i, subject: "x*" }'), /read on db,/],
  [
    "a new role",
    (text) => `${text}  new: { take: [{ person: eve }], rules: [{ path: db/x, verbs: [read] }] }\n`,
    /read on db\/x/,
  ],
];

for (const [criterion, change, sentence] of escalations) {
  Deno.test(`Policies.set() refuses an administrator who grants ${criterion}, and leaves the policy`, async () => {
    await using parts = new TestPolicies();
    const { policies } = parts;
    await policies.set(text, admin, never);
    await rejects(policies.set(change(text), person("admins"), never), code("forbidden", sentence));
    equal((await policies.text(never))?.text, text);
    await policies.set(change(text), admin, never);
  });
}

Deno.test("Policies.set() with a mistake changes nothing", async () => {
  await using parts = new TestPolicies();
  const { policies } = parts;
  await policies.set(text, admin, never);
  await rejects(
    policies.set("roles: 1", admin, never),
    code("request_invalid", /1:1: roles: must be a mapping of roles/),
  );
  equal((await policies.current(never)).version, 1);
});

Deno.test("Policies.current() refuses a row that is no policy", async () => {
  await using parts = new TestPolicies();
  const { store, policies } = parts;
  await policies.set(text, admin, never);
  const value = { version: 2, text: "roles: 7", at: 1, by: "x" };
  await store.transaction((tx) => Promise.resolve(tx.put(jsonCodec("policy", z.any()), utf8("policy"), value)), never);
  await rejects(policies.current(never), code("integrity", /set it anew over the admin socket/));
  await rejects(policies.set(text, person("admins"), never), code("integrity", /set it anew over the admin socket/));
  equal((await policies.set(text, admin, never, 2)).version, 3);
  equal((await policies.current(never)).roles.size, 3);
});
