import assert from "node:assert/strict";
import { inspect } from "node:util";
import { KmsError } from "../../base/errors.ts";
import { RefusedLogin } from "../../net/https/login_holds.ts";
import { refuse, VaultDouble } from "../../../tests/support/vault_double.ts";
import { MemorySecret, openVault, patient, refusedWith } from "../../../tests/support/vault_settings.ts";
import { type AuthContext, authenticator } from "./auth.ts";
import type { VaultAnswer, VaultRequest } from "./http.ts";
import type { LoginCall, VaultAuthenticator } from "./login.ts";
import type { VaultAuth } from "./settings.ts";

const secret = (value = "right") => new MemorySecret(value);

function wayOf(auth: VaultAuth, context: Partial<AuthContext> = {}): VaultAuthenticator {
  return authenticator(auth, { provider: "vault-eu", namespace: undefined, notify: () => {}, ...context });
}

const cases: readonly (readonly [VaultAuth, string, unknown])[] = [
  [{ method: "approle", mount: "approle", roleId: secret("role") }, "auth/approle/login", { role_id: "role" }],
  [
    { method: "approle", mount: "approle", roleId: secret("role"), secretId: secret(), wrapped: false },
    "auth/approle/login",
    { role_id: "role", secret_id: "right" },
  ],
  [
    { method: "kubernetes", mount: "clusters/eu", role: "kms", jwt: secret("jwt") },
    "auth/clusters/eu/login",
    { role: "kms", jwt: "jwt" },
  ],
  [{ method: "jwt", mount: "jwt", role: "kms", jwt: secret("jwt") }, "auth/jwt/login", { role: "kms", jwt: "jwt" }],
  [{ method: "cert", mount: "cert", role: "kms" }, "auth/cert/login", { name: "kms" }],
  [{ method: "cert", mount: "cert" }, "auth/cert/login", {}],
  [
    { method: "userpass", mount: "userpass", username: "a/b c", password: secret() },
    "auth/userpass/login/a%2Fb%20c",
    { password: "right" },
  ],
];

for (const [auth, path, body] of cases) {
  Deno.test(`login() by ${auth.method} sends ${path} with ${Object.keys(Object(body))}`, async () => {
    const asked: VaultRequest[] = [];
    const answer = { status: 200, body: { auth: { client_token: "hvs.x", lease_duration: 60, renewable: true } } };
    const grant = await wayOf(auth).login(doubleCall(asked, () => answer));
    assert.deepEqual(asked, [{ method: "POST", path, body, once: true }]);
    assert.deepEqual([grant.token.reveal(), grant.ttlMs, grant.renewable], ["hvs.x", 60_000, true]);
  });

  Deno.test(`login() by ${auth.method} to ${path} with ${Object.keys(Object(body))} fails as unauthenticated if Vault refuses`, async () => {
    for (const status of [400, 401, 403, 404]) {
      const refused = wayOf(auth).login(doubleCall([], () => ({ status, body: { errors: ["hvs.canary"] } })));
      await assert.rejects(refused, refusedWith("unauthenticated", new RegExp(`Vault answered ${status}`)));
      await assert.rejects(refused, (error: Error) => !inspect(error).includes("canary"));
    }
    const sealed = wayOf(auth).login(doubleCall([], () => ({ status: 503, body: undefined })));
    await assert.rejects(sealed, refusedWith("unreachable"));
  });
}

Deno.test("login() reports a namespace that is missing, locked or sealed, for every method", async () => {
  const sentence = 'API access to this namespace has been locked by an administrator - "a/" must be unlocked.';
  const answers = [
    [404, "namespace not found", "key_unknown", /no such namespace: "team-a"/],
    [503, sentence, "permission_denied", /namespace locked: "team-a"/],
    [503, "namespace is sealed", "unreachable", /namespace sealed: "team-a"/],
  ] as const;
  const token: VaultAuth = { method: "token", token: secret() };
  for (const auth of [token, ...cases.map(([auth]) => auth)]) {
    for (const [status, text, code, said] of answers) {
      const answer = { status, body: { errors: [text] }, namespace: "team-a" };
      await assert.rejects(wayOf(auth).login(doubleCall([], () => answer)), refusedWith(code, said));
    }
    const noMount = { status: 404, body: { errors: ["no handler for route"] }, namespace: "team-a" };
    const refused = wayOf(auth).login(doubleCall([], () => noMount));
    const said = auth.method === "token" ? /it refuses the token/ : /no such auth mount/;
    await assert.rejects(refused, refusedWith("unauthenticated", said));
  }
});

Deno.test("login() by approle and userpass reports with 403 that the account may be locked, and other methods do not", async () => {
  for (const [auth, path] of cases) {
    const answer = ({ method }: VaultRequest) =>
      method === "GET"
        ? { status: 405, body: { errors: ["unsupported operation"] } }
        : { status: 403, body: { errors: ["permission denied"] } };
    const refused = wayOf(auth).login(doubleCall([], answer));
    const locks = auth.method === "approle" || auth.method === "userpass";
    await assert.rejects(refused, ({ message }: Error) => message.includes("sys/locked-users") === locks);
    await assert.rejects(refused, ({ message }: Error) => message.includes(` at ${path}`));
    await assert.rejects(refused, ({ message }: Error) => !message.includes("no such auth mount"));
  }
});

