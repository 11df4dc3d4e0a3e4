/**
 * The program as a process with the permissions of the binary, on a key in a double of Google Cloud.
 *
 * @module
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { permissionFlags } from "../../deploy/compile/artefacts.ts";
import { dialKms } from "../../lib/api/kms/client.ts";
import { GcpDouble, gcpKey } from "../support/gcp_double.ts";
import { never } from "../support/plugin.ts";
import { Process, run, waitFor } from "../support/processes.ts";

const main = fileURLToPath(new URL("../../main.ts", import.meta.url));

type Env = Readonly<Record<string, string>>;

interface Stage extends AsyncDisposable {
  readonly double: GcpDouble;
  readonly folder: string;
  /** Runs `check --json` with these lines inside the provider. */
  check(lines: string, env?: Env): Promise<{ readonly code: number; readonly stdout: string; readonly output: string }>;
  /** Starts `serve` with them. */
  serve(lines: string): Promise<Process>;
}

// The default sources of Google's tools do not exist, so that a test fails if they are used.
const traps = { CLOUDSDK_CONFIG: "/dev/null/x", GCE_METADATA_HOST: "127.0.0.1:9" };

async function stage(): Promise<Stage> {
  const double = await GcpDouble.start();
  const { endpoint } = double;
  const folder = await Deno.makeTempDir();
  const config = `${folder}/trousseau.yaml`;
  const args = async (command: readonly string[], lines: string) => {
    const text = `socket: { path: ${folder}/kms.sock }
state: ${folder}/state
telemetry: { listen: off, audit: off }
providers:
  - name: gcp
    kind: gcp-kms
    key: ${gcpKey}
    endpoint: ${endpoint}
    oauthEndpoint: ${endpoint}
    stsEndpoint: ${endpoint}
    iamEndpoint: ${endpoint}
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
    async serve(lines) {
      const command = Deno.execPath();
      return new Process({ name: "trousseau", command, args: await args(["serve"], lines), env: traps });
    },
    async [Symbol.asyncDispose]() {
      await double[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

Deno.test("check tests a key in Google Cloud with each login method, with the permissions of the binary", async () => {
  await using gcp = await stage();
  const { double: { logins, keys, calls, metadata }, folder } = gcp;
  const acting = { service_account_impersonation_url: logins.impersonationUrl() };
  await Deno.writeTextFile(`${folder}/token`, logins.subjectToken);
  await Deno.writeTextFile(`${folder}/key.json`, await logins.keyFile());
  await Deno.writeTextFile(`${folder}/file.json`, logins.federationFile({ file: `${folder}/token` }));
  await Deno.writeTextFile(`${folder}/acting.json`, logins.federationFile({ file: `${folder}/token` }, acting));
  const url = { url: `${metadata}/subject-token`, headers: { "X-Asked-By": "trousseau" } };
  const format = { type: "json", subject_token_field_name: "access_token" };
  await Deno.writeTextFile(`${folder}/url.json`, logins.federationFile({ ...url, format }));
  const key = "auth: { method: service-account-key, keyFile: key.json }";
  const federation = (file: string) => `auth: { method: workload-identity, credentialsFile: ${file}.json }`;
  const found = { GOOGLE_APPLICATION_CREDENTIALS: `${folder}/key.json` };
  const ways: readonly (readonly [by: string, lines: string, env?: Env])[] = [
    ["key", key],
    ["impersonation", `${key}\n    impersonate: { serviceAccount: ${logins.kmsUser} }`],
    ["federation", federation("file")],
    ["federation", federation("url")],
    ["impersonation", federation("acting")],
    ["key", "auth: { method: application-default }", found],
  ];
  for (const [by, lines, env] of ways) {
    calls.length = 0;
    const { code, stdout, output } = await gcp.check(lines, env);
    assert.equal(code, 0, `${lines}\n${output}`);
    const { providers: [provider] } = JSON.parse(stdout);
    assert.equal(provider.version, keys.primaryName(gcpKey));
    assert.ok(calls.length > 0);
    for (const { token } of calls) assert.equal(logins.issued.get(token ?? "")?.by, by, lines);
    const pem: string = JSON.parse(await logins.keyFile()).private_key;
    for (const secret of [...logins.issued.keys(), logins.subjectToken, pem.slice(60, 120)]) {
      assert.ok(!output.includes(secret));
    }
  }
});

Deno.test("check states in one sentence why a key in Google Cloud cannot be used, and exits with 77 if it is refused", async () => {
  await using gcp = await stage();
  const { logins, keys } = gcp.double;
  const auth = "auth: { method: service-account-key, keyFile: key.json }";
  await Deno.writeTextFile(`${gcp.folder}/key.json`, await logins.keyFile({ private_key_id: "deleted" }));
  const wrong = await gcp.check(auth);
  assert.equal(wrong.code, 77, wrong.output);
  const login = /Cannot log in with provider \\"gcp\\": Google's OAuth answered 400 \(it does not take the service/;
  assert.match(wrong.output, login);
  await Deno.writeTextFile(`${gcp.folder}/key.json`, await logins.keyFile());
  keys.setState(gcpKey, "DISABLED");
  const disabled = await gcp.check(auth);
  assert.equal(disabled.code, 77, disabled.output);
  assert.match(
    disabled.output,
    /Cannot probe with provider \\"gcp\\": Cloud KMS answered 400 \(the key version is disabled\)\./,
  );
});

Deno.test("a login that needs a program is refused at the start with exit status 78, and no program is started", async () => {
  await using gcp = await stage();
  const executable = { command: `/bin/touch ${gcp.folder}/touched` };
  await Deno.writeTextFile(`${gcp.folder}/wif.json`, gcp.double.logins.federationFile({ executable }));
  const { code, output } = await gcp.check("auth: { method: workload-identity, credentialsFile: wif.json }");
  assert.equal(code, 78, output);
  assert.match(output, /wif\.json cannot be used: its token comes from a program, and Trousseau starts none/);
  await assert.rejects(Deno.stat(`${gcp.folder}/touched`));
  assert.deepEqual(gcp.double.calls, []);
});

Deno.test("serve logs in to Google Cloud again while it runs, without the permissions that it revoked", async () => {
  await using gcp = await stage();
  const { logins, calls } = gcp.double;
  logins.lifetime = 2;
  await Deno.writeTextFile(`${gcp.folder}/token`, logins.subjectToken);
  const acting = { service_account_impersonation_url: logins.impersonationUrl() };
  const file = logins.federationFile({ file: `${gcp.folder}/token` }, acting);
  await Deno.writeTextFile(`${gcp.folder}/wif.json`, file);
  const auth = "auth: { method: workload-identity, credentialsFile: wif.json }";
  await using plugin = await gcp.serve(`${auth}\n    additionalAuthenticatedData: cluster prod`);
  const path = `${gcp.folder}/kms.sock`;
  const soon = { timeoutMs: 30_000, everyMs: 20, alive: [plugin] };
  await waitFor("the socket", async () => (await Deno.stat(path)).isSocket, soon);
  await using client = dialKms(path);
  const call = { signal: never };
  const encrypt = () => client.v2.Encrypt({ plaintext: new Uint8Array(32).fill(1), uid: "a" }, call);
  const { value: sealed } = await waitFor("an Encrypt", encrypt, soon);
  const before = logins.logins;
  // A login is two requests: the exchange and the service account's.
  await waitFor("three more logins", () => logins.logins >= before + 6, soon);
  logins.revoke();
  calls.length = 0;
  // Each Encrypt causes a wrap of the next data key, with the present token.
  await encrypt();
  const wrapped = () =>
    calls.some(({ operation, token }) =>
      operation === "encrypt" && logins.issued.get(token ?? "")?.by === "impersonation"
    );
  await waitFor("a wrap", wrapped, soon);
  const opened = await client.v2.Decrypt({ ...sealed, uid: "b" }, call);
  assert.deepEqual(new Uint8Array(opened.plaintext), new Uint8Array(32).fill(1));
  assert.equal((await plugin.stop()).code, 0);
  assert.ok(!plugin.output.includes(logins.subjectToken));
});
