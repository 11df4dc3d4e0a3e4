/**
 * The program as a process with the permissions of the binary, on a key in a double of Azure Key Vault.
 *
 * @module
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { permissionFlags } from "../../deploy/compile/artefacts.ts";
import { rsaPair } from "../support/certificates.ts";
import { KeyVaultDouble } from "../support/key_vault_double.ts";
import { run } from "../support/processes.ts";

const main = fileURLToPath(new URL("../../main.ts", import.meta.url));

interface Stage extends AsyncDisposable {
  readonly double: KeyVaultDouble;
  readonly folder: string;
  /** Runs `check --json` with these lines of `auth`. */
  check(
    auth: string,
    env?: Readonly<Record<string, string>>,
  ): Promise<{ readonly code: number; readonly stdout: string; readonly output: string }>;
}

async function stage(): Promise<Stage> {
  const double = await KeyVaultDouble.start();
  const folder = await Deno.makeTempDir();
  return {
    double,
    folder,
    async check(auth, env = {}) {
      await Deno.writeTextFile(
        `${folder}/trousseau.yaml`,
        `socket: { path: ${folder}/kms.sock }
state: ${folder}/state
telemetry: { listen: off, audit: off }
providers:
  - name: azure
    kind: azure-key-vault
    vault: ${double.vault}
    key: Kubernetes
    cloud: { resource: ${double.vault}, authority: ${double.login} }
    tls: { caFile: ${double.caFile} }
    auth: ${auth}
`,
      );
      const flags = [...permissionFlags(), `--allow-write=${folder}`];
      const args = ["run", "--quiet", ...flags, main, "check", "--json", "--config", `${folder}/trousseau.yaml`];
      const { code, stdout, stderr } = await run(Deno.execPath(), args, { env });
      return { code, stdout, output: stdout + stderr };
    },
    async [Symbol.asyncDispose]() {
      await double[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

Deno.test("check tests a key in Azure with each login method, with the permissions of the binary", async () => {
  await using azure = await stage();
  const { double: { entra, keys }, folder } = azure;
  const pair = rsaPair("trousseau");
  entra.certificate = pair.certificate;
  await Deno.writeTextFile(`${folder}/app.pem`, pair.certificate + pair.key);
  await Deno.writeTextFile(`${folder}/token`, entra.federatedToken);
  const who = `tenantId: ${entra.tenantId}, clientId: ${entra.clientId}`;
  const ways: readonly (readonly [auth: string, env: Record<string, string>])[] = [
    [`{ method: client-secret, ${who}, clientSecret: { variable: TROUSSEAU_SECRET_AZURE } }`, {
      TROUSSEAU_SECRET_AZURE: entra.clientSecret,
    }],
    [`{ method: client-certificate, ${who}, certificateFile: app.pem }`, {}],
    ["{ method: workload-identity }", {
      AZURE_TENANT_ID: entra.tenantId,
      AZURE_CLIENT_ID: entra.clientId,
      AZURE_FEDERATED_TOKEN_FILE: `${folder}/token`,
      AZURE_AUTHORITY_HOST: `${azure.double.login}/`,
    }],
  ];
  const outputs: string[] = [];
  for (const [auth, env] of ways) {
    const { code, stdout, output } = await azure.check(auth, env);
    assert.equal(code, 0, output);
    const { providers: [provider] } = JSON.parse(stdout);
    assert.equal(provider.version, keys.kid("kubernetes"));
    outputs.push(output);
  }
  assert.deepEqual(
    [...entra.tokens.values()].map(({ by }) => by),
    ways.map(([auth]) => /method: ([a-z-]+)/.exec(auth)?.[1]),
  );
  for (const secret of [entra.clientSecret, entra.federatedToken, ...entra.tokens.keys()]) {
    for (const output of outputs) assert.ok(!output.includes(secret));
  }
});

Deno.test("check states in one sentence why a key in Azure cannot be used, and exits with 77 if it is refused", async () => {
  await using azure = await stage();
  const { entra, keys } = azure.double;
  const auth = (secret: string) => {
    const who = `tenantId: ${entra.tenantId}, clientId: ${entra.clientId}`;
    return [`{ method: client-secret, ${who}, clientSecret: { variable: TROUSSEAU_SECRET_AZURE } }`, {
      TROUSSEAU_SECRET_AZURE: secret,
    }] as const;
  };
  const wrong = await azure.check(...auth("wrong"));
  assert.equal(wrong.code, 77, wrong.output);
  assert.match(
    wrong.output,
    /Cannot log in with provider \\"azure\\": Entra ID answered 401 \(it refuses the client secret\)\./,
  );
  keys.change("kubernetes", { enabled: false });
  const disabled = await azure.check(...auth(entra.clientSecret));
  assert.equal(disabled.code, 77, disabled.output);
  assert.match(
    disabled.output,
    /Cannot probe with provider \\"azure\\": Key Vault answered 403 \(the key version is disabled\)\./,
  );
});
