import assert from "node:assert/strict";
import { GcpDouble } from "../../../tests/support/gcp_double.ts";
import { type IssuedToken, scope } from "../../../tests/support/gcp_logins.ts";
import { gcpSettings, metadataAuth, openGcp } from "../../../tests/support/gcp_settings.ts";
import { pause } from "../../../tests/support/processes.ts";
import { inFolder } from "../../../tests/support/temporary_folder.ts";
import { RawDouble } from "../../../tests/support/vault_double.ts";
import { patient, refusedWith, within } from "../../../tests/support/vault_settings.ts";
import { systemClock } from "../../base/clock.ts";
import type { Event } from "../../telemetry/events.ts";
import type { CallOptions } from "../provider.ts";
import { openGcpKms } from "./provider.ts";
import type { GcpAuth, GcpKmsSettings } from "./settings.ts";

async function probeWith(double: GcpDouble, auth: GcpAuth, changes: Partial<GcpKmsSettings> = {}): Promise<void> {
  await using provider = (await openGcp(double, { auth, ...changes })).provider;
  await provider.probe(patient);
}

/** The login of the last token that KMS received. */
function used({ calls, logins }: GcpDouble): Pick<IssuedToken, "by" | "account" | "scopes"> | undefined {
  const { by, account, scopes } = logins.issued.get(calls.at(-1)?.token ?? "") ?? {};
  return by === undefined || account === undefined || scopes === undefined ? undefined : { by, account, scopes };
}

