import assert from "node:assert/strict";
import { AwsDouble } from "../../../tests/support/aws_double.ts";
import { type Issued, role } from "../../../tests/support/aws_logins.ts";
import { awsSettings, keyAuth, openAws } from "../../../tests/support/aws_settings.ts";
import { FakeClock } from "../../../tests/support/fake_clock.ts";
import { freePort } from "../../../tests/support/processes.ts";
import { inFolder } from "../../../tests/support/temporary_folder.ts";
import { RawDouble } from "../../../tests/support/vault_double.ts";
import { MemorySecret, patient, refusedWith, within } from "../../../tests/support/vault_settings.ts";
import type { Event } from "../../telemetry/events.ts";
import type { CallOptions } from "../provider.ts";
import { openAwsKms } from "./provider.ts";
import type { AssumedRole, AwsAuth, AwsKmsSettings } from "./settings.ts";
import { assumeRole, containerAuth, webAuth } from "../../../tests/support/aws_auth.ts";

/** The login that issued the credentials of the last call, according to the double. */
function proven({ calls, logins }: AwsDouble): Issued["by"] | undefined {
  return logins.issued.get(calls.at(-1)?.accessKeyId ?? "")?.by;
}

async function probeWith(double: AwsDouble, changes: Partial<AwsKmsSettings>, call = patient): Promise<void> {
  await using provider = (await openAws(double, changes)).provider;
  await provider.probe(call);
}

