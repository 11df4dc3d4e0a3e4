import assert from "node:assert/strict";
import { awsProvider, complaints, type FakeFiles, loadFake } from "../../../tests/support/fake_files.ts";
import type { AwsKmsSettings } from "../../provider/aws_kms/settings.ts";

const id = "1234abcd-12ab-34cd-56ef-1234567890ab";
const arn = `arn:aws:kms:eu-central-1:111122223333:key/${id}`;
const key = `    key: ${arn}`;

async function settings(
  lines: string,
  auth?: string,
  variables?: Record<string, string>,
  fake?: FakeFiles,
): Promise<AwsKmsSettings> {
  const { providers: [provider] } = await loadFake(awsProvider(lines, auth), variables, fake);
  assert.ok(provider?.settings.kind === "aws-kms");
  return provider.settings;
}

Deno.test("awsKmsSettings() requires a key's ARN and a login, and fills in the rest", async () => {
  assert.deepEqual(await settings(key), {
    kind: "aws-kms",
    name: "aws",
    key: arn,
    region: "eu-central-1",
    encryptionContext: {},
    fips: false,
    dualStack: false,
    auth: { method: "instance-metadata", metadata: "http://169.254.169.254" },
    tls: {},
  });
});

Deno.test("awsKmsSettings() accepts every other name of a key, with the Region in its own field if the name has none", async () => {
  const alias = "arn:aws-cn:kms:cn-north-1:111122223333:alias/kubernetes";
  const names = [[id, "eu-west-1"], ["alias/kubernetes", "eu-west-1"], [alias, "cn-north-1"]] as const;
  for (const [name, region] of names) {
    const found = await settings(`    key: ${name}\n    region: ${region}`);
    assert.deepEqual([found.key, found.region], [name, region]);
  }
  assert.equal((await settings(`    key: ${alias}`)).region, "cn-north-1");
});

Deno.test("awsKmsSettings() reads every field except auth", async () => {
  const found = await settings(`${key}
    encryptionContext: { cluster: prod, "team name": "a b" }
    endpoint: https://vpce-1.kms.eu-central-1.vpce.amazonaws.com/
    stsEndpoint: http://127.0.0.1:4566
    assumeRole: { roleArn: "arn:aws:iam::111122223333:role/path/trousseau", externalId: "a:b", sessionName: node-1 }
    tls: { caFile: ca.pem }`);
  assert.deepEqual(found.encryptionContext, { "cluster": "prod", "team name": "a b" });
  assert.equal(found.endpoint, "https://vpce-1.kms.eu-central-1.vpce.amazonaws.com");
  assert.equal(found.stsEndpoint, "http://127.0.0.1:4566");
  const roleArn = "arn:aws:iam::111122223333:role/path/trousseau";
  assert.deepEqual(found.assumeRole, { roleArn, externalId: "a:b", sessionName: "node-1" });
  assert.deepEqual(found.tls, { caFile: "/etc/trousseau/ca.pem" });
  const { fips, dualStack } = await settings(`${key}\n    fips: true\n    dualStack: true`);
  assert.deepEqual([fips, dualStack], [true, true]);
});

const roleArn = "arn:aws:iam::111122223333:role/trousseau";

/** Each method as written, and as settings with the descriptions of its sources. */
const methods: readonly (readonly [written: string, expected: Record<string, unknown>])[] = [
  ["{ method: access-key, accessKeyId: AKIA1, secretAccessKey: { file: token } }", {
    method: "access-key",
    accessKeyId: "the config",
    secretAccessKey: "file /etc/trousseau/token",
  }],
  [
    "{ method: access-key, accessKeyId: { file: token }, secretAccessKey: { file: token }, sessionToken: { file: token } }",
    {
      method: "access-key",
      accessKeyId: "file /etc/trousseau/token",
      secretAccessKey: "file /etc/trousseau/token",
      sessionToken: "file /etc/trousseau/token",
    },
  ],
  ["{ method: profile, credentialsFile: token }", {
    method: "profile",
    profile: "default",
    credentialsFile: "/etc/trousseau/token",
    metadata: "http://169.254.169.254",
  }],
  ["{ method: profile, profile: team kms, configFile: token }", {
    method: "profile",
    profile: "team kms",
    configFile: "/etc/trousseau/token",
    metadata: "http://169.254.169.254",
  }],
  ["{ method: profile, profile: node, configFile: token, credentialsFile: ca.pem }", {
    method: "profile",
    profile: "node",
    configFile: "/etc/trousseau/token",
    credentialsFile: "/etc/trousseau/ca.pem",
    metadata: "http://169.254.169.254",
  }],
  [`{ method: web-identity, roleArn: "${roleArn}", tokenFile: token }`, {
    method: "web-identity",
    roleArn,
    sessionName: "trousseau",
    token: "file /etc/trousseau/token",
  }],
  ["{ method: instance-metadata, ipv6: true }", {
    method: "instance-metadata",
    metadata: "http://[fd00:ec2::254]",
  }],
  ["{ method: container, url: http://169.254.170.23/v1/credentials, tokenFile: token }", {
    method: "container",
    url: "http://169.254.170.23/v1/credentials",
    token: "file /etc/trousseau/token",
  }],
];