/** Runs a test with a double and a temporary folder. */
async function withFolder(work: (double: GcpDouble, folder: string) => Promise<void>): Promise<void> {
  await using double = await GcpDouble.start();
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/token`, `${double.logins.subjectToken}\n`);
    await work(double, folder);
  });
}

async function keyAuth(double: GcpDouble, folder: string, changes = {}): Promise<GcpAuth> {
  await Deno.writeTextFile(`${folder}/key.json`, await double.logins.keyFile(changes));
  return { method: "service-account-key", keyFile: `${folder}/key.json` };
}

async function federationAuth(double: GcpDouble, folder: string, source: object, changes = {}): Promise<GcpAuth> {
  await Deno.writeTextFile(`${folder}/wif.json`, double.logins.federationFile({ ...source }, changes));
  return { method: "workload-identity", credentialsFile: `${folder}/wif.json` };
}

Deno.test("service-account-key asserts with RS256 for the scope of KMS only, and reports a refusal", () =>
  withFolder(async (double, folder) => {
    const { logins } = double;
    await probeWith(double, await keyAuth(double, folder));
    assert.deepEqual(used(double), { by: "key", account: logins.email, scopes: [scope.kms] });
    const { header, claims } = logins.lastAssertion ?? { header: {}, claims: {} };
    assert.deepEqual(header, { alg: "RS256", typ: "JWT", kid: logins.keyId });
    assert.deepEqual(Object.keys(claims), ["iss", "scope", "iat", "exp", "aud"]);
    assert.equal(Number(claims.exp) - Number(claims.iat), 3600);
    const another = await keyAuth(double, folder, { private_key_id: "another" });
    const sentence = /^Cannot log in with provider "gcp": Google's OAuth answered 400 \(it does not take the service/;
    await assert.rejects(probeWith(double, another), refusedWith("unauthenticated", sentence));
  }));

Deno.test("service-account-key reads its file at each login", () =>
  withFolder(async (double, folder) => {
    const { provider } = await openGcp(double, { auth: await keyAuth(double, folder) });
    await using _provider = provider;
    await provider.probe(patient);
    double.logins.keyId = "the-next-key";
    await keyAuth(double, folder);
    double.logins.revoke();
    await provider.probe(patient);
    assert.equal(double.logins.lastAssertion?.header.kid, "the-next-key");
  }));

Deno.test("a login whose file is missing or has another type is refused with its reason", () =>
  withFolder(async (double, folder) => {
    const auth = await keyAuth(double, folder);
    for (
      const [change, sentence] of [[() => Deno.remove(`${folder}/key.json`), /key\.json cannot be read/], [
        () => Deno.writeTextFile(`${folder}/key.json`, "{}"),
        /key\.json holds no credentials of type service_account/,
      ]] as const
    ) {
      await keyAuth(double, folder);
      await using provider = (await openGcp(double, { auth })).provider;
      await change();
      await assert.rejects(provider.probe(patient), refusedWith("unauthenticated", sentence));
    }
  }));

Deno.test("in another universe the key's own signature is the token, and no token is requested", () =>
  withFolder(async (double, folder) => {
    double.takesJwt = true;
    const auth = await keyAuth(double, folder, { universe_domain: "cloud.example", token_uri: undefined });
    await probeWith(double, auth, { universeDomain: "cloud.example" });
    assert.equal(double.logins.logins, 0);
    const claims = double.logins.lastAssertion?.claims ?? {};
    assert.deepEqual([claims.sub, claims.aud, claims.scope], [double.logins.email, undefined, scope.kms]);
    const wrong = probeWith(double, auth);
    await assert.rejects(wrong, refusedWith("config", /is for another universe than universeDomain/));
  }));

Deno.test("workload-identity exchanges the token of a file, as text or in JSON, and of a URL with its headers", () =>
  withFolder(async (double, folder) => {
    const { subjectToken } = double.logins;
    await Deno.writeTextFile(`${folder}/token.json`, JSON.stringify({ id_token: subjectToken }));
    const json = (field: string) => ({ format: { type: "json", subject_token_field_name: field } });
    const url = { url: `${double.metadata}/subject-token`, headers: { "X-Asked-By": "trousseau" } };
    const sources = [
      { file: `${folder}/token` },
      { file: `${folder}/token`, format: { type: "text" } },
      { file: `${folder}/token.json`, ...json("id_token") },
      { ...url, ...json("access_token") },
    ];
    for (const source of sources) {
      await probeWith(double, await federationAuth(double, folder, source));
      assert.deepEqual(used(double), { by: "federation", account: "principal://nodes", scopes: [scope.kms] });
    }
    const wrong: readonly (readonly [object, RegExp])[] = [
      [{ file: `${folder}/absent` }, /absent cannot be read: there is no such file/],
      [{ file: `${folder}/token.json`, ...json("token") }, /token\.json holds no token/],
      [{ file: `${folder}/token.json` }, /the Security Token Service answered 400 \(the pool does not take this token/],
      [{ file: `${folder}/token`, ...json("token") }, /token holds no token/],
      [{ file: "/dev/zero" }, /\/dev\/zero cannot be read: it is no regular file/],
      [{ ...url, headers: {} }, /the token's issuer answered 403 \(it gives no token\)/],
      [{ ...url, ...json("token") }, /the answer of the token's issuer holds no token/],
    ];
    for (const [source, sentence] of wrong) {
      const probing = probeWith(double, await federationAuth(double, folder, source));
      await assert.rejects(probing, refusedWith("unauthenticated", sentence));
    }
    const file = { file: `${folder}/token` };
    const pool = probeWith(double, await federationAuth(double, folder, file, { audience: "//iam.googleapis.com/x" }));
    await assert.rejects(pool, refusedWith("unauthenticated", /there is no such pool or provider/));
  }));

Deno.test("workload-identity uses a new token of its file at the next login", () =>
  withFolder(async (double, folder) => {
    const auth = await federationAuth(double, folder, { file: `${folder}/token` });
    await using provider = (await openGcp(double, { auth })).provider;
    await provider.probe(patient);
    double.logins.subjectToken = "another.token.altogether";
    await Deno.writeTextFile(`${folder}/token`, double.logins.subjectToken);
    double.logins.revoke();
    await provider.probe(patient);
    assert.equal(double.logins.logins, 2);
  }));

Deno.test("workload-identity impersonates the service account that its file names, for the lifetime in the file", () =>
  withFolder(async (double, folder) => {
    const { logins } = double;
    const source = { file: `${folder}/token` };
    const acting = {
      service_account_impersonation_url: logins.impersonationUrl(),
      service_account_impersonation: { token_lifetime_seconds: 2800 },
    };
    await probeWith(double, await federationAuth(double, folder, source, acting));
    assert.deepEqual(used(double), { by: "impersonation", account: logins.kmsUser, scopes: [scope.kms] });
    assert.deepEqual(logins.lastImpersonation, { scope: [scope.kms], lifetime: "2800s" });
    // The token of the pool permits nothing but that.
    assert.deepEqual([...logins.issued.values()].map(({ by, scopes }) => [by, ...scopes]), [
      ["federation", scope.iam],
      ["impersonation", scope.kms],
    ]);
    logins.mayImpersonate = [];
    const probing = probeWith(double, await federationAuth(double, folder, source, acting));
    const sentence = /IAM answered 403 \(the login may not act as that service account.*serviceAccountTokenCreator\)/;
    await assert.rejects(probing, refusedWith("unauthenticated", sentence));
  }));

Deno.test("impersonate impersonates a service account with any login, through delegates", () =>
  withFolder(async (double, folder) => {
    const { logins } = double;
    const between = "between@my-project.iam.gserviceaccount.com";
    const impersonate = { serviceAccount: logins.kmsUser, delegates: [between] };
    const ways: readonly (readonly [GcpAuth, string])[] = [
      [await keyAuth(double, folder), "key"],
      [await federationAuth(double, folder, { file: `${folder}/token` }), "federation"],
      [metadataAuth(double), "metadata"],
    ];
    for (const [auth, by] of ways) {
      logins.issued.clear();
      await probeWith(double, auth, { impersonate });
      assert.deepEqual([...logins.issued.values()].map((one) => one.by), [by, "impersonation"]);
      assert.deepEqual(used(double)?.account, logins.kmsUser);
      assert.deepEqual(logins.lastImpersonation?.delegates, [`projects/-/serviceAccounts/${between}`]);
    }
    logins.machineScopes = [scope.kms];
    const probing = probeWith(double, metadataAuth(double), { impersonate });
    await assert.rejects(probing, refusedWith("unauthenticated", /IAM answered 403/));
  }));

Deno.test("metadata-server uses the machine's service account, and trusts no other server at its address", async () => {
  await using double = await GcpDouble.start();
  const { logins } = double;
  for (const account of ["default", logins.machine]) {
    await probeWith(double, metadataAuth(double, account));
    assert.deepEqual(used(double), { by: "metadata", account: logins.machine, scopes: [scope.all] });
  }
  const none = probeWith(double, metadataAuth(double, "none@my-project.iam.gserviceaccount.com"));
  await assert.rejects(none, refusedWith("unauthenticated", /this machine has no such service account/));
  logins.machineScopes = ["https://www.googleapis.com/auth/devstorage.read_only"];
  await assert.rejects(probeWith(double, metadataAuth(double)), refusedWith("permission_denied", /access scopes/));
  logins.flavored = false;
  const other = probeWith(double, metadataAuth(double));
  await assert.rejects(other, refusedWith("provider_protocol", /is none of Google's/));
});

Deno.test("application-default uses the configured file, of either type, otherwise the metadata server", () =>
  withFolder(async (double, folder) => {
    const { metadata } = double;
    await keyAuth(double, folder);
    await federationAuth(double, folder, { file: `${folder}/token` });
    const ways: readonly (readonly [GcpAuth, string])[] = [
      [{ method: "application-default", credentialsFile: `${folder}/key.json`, metadata }, "key"],
      [{ method: "application-default", credentialsFile: `${folder}/wif.json`, metadata }, "federation"],
      [{ method: "application-default", metadata }, "metadata"],
    ];
    for (const [auth, by] of ways) {
      await probeWith(double, auth);
      assert.equal(used(double)?.by, by);
    }
  }));

Deno.test("a login that hangs or breaks off ends with the caller's deadline or reports it", async () => {
  await using double = await GcpDouble.start();
  const silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  {
    const metadata = `http://127.0.0.1:${silent.addr.port}`;
    const auth = { method: "metadata-server", metadata, serviceAccount: "default" } as const;
    await using provider = (await openGcp(double, { auth })).provider;
    await assert.rejects(provider.probe(within(60)), refusedWith("deadline_exceeded"));
  }
  silent.close();
  for (const half of ["", 'HTTP/1.1 200 OK\r\nmetadata-flavor: Google\r\ncontent-length: 99\r\n\r\n{"access_token":']) {
    await using raw = new RawDouble(half);
    const auth = { method: "metadata-server", metadata: raw.address, serviceAccount: "default" } as const;
    const sentence = /the metadata server at .* closed the connection/;
    await assert.rejects(probeWith(double, auth), refusedWith("unreachable", sentence));
  }
});

