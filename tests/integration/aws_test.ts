/**
 * The program as a process with the permissions of the binary, on a key in a double of AWS.
 *
 * @module
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { permissionFlags } from "../../deploy/compile/artefacts.ts";
import { dialKms } from "../../lib/api/kms/client.ts";
import { AwsDouble } from "../support/aws_double.ts";
import { role } from "../support/aws_logins.ts";
import { Process, run, waitFor } from "../support/processes.ts";
import { never } from "../support/plugin.ts";

const main = fileURLToPath(new URL("../../main.ts", import.meta.url));

interface Stage extends AsyncDisposable {
  readonly double: AwsDouble;
  readonly folder: string;
  /** Runs `check --json` with these lines inside the provider. */
  check(lines: string, env?: Env): Promise<{ readonly code: number; readonly stdout: string; readonly output: string }>;
  /** Starts `serve` with them. */
  serve(lines: string, env?: Env): Promise<Process>;
}

type Env = Readonly<Record<string, string>>;

// The default sources of AWS's library do not exist, so that a test fails if they are used.
const traps = { AWS_PROFILE: "none", AWS_CONFIG_FILE: "/dev/null/x", AWS_ENDPOINT_URL: "http://127.0.0.1:9" };

async function stage(): Promise<Stage> {
  const double = await AwsDouble.start();
  const folder = await Deno.makeTempDir();
  const config = `${folder}/trousseau.yaml`;
  const args = async (command: readonly string[], lines: string) => {
    const text = `socket: { path: ${folder}/kms.sock }
state: ${folder}/state
telemetry: { listen: off, audit: off }
providers:
  - name: aws
    kind: aws-kms
    key: ${double.arn}
    endpoint: ${double.endpoint}
    stsEndpoint: ${double.endpoint}
    ${lines}
`;
    await Deno.writeTextFile(config, text);
    const flags = [...permissionFlags(), `--allow-write=${folder}`];
    return ["run", "--quiet", ...flags, main, ...command, "--config", config];
  };
  return {
    double,
    folder,
    async check(lines, env = {}) {
      const options = { env: { ...traps, ...env } };
      const { code, stdout, stderr } = await run(Deno.execPath(), await args(["check", "--json"], lines), options);
      return { code, stdout, output: stdout + stderr };
    },
    async serve(lines, env = {}) {
      const command = Deno.execPath();
      return new Process({ name: "trousseau", command, args: await args(["serve"], lines), env: { ...traps, ...env } });
    },
    async [Symbol.asyncDispose]() {
      await double[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

Deno.test("check tests a key in AWS with each login method, with the permissions of the binary", async () => {
  await using aws = await stage();
  const { double: { logins, metadata, arn, keys }, folder } = aws;
  const { accessKeyId, secretAccessKey } = logins;
  await Deno.writeTextFile(`${folder}/token`, logins.webToken);
  await Deno.writeTextFile(`${folder}/agent`, logins.containerToken);
  await Deno.writeTextFile(
    `${folder}/credentials`,
    `[base]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`,
  );
  await Deno.writeTextFile(
    `${folder}/config`,
    `[profile node]\nrole_arn = ${role.arn}\nsource_profile = base\nexternal_id = ${role.externalId}\n`,
  );
  const user = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
  const assume = `assumeRole: { roleArn: "${role.arn}", externalId: "${role.externalId}", sessionName: node-1 }`;
  const ways: readonly (readonly [by: string, lines: string, env: Record<string, string>])[] = [
    [
      "user",
      `auth: { method: access-key, accessKeyId: ${accessKeyId}, secretAccessKey: { variable: TROUSSEAU_SECRET_A } }`,
      {
        TROUSSEAU_SECRET_A: secretAccessKey,
      },
    ],
    ["user", "auth: { method: environment }", user],
    ["assume-role", `auth: { method: environment }\n    ${assume}`, user],
    ["user", "auth: { method: profile, profile: base, credentialsFile: credentials }", {}],
    [
      "assume-role",
      "auth: { method: profile, profile: node, credentialsFile: credentials, configFile: config }",
      {},
    ],
    ["web-identity", "auth: { method: web-identity }", {
      AWS_ROLE_ARN: role.arn,
      AWS_WEB_IDENTITY_TOKEN_FILE: `${folder}/token`,
    }],
    ["container", "auth: { method: container }", {
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${metadata}/container`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: `${folder}/agent`,
    }],
  ];
  for (const [by, lines, env] of ways) {
    aws.double.calls.length = 0;
    const { code, stdout, output } = await aws.check(lines, env);
    assert.equal(code, 0, `${lines}\n${output}`);
    const { providers: [provider] } = JSON.parse(stdout);
    assert.equal(provider.version, `${arn}#${keys.materials(arn).at(-1)}`);
    for (const { accessKeyId: used } of aws.double.calls) assert.equal(logins.issued.get(used)?.by, by, lines);
    const secrets = [...logins.issued.values()].flatMap((one) => [one.secretAccessKey, one.sessionToken ?? "-none-"]);
    for (const secret of [...secrets, logins.webToken, logins.containerToken]) assert.ok(!output.includes(secret));
  }
});

Deno.test("check states in one sentence why a key in AWS cannot be used, and exits with 77 if it is refused", async () => {
  await using aws = await stage();
  const { logins, arn, keys } = aws.double;
  const auth = "auth: { method: environment }";
  const user = { AWS_ACCESS_KEY_ID: logins.accessKeyId, AWS_SECRET_ACCESS_KEY: logins.secretAccessKey };
  const wrong = await aws.check(auth, { ...user, AWS_SECRET_ACCESS_KEY: "wrong" });
  assert.equal(wrong.code, 77, wrong.output);
  assert.match(wrong.output, /AWS KMS answered 400 InvalidSignatureException \(the secret access key is not the one/);
  keys.change(arn, { state: "PendingDeletion" });
  const deleted = await aws.check(auth, user);
  assert.equal(deleted.code, 77, deleted.output);
  assert.match(deleted.output, /Cannot probe with provider \\"aws\\": the key is disabled, pending deletion/);
});

Deno.test("a profile that needs a process is refused at the start with exit status 78, and no process is started", async () => {
  await using aws = await stage();
  await Deno.writeTextFile(
    `${aws.folder}/config`,
    `[default]\ncredential_process = /bin/touch ${aws.folder}/touched\n`,
  );
  const { code, output } = await aws.check("auth: { method: profile, configFile: config }");
  assert.equal(code, 78, output);
  assert.match(output, /profile \\"default\\" in the AWS files wants a process started, which Trousseau never does/);
  await assert.rejects(Deno.stat(`${aws.folder}/touched`));
  assert.deepEqual(aws.double.calls, []);
});

Deno.test("serve renews credentials while it runs, without the permissions that it revoked at its start", async () => {
  await using aws = await stage();
  const { logins, metadata } = aws.double;
  logins.lifetime = 2;
  await Deno.writeTextFile(`${aws.folder}/agent`, logins.containerToken);
  const auth = `auth: { method: container, url: "${metadata}/container", tokenFile: agent }`;
  const assume = `assumeRole: { roleArn: "${role.arn}", externalId: "${role.externalId}" }`;
  await using plugin = await aws.serve(`${auth}\n    ${assume}\n    encryptionContext: { cluster: prod }`);
  const path = `${aws.folder}/kms.sock`;
  const soon = { timeoutMs: 30_000, everyMs: 20, alive: [plugin] };
  await waitFor("the socket", async () => (await Deno.stat(path)).isSocket, soon);
  await using client = dialKms(path);
  const call = { signal: never };
  const encrypt = () => client.v2.Encrypt({ plaintext: new Uint8Array(32).fill(1), uid: "a" }, call);
  const { value: sealed } = await waitFor("an Encrypt", encrypt, soon);
  const before = logins.logins;
  // A login is two requests: the agent's and the role's.
  await waitFor("three more logins", () => logins.logins >= before + 6, soon);
  logins.revoke();
  aws.double.calls.length = 0;
  // Each Encrypt causes a wrap of the next data key, with the present credentials.
  await encrypt();
  const wrapped = () =>
    aws.double.calls.some(({ operation, accessKeyId }) =>
      operation === "Decrypt" && logins.issued.get(accessKeyId)?.by === "assume-role"
    );
  await waitFor("a wrap", wrapped, soon);
  const opened = await client.v2.Decrypt({ ...sealed, uid: "b" }, call);
  assert.deepEqual(new Uint8Array(opened.plaintext), new Uint8Array(32).fill(1));
  assert.equal((await plugin.stop()).code, 0);
  assert.ok(!plugin.output.includes(logins.containerToken));
});