function shown(auth: AwsKmsSettings["auth"]): Record<string, unknown> {
  const entries = Object.entries(auth).map(([name, value]) => [name, value.description ?? value]);
  return Object.fromEntries(entries);
}

for (const [written, expected] of methods) {
  Deno.test(`awsKmsSettings() reads auth: ${written}`, async () => {
    assert.deepEqual(shown((await settings(key, written)).auth), expected);
  });
}

/** Environments as AWS's agents set them, and the resulting settings. */
const environments: readonly (readonly [
  auth: string,
  variables: Record<string, string>,
  expected: Record<string, unknown>,
])[] = [
  ["{ method: environment }", { AWS_ACCESS_KEY_ID: "AKIA1", AWS_SECRET_ACCESS_KEY: "s" }, {
    method: "environment",
    accessKeyId: "variable AWS_ACCESS_KEY_ID",
    secretAccessKey: "variable AWS_SECRET_ACCESS_KEY",
  }],
  [
    "{ method: environment }",
    { AWS_ACCESS_KEY_ID: "ASIA1", AWS_SECRET_ACCESS_KEY: "s", AWS_SESSION_TOKEN: "t" },
    {
      method: "environment",
      accessKeyId: "variable AWS_ACCESS_KEY_ID",
      secretAccessKey: "variable AWS_SECRET_ACCESS_KEY",
      sessionToken: "variable AWS_SESSION_TOKEN",
    },
  ],
  [
    "{ method: web-identity }",
    {
      AWS_ROLE_ARN: roleArn,
      AWS_ROLE_SESSION_NAME: "node-1",
      AWS_WEB_IDENTITY_TOKEN_FILE: "/etc/trousseau/token",
    },
    { method: "web-identity", roleArn, sessionName: "node-1", token: "file /etc/trousseau/token" },
  ],
  ["{ method: container }", { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: "/v2/credentials/a?id=1" }, {
    method: "container",
    url: "http://169.254.170.2/v2/credentials/a?id=1",
  }],
  [
    "{ method: container }",
    {
      AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://[fd00:ec2::23]/v1/credentials",
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: "/etc/trousseau/token",
    },
    { method: "container", url: "http://[fd00:ec2::23]/v1/credentials", token: "file /etc/trousseau/token" },
  ],
];

for (const [auth, variables, expected] of environments) {
  Deno.test(`awsKmsSettings() reads ${auth} from ${Object.keys(variables).join(", ")}`, async () => {
    assert.deepEqual(shown((await settings(key, auth, variables)).auth), expected);
  });
}

Deno.test("awsKmsSettings() reads no variable of another method", async () => {
  const variables = {
    AWS_ACCESS_KEY_ID: "AKIA1",
    AWS_SECRET_ACCESS_KEY: "s",
    AWS_REGION: "us-east-1",
    AWS_ENDPOINT_URL: "http://127.0.0.1:9",
    AWS_PROFILE: "other",
    AWS_ROLE_ARN: roleArn,
  };
  assert.deepEqual(await settings(key, undefined, variables), await settings(key));
});

const machine = "{ method: instance-metadata }";
const keyRule = "must be a key's ARN, a key ID, or an alias that begins with alias/";
const url = (text: string) => `{ method: container, url: "${text}" }`;
const agentRule =
  "4:32: providers[0].auth.url: must begin with https://; plain http is taken for loopback and the agents of ECS and EKS";

