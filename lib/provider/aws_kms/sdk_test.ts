import assert from "node:assert/strict";
import { DescribeKeyCommand, EncryptCommand, KMSClient } from "@aws-sdk/client-kms";
import { AssumeRoleCommand, AssumeRoleWithWebIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { isSignedBy, scopeOf } from "../../../tests/support/sigv4.ts";
import { patient } from "../../../tests/support/vault_settings.ts";
import { utf8, utf8Text } from "../../base/bytes.ts";
import { KmsError } from "../../base/errors.ts";
import type { Server } from "../../net/https/client.ts";
import type { HttpAnswer, HttpRequest } from "../../net/https/endpoint.ts";
import { AwsKeys } from "./credentials.ts";
import { sdkCall, sdkConfig, SdkTransport } from "./sdk.ts";
import type { AwsKmsSettings } from "./settings.ts";

const keys = { accessKeyId: "AKIAEXAMPLE", secretAccessKey: "secret", sessionToken: "token" };
const call = { ...patient, action: "try it" };

/** Responds with a given text, and records requests. */
class Recorder {
  readonly asked: { readonly server: Server; readonly request: HttpRequest }[] = [];
  readonly #answer: () => { readonly status: number; readonly text: string };

  constructor(answer = () => ({ status: 200, text: "{}" })) {
    this.#answer = answer;
  }

  ask(server: Server, request: HttpRequest): Promise<HttpAnswer> {
    this.asked.push({ server, request });
    const { status, text } = this.#answer();
    const headers = { "content-type": text.startsWith("<") ? "text/xml" : "application/x-amz-json-1.1" };
    return Promise.resolve({ status, bytes: utf8(text), body: undefined, retryAfterMs: undefined, headers });
  }
}

function settings(changes: Partial<AwsKmsSettings>): AwsKmsSettings {
  return {
    kind: "aws-kms",
    name: "aws",
    key: "alias/kubernetes",
    region: "eu-central-1",
    encryptionContext: {},
    fips: false,
    dualStack: false,
    auth: { method: "instance-metadata", metadata: "http://169.254.169.254" },
    tls: {},
    ...changes,
  };
}

function kms(http: Recorder, changes: Partial<AwsKmsSettings> = {}): KMSClient {
  const all = settings(changes);
  return new KMSClient(sdkConfig(all, all.endpoint, new SdkTransport(http, "AWS KMS"), new AwsKeys(keys)));
}

function sts(http: Recorder, changes: Partial<AwsKmsSettings> = {}): STSClient {
  const all = settings(changes);
  return new STSClient(sdkConfig(all, all.stsEndpoint, new SdkTransport(http, "AWS STS"), new AwsKeys(keys)));
}

const assumed = "<AssumeRoleResponse><AssumeRoleResult></AssumeRoleResult></AssumeRoleResponse>";
const role = { RoleArn: "arn:aws:iam::111122223333:role/r", RoleSessionName: "trousseau" };

const places: readonly (readonly [changes: Partial<AwsKmsSettings>, kms: string, sts: string])[] = [
  [{}, "https://kms.eu-central-1.amazonaws.com", "https://sts.eu-central-1.amazonaws.com"],
  [
    { region: "us-east-1", fips: true },
    "https://kms-fips.us-east-1.amazonaws.com",
    "https://sts-fips.us-east-1.amazonaws.com",
  ],
  [{ dualStack: true }, "https://kms.eu-central-1.api.aws", "https://sts.eu-central-1.api.aws"],
  [
    { region: "us-east-1", fips: true, dualStack: true },
    "https://kms-fips.us-east-1.api.aws",
    "https://sts-fips.us-east-1.api.aws",
  ],
  [{ region: "cn-north-1" }, "https://kms.cn-north-1.amazonaws.com.cn", "https://sts.cn-north-1.amazonaws.com.cn"],
  [{ region: "us-gov-west-1" }, "https://kms.us-gov-west-1.amazonaws.com", "https://sts.us-gov-west-1.amazonaws.com"],
  [{ region: "eusc-de-east-1" }, "https://kms.eusc-de-east-1.amazonaws.eu", "https://sts.eusc-de-east-1.amazonaws.eu"],
  [
    { endpoint: "https://vpce-1.kms.eu-central-1.vpce.amazonaws.com", stsEndpoint: "http://127.0.0.1:4566" },
    "https://vpce-1.kms.eu-central-1.vpce.amazonaws.com",
    "http://127.0.0.1:4566",
  ],
];

/**
 * The permissions that the SDK may use here: five variables, which it always reads and which are empty because the
 * binary's permissions hide them. Any other access of its own makes these tests fail.
 */
const permissions: Deno.PermissionOptions = {
  env: [
    "AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED",
    "AWS_LAMBDA_FUNCTION_NAME",
    "_X_AMZN_TRACE_ID",
    "AWS_LAMBDA_MAX_CONCURRENCY",
    "AWS_ENABLE_DEFAULT_SOCKET_TIMEOUT_2026",
  ],
};

for (const [changes, kmsOrigin, stsOrigin] of places) {
  Deno.test({
    name: `sdkConfig() leads to ${kmsOrigin} and ${stsOrigin} for ${JSON.stringify(changes)}`,
    permissions,
    async fn() {
      const [one, other] = [new Recorder(), new Recorder(() => ({ status: 200, text: assumed }))];
      await kms(one, changes).send(new DescribeKeyCommand({ KeyId: "x" }), sdkCall(call));
      await sts(other, changes).send(new AssumeRoleCommand(role), sdkCall(call));
      assert.deepEqual(one.asked.map(({ server }) => server), [{ name: "AWS KMS", origin: kmsOrigin }]);
      assert.deepEqual(other.asked.map(({ server }) => server), [{ name: "AWS STS", origin: stsOrigin }]);
    },
  });
}

Deno.test({
  name: "a command is one signed POST to the Region, and contains nothing about this machine",
  permissions,
  async fn() {
    const http = new Recorder();
    await kms(http).send(new EncryptCommand({ KeyId: "x", Plaintext: Uint8Array.of(1, 2) }), sdkCall(call));
    const [{ request: { method, path, headers, body } } = assert.fail()] = http.asked;
    const text = utf8Text(body?.bytes ?? new Uint8Array()) ?? "";
    assert.deepEqual([method, path, JSON.parse(text)], ["POST", "/", { KeyId: "x", Plaintext: "AQI=" }]);
    const signed = { method, path, headers, body: text };
    assert.deepEqual(scopeOf(signed), { accessKeyId: keys.accessKeyId, region: "eu-central-1", service: "kms" });
    assert.ok(isSignedBy(signed, keys.secretAccessKey) && !isSignedBy(signed, "another"));
    assert.equal(headers["x-amz-security-token"], keys.sessionToken);
    assert.match(headers["user-agent"] ?? "", /^trousseau\//);
    assert.doesNotMatch(headers["user-agent"] ?? "", /os\/|lang\/|md\/|linux|deno/i);
  },
});

Deno.test({
  name: "AssumeRoleWithWebIdentity is not signed, since the token authenticates it",
  permissions,
  async fn() {
    const http = new Recorder(() => ({ status: 200, text: assumed.replaceAll("Role", "RoleWithWebIdentity") }));
    const command = new AssumeRoleWithWebIdentityCommand({ ...role, WebIdentityToken: "a.b.c" });
    await sts(http).send(command, sdkCall(call));
    const { request: { headers, body } } = http.asked[0] ?? assert.fail();
    assert.equal(headers.authorization, undefined);
    assert.equal(headers["x-amz-security-token"], undefined);
    assert.match(
      utf8Text(body?.bytes ?? new Uint8Array()) ?? "",
      /Action=AssumeRoleWithWebIdentity&.*WebIdentityToken=a/,
    );
  },
});

Deno.test({
  name: "a call is made once, whatever the response",
  permissions,
  async fn() {
    for (const status of [400, 429, 500, 503]) {
      const http = new Recorder(() => ({ status, text: '{"__type":"ThrottlingException"}' }));
      await assert.rejects(kms(http).send(new DescribeKeyCommand({ KeyId: "x" }), sdkCall(call)), {
        name: "ThrottlingException",
      });
      assert.equal(http.asked.length, 1);
    }
  },
});

Deno.test({
  name: "errors of the connection are thrown unchanged, and the call is not retried",
  permissions,
  async fn() {
    const broken = new KmsError("unreachable", "Cannot try it: AWS KMS refused the connection.");
    const http = new Recorder(() => {
      throw broken;
    });
    const sent = kms(http).send(new DescribeKeyCommand({ KeyId: "x" }), sdkCall(call));
    await assert.rejects(sent, (error) => error === broken);
    assert.equal(http.asked.length, 1);
  },
});

Deno.test("a command that is sent without its call is an internal error", async () => {
  const http = new Recorder();
  await assert.rejects(kms(http).send(new DescribeKeyCommand({ KeyId: "x" })), TypeError);
  assert.equal(http.asked.length, 0);
});
