import { deepEqual, equal, match, notEqual, ok } from "node:assert/strict";
import { testAdmin, TestIdentities } from "../../../../tests/support/keyring_identities.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { hex } from "../../../base/bytes.ts";
import type { ClaimValue } from "../policy/takers.ts";
import type { VerifiedSubject } from "./login.ts";
import { refuseEarlierIdentities } from "./restore_number.ts";
import { sweepIdentities } from "./sweep.ts";
import { tokenCodec } from "./token_records.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

const policy = `
roles:
  web: { take: [{ cluster: prod, subject: "system:serviceaccount:shop:web" }], rules: [{ path: web, verbs: [read] }] }
  ci: { take: [{ issuer: github, subject: "repo:acme/*", claims: { env: prod } }], rules: [], tokenTtl: 10h }
  admins: { take: [{ person: eve }], rules: [{ path: /, verbs: [admin] }, { path: dev, verbs: [read] }] }
  dev: { rules: [{ path: dev/, verbs: [read] }] }
`;

const web: VerifiedSubject = {
  kind: "kubernetes",
  name: "kubernetes:prod/shop/web",
  taker: { kind: "cluster", name: "prod", subject: "system:serviceaccount:shop:web", claims: new Map() },
};

function ciOf(subject: string, claims: Readonly<Record<string, ClaimValue>>): VerifiedSubject {
  const taker = { kind: "issuer", name: "github", subject, claims: new Map(Object.entries(claims)) } as const;
  return { kind: "oidc", name: `oidc:github/${subject}`, taker };
}

async function opened(subject: VerifiedSubject = web): Promise<TestIdentities> {
  const at = new TestIdentities({
    verify: ({ jwt }) =>
      jwt === "good"
        ? Promise.resolve(subject)
        : Promise.reject(new KeyringError("unauthenticated", "The JWT is bad.")),
  });
  await at.policies.set(policy, testAdmin, at.signal);
  return at;
}

const login = (at: TestIdentities, role = "web", jwt = "good", method: "kubernetes" | "oidc" = "kubernetes") =>
  at.tokens.login({ method, role, jwt }, at.signal);

Deno.test("Tokens.login() gives a token of an hour that holds the identity and its role", async () => {
  await using at = await opened();
  const made = await login(at);
  match(made.token, /^tsk_[A-Za-z0-9_-]{43}$/);
  equal(made.expiresAt - at.time.wall(), hourMs);
  equal(made.renewableUntil - at.time.wall(), dayMs);
  const identity = await at.byToken(made.token);
  deepEqual(identity, {
    kind: "kubernetes",
    name: "kubernetes:prod/shop/web",
    id: identity.id,
    roles: ["web"],
    expiresAt: made.expiresAt,
    tokenId: made.id,
  });
  const second = await login(at);
  notEqual(second.token, made.token);
  equal((await at.byToken(second.token)).id, identity.id, "the identity is the same");
  await at.time.advance(hourMs);
  await at.refuses(at.byToken(made.token), "unauthenticated", /it has expired/);
});

Deno.test("Tokens.login() refuses a role that the identity may not take, one that is not there, and a bad JWT", async () => {
  await using at = await opened();
  for (const role of ["ci", "dev", "absent"]) {
    await at.refuses(login(at, role), "forbidden", /^Cannot log in: kubernetes:prod\/shop\/web may not take the role/);
  }
  await at.refuses(login(at, "web", "bad"), "unauthenticated", /bad/);
});

Deno.test("Tokens.login() treats the same ServiceAccount of another cluster as another identity", async () => {
  const taker = { ...web.taker, name: "dev" } as const;
  await using at = await opened({ kind: "kubernetes", name: "kubernetes:dev/shop/web", taker });
  await at.refuses(login(at), "forbidden", /kubernetes:dev\/shop\/web may not take/);
});

Deno.test("Tokens.renew() prolongs to at most 24 hours after the login", async () => {
  await using at = await opened(ciOf("repo:acme/shop", { env: "prod" }));
  const { token, expiresAt, renewableUntil } = await login(at, "ci");
  const startedAt = at.time.wall();
  equal(expiresAt - startedAt, 10 * hourMs);
  const renew = async () => await at.tokens.renew(await at.byToken(token), at.signal);
  await at.time.advance(9 * hourMs);
  equal((await renew()).expiresAt - startedAt, 19 * hourMs);
  await at.time.advance(9 * hourMs);
  deepEqual(await renew(), { expiresAt: startedAt + dayMs, renewableUntil });
  equal((await at.byToken(token)).expiresAt, startedAt + dayMs);
  await at.time.advance(6 * hourMs);
  await at.refuses(at.byToken(token), "unauthenticated", /it has expired/);
});

Deno.test("Tokens.renew() refuses made tokens and identities without a token", async () => {
  await using at = await opened();
  const made = await at.tokens.create({ role: "dev", ttlMs: hourMs, name: "backup" }, testAdmin, at.signal);
  const identity = await at.byToken(made.token);
  await at.refuses(at.tokens.renew(identity, at.signal), "forbidden", /has no token of a login/);
  await at.refuses(at.tokens.renew(testAdmin, at.signal), "forbidden", /has no token of a login/);
});