Deno.test("an access key signs requests, and errors about it name the cause", async () => {
  await using double = await AwsDouble.start();
  await probeWith(double, { auth: keyAuth(double) });
  assert.equal(proven(double), "user");
  const cases: readonly (readonly [changes: object, sentence: RegExp])[] = [
    [
      { secretAccessKey: new MemorySecret("wrong") },
      /^Cannot probe with provider "aws": AWS KMS answered 400 InvalidSignatureException \(the secret access key is not/,
    ],
    [
      { accessKeyId: new MemorySecret("AKIAUNKNOWN") },
      /UnrecognizedClientException \(it does not know the access key\)/,
    ],
    [{ sessionToken: new MemorySecret("stale") }, /UnrecognizedClientException/],
    [{ secretAccessKey: new MemorySecret(undefined) }, /file \/etc\/trousseau\/secret cannot be read/],
    [{ accessKeyId: new MemorySecret("two words") }, /holds no AWS credentials/],
  ];
  for (const [changes, sentence] of cases) {
    const probing = probeWith(double, { auth: keyAuth(double, changes) });
    await assert.rejects(probing, refusedWith("unauthenticated", sentence));
  }
});

Deno.test("an access key that is replaced in its file is used while the plugin runs", async () => {
  await using double = await AwsDouble.start();
  const secretAccessKey = new MemorySecret(double.logins.secretAccessKey);
  await using provider = (await openAws(double, { auth: keyAuth(double, { secretAccessKey }) })).provider;
  await provider.probe(patient);
  const { accessKeyId } = double.logins;
  const known = double.logins.issued.get(accessKeyId) ?? assert.fail();
  double.logins.issued.set(accessKeyId, { ...known, secretAccessKey: "replaced" });
  secretAccessKey.value = "replaced";
  await provider.probe(patient);
});

Deno.test("assumeRole assumes a role with any credentials, and reports a refusal", async () => {
  await using double = await AwsDouble.start();
  const ways = [keyAuth(double), containerAuth(double), webAuth(double)];
  for (const auth of ways) {
    await probeWith(double, { auth, assumeRole });
    assert.equal(proven(double), "assume-role");
    assert.equal(double.logins.issued.get(double.calls.at(-1)?.accessKeyId ?? "")?.session, "node-1");
  }
  const refused: readonly Partial<AssumedRole>[] = [{ externalId: "wrong" }, { roleArn: `${role.arn}2` }];
  for (const changes of refused) {
    const probing = probeWith(double, { assumeRole: { ...assumeRole, ...changes } });
    const sentence =
      /^Cannot log in with provider "aws": AWS STS answered 403 AccessDenied \(the role does not trust this login/;
    await assert.rejects(probing, refusedWith("unauthenticated", sentence));
  }
});

Deno.test("web-identity exchanges a token that is read at each login", async () => {
  await using double = await AwsDouble.start();
  const token = new MemorySecret("wrong");
  const auth = webAuth(double, { token });
  const refused = refusedWith(
    "unauthenticated",
    /STS answered 400 InvalidIdentityTokenException \(the token is not one of/,
  );
  await assert.rejects(probeWith(double, { auth }), refused);
  token.value = double.logins.webToken;
  await probeWith(double, { auth });
  assert.equal(proven(double), "web-identity");
  token.value = undefined;
  await assert.rejects(probeWith(double, { auth }), refusedWith("unauthenticated", /secret cannot be read/));
});

Deno.test("instance-metadata uses version 2, and reports settings that the machine lacks", async () => {
  await using double = await AwsDouble.start();
  const auth: AwsAuth = { method: "instance-metadata", metadata: double.metadata };
  await probeWith(double, { auth });
  assert.equal(proven(double), "instance");
  double.logins.instanceRole = undefined;
  const none = refusedWith("unauthenticated", /the metadata service answered 404 \(this machine has no role\)/);
  await assert.rejects(probeWith(double, { auth }), none);
});

Deno.test("container sends its token, which is read at each login, and no token if none is configured", async () => {
  await using double = await AwsDouble.start();
  await probeWith(double, { auth: containerAuth(double) });
  assert.equal(proven(double), "container");
  const token = new MemorySecret("wrong");
  const refused = refusedWith("unauthenticated", /the container's agent answered 401 \(it refuses the container/);
  await assert.rejects(probeWith(double, { auth: containerAuth(double, { token }) }), refused);
  await assert.rejects(probeWith(double, { auth: containerAuth(double, { token: undefined }) }), refused);
});

Deno.test("a profile whose credentials are issued by a server is checked without a warning", async () => {
  await using double = await AwsDouble.start();
  const { logins } = double;
  await inFolder(async (folder) => {
    const configFile = `${folder}/config`;
    await Deno.writeTextFile(`${folder}/token`, logins.webToken);
    await Deno.writeTextFile(
      configFile,
      `[profile a]\nrole_arn = ${role.arn}\nweb_identity_token_file = ${folder}/token\n`,
    );
    const auth: AwsAuth = { method: "profile", profile: "a", configFile, metadata: double.metadata };
    const clock = new FakeClock();
    const { provider, events } = await openAws(double, { auth }, clock);
    await using _provider = provider;
    for (let look = 0; look < 3; look++) {
      await provider.probe(patient);
      await clock.advance(2_000);
    }
    assert.deepEqual(events.filter(({ type }) => type === "lifecycle"), []);
    assert.equal(events.filter(({ type }) => type === "login").length, 1);
  });
});

Deno.test("a profile supports each of its sources, and its files are read at each login", async () => {
  await using double = await AwsDouble.start();
  const { logins, metadata } = double;
  const key = `aws_access_key_id = ${logins.accessKeyId}\naws_secret_access_key = ${logins.secretAccessKey}\n`;
  await inFolder(async (folder) => {
    const configFile = `${folder}/config`;
    await Deno.writeTextFile(`${folder}/token`, logins.webToken);
    const assumed = `role_arn = ${role.arn}\nexternal_id = ${role.externalId}\n`;
    const ways = {
      "user": key,
      "assume-role": `${assumed}source_profile = b\n[profile b]\n${key}`,
      "web-identity": `role_arn = ${role.arn}\nweb_identity_token_file = ${folder}/token\n`,
    };
    const auth: AwsAuth = { method: "profile", profile: "a", configFile, metadata };
    for (const [by, fields] of Object.entries(ways)) {
      await Deno.writeTextFile(configFile, `[profile a]\n${fields}`);
      await probeWith(double, { auth });
      assert.equal(proven(double), by);
    }
    await Deno.writeTextFile(configFile, `[profile a]\n${assumed}credential_source = Ec2InstanceMetadata\n`);
    await using provider = (await openAws(double, { auth })).provider;
    await provider.probe(patient);
    assert.equal(proven(double), "assume-role");
    assert.ok([...logins.issued.values()].some(({ by }) => by === "instance"));
    await Deno.writeTextFile(configFile, "[profile b]\n");
    logins.revoke();
    const sentence = /^Cannot log in with provider "aws": profile "a" in the AWS files is not there\.$/;
    await assert.rejects(provider.probe(patient), refusedWith("unauthenticated", sentence));
    await assert.rejects(openAws(double, { auth }), refusedWith("config", /^Cannot open provider "aws": profile "a"/));
  });
});

/** A server that gives the same response to every request. */
function answering(status: number, text: string, seen: string[] = []) {
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, ({ method, url }) => {
    seen.push(`${method} ${new URL(url).pathname}`);
    return new Response(text, { status });
  });
}

/** The servers of logins, with settings that direct each to an origin. */
const servers: Readonly<Record<string, (double: AwsDouble, origin: string) => Partial<AwsKmsSettings>>> = {
  "AWS STS, for a role": (_double, origin) => ({ stsEndpoint: origin, assumeRole }),
  "AWS STS, for a token": (double, origin) => ({ stsEndpoint: origin, auth: webAuth(double) }),
  "the metadata service": (_double, origin) => ({ auth: { method: "instance-metadata", metadata: origin } }),
  "the container's agent": (double, origin) => ({ auth: containerAuth(double, { url: `${origin}/container` }) }),
};

for (const [what, leadTo] of Object.entries(servers)) {
  const name = what.split(",")[0] ?? "";

  Deno.test(`a login at ${what}: refused connections, half answers and errors of its own are unreachable`, async () => {
    await using double = await AwsDouble.start();
    const closed = `http://127.0.0.1:${freePort()}`;
    const sentence = new RegExp(`^Cannot log in with provider "aws": ${name} at ${closed} refused the connection\\.$`);
    await assert.rejects(probeWith(double, leadTo(double, closed)), refusedWith("unreachable", sentence));
    await using half = new RawDouble("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{");
    await assert.rejects(probeWith(double, leadTo(double, half.address)), refusedWith("unreachable", new RegExp(name)));
    for (const status of [500, 503]) {
      await using broken = answering(status, "<html>sorry</html>");
      const origin = `http://127.0.0.1:${broken.addr.port}`;
      const sentence = new RegExp(`${name} answered ${status} `);
      await assert.rejects(probeWith(double, leadTo(double, origin)), refusedWith("unreachable", sentence));
    }
    await using busy = answering(429, "");
    const throttled = refusedWith("throttled", new RegExp(`${name} answered 429 \\(too many requests\\)`));
    await assert.rejects(probeWith(double, leadTo(double, `http://127.0.0.1:${busy.addr.port}`)), throttled);
  });

  Deno.test(`a login at ${what}: callers of a login that hangs end at their own deadline, and no request is sent twice`, async () => {
    await using double = await AwsDouble.start();
    let asked = 0;
    const held: Deno.Conn[] = [];
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const accepting = (async () => {
      for await (const connection of listener) {
        asked++;
        held.push(connection);
      }
    })();
    try {
      await using provider = (await openAws(double, leadTo(double, `http://127.0.0.1:${listener.addr.port}`))).provider;
      const calls = [1, 2, 3].map(() => assert.rejects(provider.probe(within(150)), refusedWith("deadline_exceeded")));
      await Promise.all(calls);
      assert.equal(asked, 1);
    } finally {
      listener.close();
      for (const connection of held) connection.close();
      await accepting;
    }
  });

  Deno.test(`a login at ${what}: an invalid answer gives no credentials`, async () => {
    await using double = await AwsDouble.start();
    const later = new Date(Date.now() + 3_600_000).toISOString();
    const texts = [
      "",
      "null",
      "[]",
      "{}",
      "<html>welcome</html>",
      "<AssumeRoleResponse></AssumeRoleResponse>",
      `{"Code":"Success","AccessKeyId":"AKIA1","SecretAccessKey":"two\\nlines","Token":"t","Expiration":"${later}"}`,
      '{"Code":"Success","AccessKeyId":"AKIA1","SecretAccessKey":"s","Token":"t","Expiration":"soon"}',
      "x".repeat(2 << 20),
    ];
    for (const text of texts) {
      await using server = answering(200, text);
      const error = await probeWith(double, leadTo(double, `http://127.0.0.1:${server.addr.port}`)).then(
        () => assert.fail(`${text.slice(0, 80)} gave credentials`),
        (thrown) => thrown,
      );
      const told = `${text.slice(0, 80)}: ${error.code} ${error.message}`;
      assert.ok(["provider_protocol", "unauthenticated"].includes(error.code), told);
      assert.match(error.message, /^Cannot log in with provider "aws": [^\n]{1,200}\.$/, told);
    }
    assert.deepEqual(double.calls, []);
  });
}

Deno.test("the metadata service gets no request without its token, and a malformed role name is not used in a path", async () => {
  await using double = await AwsDouble.start();
  const seen: string[] = [];
  await using odd = answering(200, "../../user-data", seen);
  const auth: AwsAuth = { method: "instance-metadata", metadata: `http://127.0.0.1:${odd.addr.port}` };
  const sentence = /the answer of the metadata service is not what was asked for/;
  await assert.rejects(probeWith(double, { auth }), refusedWith("provider_protocol", sentence));
  assert.deepEqual(seen, ["PUT /latest/api/token", "GET /latest/meta-data/iam/security-credentials/"]);
  seen.length = 0;
  await using old = answering(404, "", seen);
  const older: AwsAuth = { method: "instance-metadata", metadata: `http://127.0.0.1:${old.addr.port}` };
  await assert.rejects(probeWith(double, { auth: older }), refusedWith("unauthenticated", /version 2 is needed/));
  assert.deepEqual(seen, ["PUT /latest/api/token"]);
});

Deno.test("logins and what follows them show no secret in any error or event", async () => {
  await using double = await AwsDouble.start();
  const events: Event[] = [];
  const errors: unknown[] = [];
  const settings = awsSettings(double, { auth: webAuth(double), assumeRole });
  await using provider = await openAwsKms(settings, { notify: (event) => events.push(event) });
  const attempt = (call: CallOptions) => provider.probe(call).catch((error) => errors.push(error, error.cause));
  await attempt(patient);
  for (const kind of ["refused_login", "hang", "half"] as const) {
    double.fault = { kind };
    await attempt(kind === "hang" ? within(300) : patient);
  }
  const { logins } = double;
  const secrets = [
    logins.webToken,
    ...[...logins.issued.values()].flatMap((one) => [one.secretAccessKey, one.sessionToken]),
  ];
  const seen = Deno.inspect({ provider, events, errors }, { depth: 9, showHidden: true }) +
    JSON.stringify({ events, errors });
  assert.ok(errors.length >= 6 && secrets.length >= 4);
  for (const secret of secrets) assert.ok(secret === undefined || !seen.includes(secret));
});