Deno.test("a login continues after its first caller has gone, and serves the next one", async () => {
  await using double = await GcpDouble.start();
  let asked = 0;
  await using slow = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async () => {
    asked++;
    await pause(150);
    const body = { access_token: double.logins.give(), expires_in: 3600 };
    return Response.json(body, { headers: { "metadata-flavor": "Google" } });
  });
  const metadata = `http://127.0.0.1:${slow.addr.port}`;
  const auth = { method: "metadata-server", metadata, serviceAccount: "default" } as const;
  await using provider = (await openGcp(double, { auth })).provider;
  await assert.rejects(provider.probe(within(60)), refusedWith("deadline_exceeded"));
  await provider.probe(patient);
  assert.equal(asked, 1);
});

/** Possible responses of each server of a login, and the codes of the errors. */
const answers: readonly (readonly [status: number, body: unknown, code: string])[] = [
  [200, {}, "provider_protocol"],
  [200, { access_token: "t" }, "provider_protocol"],
  [200, { access_token: "t", expires_in: "soon", expireTime: "soon" }, "provider_protocol"],
  [200, { access_token: "line\nbreak", expires_in: 60 }, "provider_protocol"],
  [404, {}, "unreachable"],
  [400, {}, "provider_protocol"],
  [429, {}, "throttled"],
  [500, { error: "internal" }, "unreachable"],
  [503, {}, "unreachable"],
  [302, {}, "provider_protocol"],
];

