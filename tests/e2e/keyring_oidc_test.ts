/**
 * A login with a JWT of a real OpenID provider: keys by discovery over TLS, then reads with the token of the login.
 *
 * @module
 */
import { deepEqual, equal, match } from "node:assert/strict";
import { join } from "node:path";
import { systemClock } from "../../lib/base/clock.ts";
import { OidcIssuer } from "../../lib/services/keyring/identity/issuer.ts";
import { Authority } from "../support/certificates.ts";
import { TestKeyring } from "../support/keyring_api.ts";
import { listenOverTls } from "../support/keyring_clients.ts";
import { Process, waitFor } from "../support/processes.ts";
import { inFolder } from "../support/temporary_folder.ts";

const servers = join(import.meta.dirname ?? ".", "servers/oidc-provider");
const clientSecret = "a secret of the client";

/** An OpenID provider that runs. */
interface Provider extends AsyncDisposable {
  readonly issuer: string;
  readonly caFile: string;
  /** A JWT for its client. */
  token(): Promise<string>;
}

async function openProvider(folder: string, audience: string): Promise<Provider> {
  const authority = new Authority("OpenID provider");
  const { certificate, key } = authority.issue({ commonName: "localhost", names: ["localhost"] });
  const [caFile, certificateFile, keyFile] = ["issuer-ca.pem", "issuer.pem", "issuer.key"].map((name) =>
    join(folder, name)
  ) as [string, string, string];
  await Deno.writeTextFile(caFile, authority.certificate);
  await Deno.writeTextFile(certificateFile, certificate);
  await Deno.writeTextFile(keyFile, key);
  const config = ["--frozen", "--config", join(servers, "deno.json")];
  const rights = ["--allow-net", "--allow-read", "--allow-env", "--allow-sys"];
  const process = new Process({
    name: "the OpenID provider",
    command: Deno.execPath(),
    args: ["run", "--quiet", ...config, ...rights, join(servers, "main.mjs"), certificateFile, keyFile, "ci", audience],
    env: { CLIENT_SECRET: clientSecret, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
  });
  const { value: issuer } = await waitFor("its issuer URL", () => /^https:\S+$/m.exec(process.output)?.[0], {
    timeoutMs: 180_000,
    alive: [process],
  });
  return {
    issuer,
    caFile,
    token: () => tokenOf(issuer, authority.certificate),
    [Symbol.asyncDispose]: () => process[Symbol.asyncDispose](),
  };
}

async function tokenOf(issuer: string, ca: string): Promise<string> {
  using client = Deno.createHttpClient({ caCerts: [ca] });
  const body = new URLSearchParams({ grant_type: "client_credentials", scope: "deploy" });
  const credentials = btoa(`ci:${encodeURIComponent(clientSecret)}`);
  const headers = { authorization: `Basic ${credentials}` };
  const answer = await fetch(`${issuer}/token`, { method: "POST", headers, body, client });
  const { access_token: token, ...rest } = await answer.json();
  equal(answer.status, 200, JSON.stringify(rest));
  return token;
}

async function openIssuer({ issuer, caFile }: Provider, audience: string): Promise<OidcIssuer> {
  return await OidcIssuer.open({
    name: "ci",
    issuer,
    audience,
    keys: { from: "discovery" },
    algorithms: ["RS256"],
    maxLifetimeMs: 3_600_000,
    tls: { caFile },
  }, { clock: systemClock, notify: () => {} });
}

const policy = `
roles:
  deploy: {take: [{issuer: ci, subject: ci, claims: {scope: deploy}}], rules: [{path: db, verbs: [read]}]}
  other: {take: [{issuer: ci, subject: ci, claims: {scope: admin}}], rules: [{path: db, verbs: [write]}]}
`;

/** A keyring that trusts an issuer; `ask` sends a request over TLS. */
async function withKeyring(
  folder: string,
  issuer: OidcIssuer,
  work: (ask: (path: string, init?: RequestInit) => Promise<{ status: number; body: Json }>) => Promise<void>,
): Promise<void> {
  await using keyring = await TestKeyring.open(folder, { issuers: [issuer] });
  await keyring.policy(policy);
  const body = { fields: { password: { value: "one" } } };
  await keyring.expect(201, "POST", "/api/v1/secrets/db/app", { body });
  await using listener = await listenOverTls(keyring);
  using client = Deno.createHttpClient({ caCerts: [listener.ca] });
  await work(async (path, init = {}) => {
    const answer = await fetch(`${listener.address}/v1/${path}`, { ...init, client });
    return { status: answer.status, body: await answer.json() };
  });
}

// deno-lint-ignore no-explicit-any
type Json = any;

function login(role: string, jwt: string): RequestInit {
  return { method: "POST", body: JSON.stringify({ role, jwt }) };
}

Deno.test("a JWT of an OpenID provider logs in with the role that its claims take, and with no other", () =>
  inFolder(async (folder) => {
    await using provider = await openProvider(folder, "trousseau");
    using issuer = await openIssuer(provider, "trousseau");
    await withKeyring(folder, issuer, async (ask) => {
      const jwt = await provider.token();
      const { status, body } = await ask("auth/jwt/login", login("deploy", jwt));
      equal(status, 200, JSON.stringify(body));
      const headers = { "x-vault-token": body.auth.client_token };
      const self = (await ask("auth/token/lookup-self", { headers })).body.data;
      deepEqual([self.display_name, self.policies], ["oidc:ci/ci", ["deploy"]]);
      deepEqual((await ask("secret/data/db/app", { headers })).body.data.data, { password: "one" });
      const changed = `${jwt.slice(0, -8)}${jwt.slice(-8) === "AAAAAAAA" ? "BBBBBBBB" : "AAAAAAAA"}`;
      for (const refused of [login("other", jwt), login("deploy", changed)]) {
        const { status, body } = await ask("auth/jwt/login", refused);
        equal(status, 403);
        equal(body.errors[0], "permission denied");
      }
    });
  }));

Deno.test("a JWT that an OpenID provider made for another audience is refused", () =>
  inFolder(async (folder) => {
    await using provider = await openProvider(folder, "other");
    using issuer = await openIssuer(provider, "trousseau");
    await withKeyring(folder, issuer, async (ask) => {
      const { status, body } = await ask("auth/jwt/login", login("deploy", await provider.token()));
      equal(status, 403);
      match(body.errors[1], /another audience/);
    });
  }));
