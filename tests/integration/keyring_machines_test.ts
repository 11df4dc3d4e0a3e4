/**
 * Logins of machines with `clectl`: with a ServiceAccount's token that a cluster reviews, and with a signed token of an
 * issuer.
 *
 * @module
 */
import { deepEqual, doesNotMatch, equal, match, notEqual } from "node:assert/strict";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { KeyringError } from "../../lib/api/keyring/problems.ts";
import { base64url, utf8 } from "../../lib/base/bytes.ts";
import { type Clock, systemClock } from "../../lib/base/clock.ts";
import { Secret } from "../../lib/base/secret.ts";
import { KubernetesCluster } from "../../lib/services/keyring/identity/cluster.ts";
import { OidcIssuer } from "../../lib/services/keyring/identity/issuer.ts";
import { issuerDefaults } from "../../lib/services/keyring/identity/settings.ts";
import { ClectlStage, well } from "../support/clectl_stage.ts";
import type { ClectlTerminalOptions } from "../support/clectl_terminal.ts";
import { type JsonRequestSeen, JsonServer } from "../support/json_server.ts";

const minuteMs = 60_000;
const policy = `roles:
  web:
    take:
      - { cluster: prod, subject: "system:serviceaccount:shop:web" }
      - { issuer: ci, subject: "repo:acme/shop:ref:refs/heads/main" }
    rules: [{ path: shop, verbs: [list, read] }]
`;

/** In the form of a JWT, without an expiry. The double of the cluster accepts it alone. */
const podToken = ['{"alg":"RS256"}', '{"sub":"pod"}', "signature"].map((part) => base64url(utf8(part))).join(".");

/** A keyring with a cluster and an issuer, whose clock and that of `clectl` can be moved. */
class MachineStage implements AsyncDisposable {
  readonly stage: ClectlStage;
  readonly clock: Clock;
  readonly #server: JsonServer;
  readonly #sign: (claims: Readonly<Record<string, unknown>>) => Promise<string>;
  readonly #shift: { ms: number };

  private constructor(parts: {
    stage: ClectlStage;
    server: JsonServer;
    clock: Clock;
    shift: { ms: number };
    sign: (claims: Readonly<Record<string, unknown>>) => Promise<string>;
  }) {
    this.stage = parts.stage;
    this.clock = parts.clock;
    this.#server = parts.server;
    this.#shift = parts.shift;
    this.#sign = parts.sign;
  }

  static async open(): Promise<MachineStage> {
    const shift = { ms: 0 };
    const clock: Clock = { ...systemClock, wall: () => Date.now() + shift.ms };
    const server = await JsonServer.open();
    const folder = await Deno.makeTempDir();
    const caFile = `${folder}/ca.pem`;
    await Deno.writeTextFile(caFile, server.authority.certificate);
    const { origin } = server;
    const user = { username: "system:serviceaccount:shop:web", uid: "1", groups: ["system:serviceaccounts"] };
    server.documents.set("/apis/authentication.k8s.io/v1/tokenreviews", ({ body }: JsonRequestSeen) => {
      const authenticated = (body as { spec: { token: string } }).spec.token === podToken;
      const status = authenticated ? { authenticated, audiences: ["trousseau"], user } : { authenticated };
      return { ...(body as object), status };
    });
    const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true });
    const jwk = { ...await exportJWK(publicKey), kid: "one", alg: "ES256", use: "sig" };
    server.documents.set("/.well-known/openid-configuration", () => ({ issuer: origin, jwks_uri: `${origin}/keys` }));
    server.documents.set("/keys", () => ({ keys: [jwk] }));
    const parts = { clock, notify: () => {} };
    const common = { audience: "trousseau", tls: { caFile } };
    const reviewer = { description: "reviewer", read: () => Promise.resolve(new Secret("reviewer")) };
    const cluster = await KubernetesCluster.open(
      { ...common, name: "prod", address: origin, token: reviewer },
      parts,
    );
    const issuer = await OidcIssuer.open({
      ...common,
      name: "ci",
      issuer: origin,
      keys: { from: "discovery" },
      algorithms: issuerDefaults.algorithms,
      maxLifetimeMs: issuerDefaults.maxLifetimeMs,
    }, parts);
    await Deno.remove(folder, { recursive: true });
    const stage = await ClectlStage.open({ clock, clusters: [cluster], issuers: [issuer] });
    const sign = (claims: Readonly<Record<string, unknown>>) =>
      new SignJWT({ iss: origin, aud: "trousseau", sub: "repo:acme/shop:ref:refs/heads/main", ...claims })
        .setProtectedHeader({ alg: "ES256", kid: "one" })
        .setIssuedAt(Math.floor(clock.wall() / 1_000))
        .setExpirationTime(Math.floor(clock.wall() / 1_000) + 600)
        .sign(privateKey);
    const made = new MachineStage({ stage, server, clock, shift, sign });
    well(await stage.admin(`policy set ${await stage.file("policy.yaml", policy)}`));
    well(await stage.admin("create shop/db -f password --stdin", { stdin: "the value" }));
    await stage.file("ca.pem", stage.chain);
    return made;
  }

  /** Runs a command of the machine. */
  machine(line: string, options: ClectlTerminalOptions = {}) {
    return this.stage.person(line, { clock: this.clock, ...options });
  }

  login(options: string, more: ClectlTerminalOptions = {}) {
    return this.machine(`login ${this.stage.url} --ca ${this.stage.folder}/ca.pem ${options}`, more);
  }

  move(minutes: number): void {
    this.#shift.ms += minutes * minuteMs;
  }

  jwt(claims: Readonly<Record<string, unknown>> = {}): Promise<string> {
    return this.#sign(claims);
  }

  get tokenFile(): string {
    return `${this.stage.folder}/home/.local/state/clectl/tokens/localhost.json`;
  }

  async kept(): Promise<{ token: string; expiresAt: number }> {
    return JSON.parse(await Deno.readTextFile(this.tokenFile));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stage[Symbol.asyncDispose]();
    await this.#server[Symbol.asyncDispose]();
  }
}