for (const [status, body, code] of answers) {
  Deno.test(`a login that is answered ${status} ${JSON.stringify(body)} is ${code}, for every server`, () =>
    withFolder(async (double, folder) => {
      await using server = Deno.serve(
        { hostname: "127.0.0.1", port: 0, onListen() {} },
        () => Response.json(body, { status, headers: { location: "https://elsewhere.example/" } }),
      );
      const origin = `http://127.0.0.1:${server.addr.port}`;
      const { endpoint } = double;
      const key = await keyAuth(double, folder);
      const federation = await federationAuth(double, folder, { file: `${folder}/token` });
      const impersonate = { serviceAccount: double.logins.kmsUser, delegates: [] };
      const ways: readonly (readonly [GcpAuth, Partial<GcpKmsSettings>])[] = [
        [key, { endpoints: { kms: endpoint, oauth: origin } }],
        [federation, { endpoints: { kms: endpoint, sts: origin } }],
        [metadataAuth(double), { endpoints: { kms: endpoint, iam: origin }, impersonate }],
      ];
      for (const [auth, changes] of ways) {
        await assert.rejects(
          probeWith(double, auth, changes),
          refusedWith(code, /^Cannot log in with provider "gcp": /),
        );
      }
      assert.deepEqual(double.calls, [], "KMS is asked for nothing");
    }));
}

Deno.test("logins and what follows them show no secret in any error or event", () =>
  withFolder(async (double, folder) => {
    const events: Event[] = [];
    const errors: unknown[] = [];
    const auth = await keyAuth(double, folder);
    const settings = gcpSettings(double, { auth });
    await using provider = await openGcpKms(settings, { notify: (event) => events.push(event) });
    const attempt = (call: CallOptions) => provider.probe(call).catch((error) => errors.push(error, error.cause));
    await attempt(patient);
    const tokens = [...double.logins.issued.keys()];
    for (const kind of ["refused_login", "hang"] as const) {
      double.fault = { kind };
      await attempt(kind === "hang" ? within(200) : patient);
    }
    double.fault = { kind: "status", status: 403 };
    await attempt(patient);
    const seen = Deno.inspect({ provider, events, errors, settings }, { depth: 9, showHidden: true }) +
      JSON.stringify({ events, errors });
    assert.ok(errors.length >= 4 && tokens.length > 0);
    const pem: string = JSON.parse(await double.logins.keyFile()).private_key;
    for (const secret of [pem.slice(60, 120), ...tokens]) assert.ok(!seen.includes(secret));
  }));

for (const hours of [3, -3]) {
  Deno.test(`a clock of this machine that is ${-hours} h ahead of Google's does not prevent a login`, () =>
    withFolder(async (double, folder) => {
      double.advance(hours * 3600);
      const { kmsUser } = double.logins;
      const ways: readonly [GcpAuth, Partial<GcpKmsSettings>][] = [
        [await keyAuth(double, folder), {}],
        [await keyAuth(double, folder), { impersonate: { serviceAccount: kmsUser, delegates: [] } }],
      ];
      for (const [auth, changes] of ways) {
        const { provider, events } = await openGcp(double, { auth, ...changes });
        await using open = provider;
        await open.probe(patient);
        const logins = events.filter((event) => event.type === "login");
        assert.deepEqual(logins.map(({ result }) => result), ["ok"]);
        const ends = events.flatMap((event) => event.type === "token_lifetime" ? [event.expiresAt ?? Infinity] : []);
        for (const end of ends) {
          const left = end - systemClock.now();
          assert.ok(left > 0 && left <= 3_600_000, `${left} ms`);
        }
      }
    }));
}