Deno.test("a token follows the policy at each request", async () => {
  await using at = await opened(ciOf("repo:acme/shop", { env: "prod", other: "x" }));
  const { token } = await login(at, "ci");
  equal((await at.byToken(token)).name, "oidc:github/repo:acme/shop");
  const set = (from: string, to: string) => at.policies.set(policy.replace(from, to), testAdmin, at.signal);
  const gone = /its identity may not take its role any more/;
  await set("repo:acme/*", "repo:acme/other");
  await at.refuses(at.byToken(token), "unauthenticated", gone);
  await set("env: prod", "env: stage");
  await at.refuses(at.byToken(token), "unauthenticated", gone);
  await set("env: prod", "other: x");
  await at.refuses(at.byToken(token), "unauthenticated", gone);
  await set("  ci:", "  cd:");
  await at.refuses(at.byToken(token), "unauthenticated", /does not have its role any more/);
  await set("", "");
  equal((await at.byToken(token)).roles.join(), "ci");
});

Deno.test("Tokens.create() makes a token of a role, from a minute to 90 days", async () => {
  await using at = await opened();
  const create = (ttlMs: number, role = "dev", name = "backup") =>
    at.tokens.create({ role, ttlMs, name }, testAdmin, at.signal);
  const { token, id, expiresAt } = await create(90 * dayMs);
  equal(expiresAt - at.time.wall(), 90 * dayMs);
  deepEqual(await at.byToken(token), {
    kind: "token",
    name: "token:backup",
    id,
    roles: ["dev"],
    expiresAt,
    tokenId: id,
  });
  const ttl = /lifetime of a token is from 1m to 90d/;
  for (const ms of [90 * dayMs + 1, 0, -1, NaN, Infinity]) {
    await at.refuses((async () => await create(ms))(), "request_invalid", ttl);
  }
  await at.refuses((async () => await create(hourMs, "absent"))(), "request_invalid", /no role of this name/);
  await at.refuses((async () => await create(hourMs, "dev", "a b"))(), "request_invalid", /name of a token is/);
});

Deno.test("Tokens.create() refuses an identity without admin, and a right that the administrator lacks", async () => {
  await using at = await opened();
  const eve = await at.byCertificate((await at.enrol("eve")).der);
  const otto = await at.byCertificate((await at.enrol("otto", ["dev"])).der);
  const create = (role: string, by: typeof eve) => at.tokens.create({ role, ttlMs: hourMs, name: "x" }, by, at.signal);
  await create("dev", eve);
  await at.refuses(create("web", eve), "forbidden", /it would get read on web,/);
  await at.refuses(create("dev", otto), "forbidden", /does not have the verb admin/);
  await at.refuses(at.tokens.list(otto, at.signal), "forbidden", /does not have the verb admin/);
});

Deno.test("Tokens.revoke() refuses a token at the next request, on every server", async () => {
  await using at = await opened();
  await using other = at.other();
  const { token, id } = await login(at);
  equal((await other.byToken(token)).roles.join(), "web");
  await at.tokens.revoke(id, testAdmin, at.signal);
  for (const one of [at, other]) await one.refuses(one.byToken(token), "unauthenticated", /it has been revoked/);
  await at.refuses(at.tokens.revoke("f".repeat(32), testAdmin, at.signal), "not_found", /No token/);
  deepEqual((await at.tokens.list(testAdmin, at.signal)).map(({ state }) => state), ["revoked"]);
});

Deno.test("Tokens.revoke() lets an identity revoke the token of its request alone", async () => {
  await using at = await opened();
  const [one, two] = [await login(at), await login(at)];
  const identity = await at.byToken(one.token);
  await at.refuses(at.tokens.revoke(two.id, identity, at.signal), "forbidden", /does not have the verb admin/);
  await at.tokens.revoke(one.id, identity, at.signal);
  await at.refuses(at.byToken(one.token), "unauthenticated", /it has been revoked/);
  await at.byToken(two.token);
});

Deno.test("Tokens are refused after a restore, and swept after they expired", async () => {
  await using at = await opened();
  const { token } = await login(at);
  await at.store.transaction(refuseEarlierIdentities, at.signal);
  await at.refuses(at.byToken(token), "unauthenticated", /before a restore/);
  const next = await login(at);
  await at.byToken(next.token);
  const rows = async () => (await at.store.reader(at.signal).scan(tokenCodec, { limit: 10 })).length;
  await sweepIdentities(at, at.signal);
  equal(await rows(), 2);
  await at.time.advance(hourMs);
  await sweepIdentities(at, at.signal);
  equal(await rows(), 0);
});

Deno.test("Tokens keep no token in the store, and no plain hash of one", async () => {
  await using at = await opened();
  const { token, id } = await login(at);
  const [row] = await at.engine.scan({ table: "token", prefix: new Uint8Array(), limit: 10 }, at.signal);
  const stored = new TextDecoder("latin1").decode(row?.bytes);
  ok(!stored.includes(token) && !stored.includes("shop"));
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token)));
  notEqual(hex(row?.key ?? new Uint8Array()), hex(hash));
  equal(hex((row?.key ?? new Uint8Array()).subarray(0, 16)), id);
});

Deno.test("Tokens.login() refuses a clock that is more than 60 s behind the newest write", async () => {
  await using at = await opened();
  at.time.setWall(-60_000);
  await login(at);
  at.time.setWall(-1_000);
  await at.refuses(login(at), "clock_behind", /the clock of this server is 61 s behind the newest write/);
});