Deno.test("a pod logs in with its ServiceAccount's token, keeps the keyring's token to itself, and logs out", async () => {
  await using test = await MachineStage.open();
  const { stage } = test;
  const file = await stage.file("pod-token", `${podToken}\n`);
  const login = well(await test.login(`--kubernetes --role web --token-file ${file} -o json`));
  const { context, role, expiresAt } = JSON.parse(login.out);
  deepEqual([context, role, typeof expiresAt], ["localhost", "web", "string"]);
  const { token } = await test.kept();
  match(token, /^tsk_/);
  doesNotMatch(login.out + login.err, /tsk_|pod\.a/);
  equal(((await Deno.stat(test.tokenFile)).mode ?? 0) & 0o777, 0o600);
  equal(JSON.parse(well(await test.machine("whoami -o json")).out).kind, "kubernetes");
  equal(well(await test.machine("get shop/db -f password")).out, "the value");
  match(well(await test.machine("context list")).out, /localhost \(current\) .* token/);
  well(await test.machine("logout"));
  await Deno.stat(test.tokenFile).then(() => equal("kept", "removed"), () => {});
  const [row] = JSON.parse(well(await stage.admin("token list -o json")).out);
  equal(row.state, "revoked");
  const without = await test.machine("get shop/db -f password");
  equal(without.status, 77);
  match(without.err, /context "localhost" has no login: log in with "clectl login https:/);
  equal(well(await test.machine("logout")).out, "The context localhost has no login.\n");
});

Deno.test("a job of a CI system logs in with a signed token of standard input; a refused one changes nothing", async () => {
  await using test = await MachineStage.open();
  const login = "--jwt --role web --token-stdin";
  well(await test.login(login, { stdin: `${await test.jwt()}\n` }));
  const before = await test.kept();
  equal(well(await test.machine("get shop/db -f password")).out, "the value");
  for (const claims of [{ aud: "other" }, { sub: "repo:acme/other:ref:refs/heads/main" }]) {
    const refused = await test.login(login, { stdin: await test.jwt(claims) });
    equal(refused.status, 77, refused.err);
  }
  const role = await test.login("--jwt --role admin --token-stdin", { stdin: await test.jwt() });
  equal(role.status, 77, role.err);
  const named = await test.login(`${login} --issuer other`, { stdin: await test.jwt() });
  equal(named.status, 64, named.err);
  deepEqual(await test.kept(), before);
  well(await test.login(`${login} --issuer ci`, { stdin: await test.jwt() }));
});

Deno.test("the token of a login is renewed when less than a third of its life is left; a failure is a warning", async () => {
  await using test = await MachineStage.open();
  well(await test.login("--jwt --role web --token-stdin", { stdin: await test.jwt() }));
  const first = await test.kept();
  test.move(39);
  well(await test.machine("whoami"));
  deepEqual(await test.kept(), first);
  test.move(2);
  well(await test.machine("whoami"));
  const second = await test.kept();
  equal(second.token, first.token);
  equal(second.expiresAt > first.expiresAt, true);
  test.move(45);
  test.stage.keyring.auditFailure = new KeyringError(
    "store_unavailable",
    "The audit cannot be written.",
  );
  const failed = await test.machine("whoami");
  deepEqual([failed.status, /ends soon and is not renewed/.test(failed.err)], [69, true], failed.err);
  test.stage.keyring.auditFailure = undefined;
  well(await test.machine("whoami"));
  test.move(61);
  const ended = await test.machine("whoami");
  equal(ended.status, 77);
  match(ended.err, /token of the context "localhost" has ended: log in again with "clectl login --jwt"/);
});

Deno.test("a token that has ended is exchanged anew where the file of the ServiceAccount's token is known", async () => {
  await using test = await MachineStage.open();
  const file = await test.stage.file("pod-token", podToken);
  well(await test.login(`--kubernetes --role web --token-file ${file}`));
  const first = await test.kept();
  test.move(25 * 60);
  equal(well(await test.machine("get shop/db -f password")).out, "the value");
  notEqual((await test.kept()).token, first.token);
  test.move(25 * 60);
  await Deno.writeTextFile(file, "other.a.b");
  const refused = await test.machine("get shop/db -f password");
  deepEqual([refused.status, refused.out], [77, ""], refused.err);
});

Deno.test("a command that lasts renews the token in the background", async () => {
  await using test = await MachineStage.open();
  well(await test.login("--jwt --role web --token-stdin", { stdin: await test.jwt() }));
  const first = await test.kept();
  const timers = new Map<number, () => void>();
  const clock: Clock = {
    ...test.clock,
    after(ms, fire) {
      timers.set(ms, fire);
      return () => timers.delete(ms);
    },
  };
  const stop = new AbortController();
  const watching = test.machine("watch shop/", { clock, signal: stop.signal });
  const until = async (condition: () => boolean | Promise<boolean>, what: string) => {
    for (let left = 1_000; !await condition(); left--) {
      equal(left > 0, true, what);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  await until(() => timers.size > 0, "the timer of the renewal");
  test.move(50);
  for (const [ms, fire] of timers) {
    equal(ms <= 40 * minuteMs, true);
    timers.delete(ms);
    fire();
  }
  await until(async () => (await test.kept()).expiresAt > first.expiresAt, "the renewal");
  stop.abort();
  well(await watching);
  equal(timers.size, 0, "the timer is cancelled");
});

Deno.test("login of a machine takes the server of the context, and refuses options that do not fit", async () => {
  await using test = await MachineStage.open();
  const file = await test.stage.file("pod-token", podToken);
  const refused = async (line: string, why: RegExp) => {
    const end = await test.machine(line, { stdin: "" });
    equal(end.status, 64, end.err);
    match(end.err, why);
  };
  const { url } = test.stage;
  const ca = `--ca ${test.stage.folder}/ca.pem`;
  await refused("login", /wants URL/);
  await refused(`login ${url} --role web`, /--role is for the login of a machine: add --kubernetes or --jwt/);
  await refused(`login ${url} --kubernetes`, /role is missing/);
  await refused(`login ${url} --kubernetes --jwt --role web`, /two logins/);
  await refused(`login ${url} --jwt --role web`, /--token-file FILE or --token-stdin/);
  await refused(`login ${url} --jwt --role web --token-stdin --token-file x`, /two tokens/);
  await refused(`login ${url} --jwt --role web --token-stdin ${ca}`, /token is missing/);
  await refused(`login ${url} --kubernetes --role web ${ca} --fingerprint ab`, /two authorities/);
  await refused(`login ${url} --kubernetes --role web`, /authority of the server is not known/);
  await refused("login --kubernetes --role web", /server is missing/);
  await refused(`login --kubernetes --role web ${ca}`, /server is missing/);
  await refused(`login unix:///x --kubernetes --role web`, /needs no login/);
  await refused(`login ${url} ${ca} --kubernetes --role web --token-file ${file}.none`, /Cannot read the token/);
  await refused("logout", /no login that could end/);
  const { fingerprint } = test.stage;
  well(
    await test.machine(`login ${url} --kubernetes --role web --token-file ${file} --fingerprint ${fingerprint} -c pod`),
  );
  well(await test.machine(`login --kubernetes --role web --token-file ${file}`));
  equal(JSON.parse(well(await test.machine("context list -o json")).out).length, 1);
  well(await test.machine(`context set pod --address https://other:8300 ${ca}`));
  match(well(await test.machine("context list")).out, /none/);
});