Deno.test("login() by every method distinguishes a missing auth mount from a refused credential", async () => {
  for (const [auth, path] of cases) {
    const asked: VaultRequest[] = [];
    const answer = () => ({ status: 403, body: { errors: ["permission denied"] } });
    const refused = wayOf(auth).login(doubleCall(asked, answer));
    await assert.rejects(refused, refusedWith("unauthenticated", new RegExp(`no such auth mount: .* ${path};`)));
    // A refusal that Vault does not count does not hold the credential back.
    await assert.rejects(refused, (error: Error) => !(error instanceof RefusedLogin));
    assert.deepEqual(asked.map(({ method, token }) => [method, token]), [["POST", undefined], ["GET", undefined]]);
    assert(asked[1]?.path.startsWith(`auth/${"mount" in auth ? auth.mount : ""}/login`));
    assert(!String(asked[1]?.path).includes("a%2Fb%20c"), "a user that Vault has locked is asked about");
  }
});

Deno.test("login() by approle reports a missing secret ID, or a role bound to addresses, and holds back neither", async () => {
  const auth: VaultAuth = { method: "approle", mount: "approle", roleId: secret("role") };
  const texts = [
    ["missing secret_id", /the role wants a secret ID besides: set auth\.secretId/],
    ['source address "192.0.2.7" unauthorized by CIDR restrictions on the role', /bound to other addresses/],
  ] as const;
  for (const [text, said] of texts) {
    const refused = wayOf(auth).login(doubleCall([], () => ({ status: 400, body: { errors: [text] } })));
    await assert.rejects(refused, refusedWith("unauthenticated", said));
    await assert.rejects(refused, (error: Error) => !(error instanceof RefusedLogin));
    await assert.rejects(refused, ({ message }: Error) => !message.includes("192.0.2.7"));
  }
});

function doubleCall(
  asked: VaultRequest[],
  answer: (request: VaultRequest) => Pick<VaultAnswer, "status" | "body" | "namespace">,
): LoginCall {
  return {
    action: 'log in with provider "vault-eu"',
    signal: patient.signal,
    mayUseKey: () => Promise.resolve(false),
    attempt: (_credential, login) => login(),
    ask: (request) => {
      asked.push(request);
      return Promise.resolve({ retryAfterMs: undefined, location: undefined, ...answer(request) });
    },
  };
}

Deno.test("login() rejects an answer without a usable token", async () => {
  const [auth] = cases.find(([{ method }]) => method === "jwt") ?? assert.fail();
  const good = { client_token: "hvs.x", lease_duration: 60, renewable: true };
  const bad = [
    undefined,
    {},
    { ...good, client_token: "" },
    { ...good, client_token: "a\r\nx-injected: b" },
    { ...good, client_token: 7 },
    { ...good, lease_duration: -1 },
    { ...good, lease_duration: "60" },
    { ...good, lease_duration: 1.5 },
  ];
  for (const body of bad) {
    const login = wayOf(auth).login(doubleCall([], () => ({ status: 200, body: { auth: body } })));
    await assert.rejects(login, refusedWith("provider_protocol"));
  }
});

Deno.test("login() names a secret that cannot be read", async () => {
  await using vault = new VaultDouble();
  const auth: VaultAuth = { method: "jwt", mount: "jwt", role: "kms", jwt: new MemorySecret(undefined) };
  await using provider = (await openVault(vault.address, { auth })).provider;
  await assert.rejects(
    provider.probe(patient),
    refusedWith("unauthenticated", /^Cannot log in .*: file \/etc\/trousseau\/secret cannot be read\.$/),
  );
  assert.equal(vault.requests.length, 0);
});

Deno.test("login() and the calls after it show no secret in any error or event", async () => {
  await using vault = new VaultDouble();
  const auth: VaultAuth = { method: "userpass", mount: "userpass", username: "x", password: secret("canary-password") };
  const { provider, events } = await openVault(vault.address, { auth });
  await using _provider = provider;
  const seen: unknown[] = [events];
  const keep = (error: unknown) => {
    assert(error instanceof KmsError);
    seen.push(error, error.message, error.stack, error.cause, JSON.stringify(error));
  };
  // A double that repeats the whole request, as a careless proxy might: first for every call except the login, then for
  // all.
  for (const spared of ["login", "nothing"]) {
    vault.intercept = ({ path, token, body }) =>
      path.includes(spared) ? undefined : refuse(400, `you sent ${token} ${JSON.stringify(body)}`);
    for (let tries = 0; tries < 3; tries++) await provider.probe(patient).catch(keep);
    vault.valid.clear();
    vault.intercept = ({ token }) => refuse(403, `you sent ${token} canary-password hvs.token-1`);
    for (let tries = 0; tries < 3; tries++) await provider.probe(patient).catch(keep);
  }
  assert(seen.length > 40 && vault.requests.some(({ token }) => token?.startsWith("hvs.")));
  assert(!/canary|hvs\./.test(inspect(seen, { depth: 10, showHidden: true })));
});