const mistakes: readonly (readonly [criterion: string, lines: string, auth: string, expected: readonly string[]])[] = [
  ["a key that is none", "    key: kubernetes\n    region: eu-west-1", machine, [`5:5: providers[0].key: ${keyRule}`]],
  ["a key without a Region", `    key: ${id}`, machine, [
    "2:5: providers[0].region: is missing, and the key is not an ARN that would name it",
  ]],
  ["two Regions", `${key}\n    region: eu-west-1`, machine, [
    "6:5: providers[0].region: is not the one in the key's ARN; leave it out",
  ]],
  ["a Region that is none", `    key: ${id}\n    region: https://evil.example`, machine, [
    "6:5: providers[0].region: must be a Region such as eu-central-1",
  ]],
  ["FIPS at an endpoint of one's own", `${key}\n    fips: true\n    endpoint: https://kms.example`, machine, [
    "6:5: providers[0].fips: goes with AWS's own endpoints; leave it out, or endpoint and stsEndpoint",
  ]],
  [
    "dual-stack at an endpoint of one's own",
    `${key}\n    dualStack: true\n    stsEndpoint: https://sts.example`,
    machine,
    [
      "6:5: providers[0].dualStack: goes with AWS's own endpoints; leave it out, or endpoint and stsEndpoint",
    ],
  ],
  ["plain http to elsewhere", `${key}\n    endpoint: http://kms.example`, machine, [
    "6:5: providers[0].endpoint: must begin with https://; plain http is taken for loopback addresses only",
  ]],
  [
    "a context that is too long",
    `${key}\n    encryptionContext: { a: ${"x".repeat(4096)}, b: ${"x".repeat(4096)} }`,
    machine,
    [
      "6:5: providers[0].encryptionContext: is too long; KMS takes 8192 characters",
    ],
  ],
  ["a context that is no text", `${key}\n    encryptionContext: { a: 1 }`, machine, [
    "6:26: providers[0].encryptionContext.a: must be a text in quotes",
  ]],
  ["a role that is none", `${key}\n    assumeRole: { roleArn: trousseau }`, machine, [
    "6:19: providers[0].assumeRole.roleArn: must be a role's ARN such as arn:aws:iam::111122223333:role/trousseau",
  ]],
  ["a secret in the config", key, "{ method: access-key, accessKeyId: AKIA1, secretAccessKey: abc }", [
    "4:53: providers[0].auth.secretAccessKey: must not stand in the config; put it into a file and write { file: PATH }, " +
    "or into a variable and write { variable: NAME }",
  ]],
  ["an unknown method", key, "{ method: instance-metadat }", [
    "4:13: providers[0].auth.method: must be access-key, environment, profile, web-identity, instance-metadata or " +
    'container; did you mean "instance-metadata"?',
  ]],
  ["an environment that is empty", key, "{ method: environment }", [
    "4:13: providers[0].auth.method: AWS_ACCESS_KEY_ID is not set",
    "4:13: providers[0].auth.method: AWS_SECRET_ACCESS_KEY is not set",
  ]],
  ["a profile without a file", key, "{ method: profile }", [
    "4:5: providers[0].auth.credentialsFile: is missing, and so is configFile",
  ]],
  ["a web identity that nobody names", key, "{ method: web-identity }", [
    "4:5: providers[0].auth.roleArn: is missing, and AWS_ROLE_ARN is not set",
    "4:5: providers[0].auth.tokenFile: is missing, and AWS_WEB_IDENTITY_TOKEN_FILE is not set",
  ]],
  ["a container that nobody names", key, "{ method: container }", [
    "4:5: providers[0].auth.url: is missing, and AWS_CONTAINER_CREDENTIALS_FULL_URI and …_RELATIVE_URI are not set",
  ]],
  ["plain http to an agent elsewhere", key, url("http://agent.example/x"), [agentRule]],
  ["an agent that only begins like one", key, url("http://169.254.170.2.example/x"), [agentRule]],
  ["an agent with a name for a login", key, url("http://169.254.170.2:80@agent.example/x"), [
    "4:32: providers[0].auth.url: must be a URL",
  ]],
  ["files that are not there", `${key}\n    tls: { caFile: a }`, "{ method: profile, configFile: b }", [
    "4:30: providers[0].auth.configFile: /etc/trousseau/b is not there",
    "6:12: providers[0].tls.caFile: /etc/trousseau/a is not there",
  ]],
];

for (const [criterion, lines, auth, expected] of mistakes) {
  Deno.test(`awsKmsSettings() reports ${criterion}`, async () => {
    assert.deepEqual((await complaints(awsProvider(lines, auth))).toSorted(), [...expected].toSorted());
  });
}

Deno.test("awsKmsSettings() reports variables with an invalid value", async () => {
  const web = awsProvider(key, "{ method: web-identity, tokenFile: token }");
  const variables = { AWS_ROLE_ARN: "trousseau", AWS_ROLE_SESSION_NAME: "two words" };
  assert.deepEqual(await complaints(web, variables), [
    "4:5: providers[0].auth.roleArn: AWS_ROLE_ARN does not hold one",
    "4:5: providers[0].auth.sessionName: AWS_ROLE_SESSION_NAME does not hold one",
  ]);
  for (const relative of ["@agent.example/x", ".example/x", "80/x"]) {
    const container = awsProvider(key, "{ method: container }");
    const [complaint] = await complaints(container, { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: relative });
    assert.match(complaint ?? "", /providers\[0\]\.auth\.url: must begin with https/, relative);
  }
});
