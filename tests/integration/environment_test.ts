/**
 * Environment variables that the runtime or a library could read despite the permissions. With them set, every vendor and
 * every login still refuses a server with a certificate of another authority, and uses no proxy.
 *
 * @module
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { permissionFlags } from "../../deploy/compile/artefacts.ts";
import { AwsDouble } from "../support/aws_double.ts";
import { role } from "../support/aws_logins.ts";
import { Authority, rsaPair } from "../support/certificates.ts";
import { GcpDouble, gcpKey } from "../support/gcp_double.ts";
import { KeyVaultDouble } from "../support/key_vault_double.ts";
import { freePort, Process, run, waitFor } from "../support/processes.ts";
import { inFolder } from "../support/temporary_folder.ts";

const main = fileURLToPath(new URL("../../main.ts", import.meta.url));

/** A server with a certificate of an untrusted authority. It records the requests that it could decrypt. */
class ForeignServer implements AsyncDisposable {
  readonly seen: string[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor() {
    const { certificate: cert, key } = new Authority("Foreign").issue({ commonName: "kms", names: ["127.0.0.1"] });
    this.#server = Deno.serve({ hostname: "127.0.0.1", port: 0, cert, key, onListen() {} }, (request) => {
      this.seen.push(`${request.method} ${new URL(request.url).pathname}`);
      return Response.json({}, { status: 403 });
    });
  }

  get origin(): string {
    return `https://127.0.0.1:${this.#server.addr.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

/** A proxy that records the first line of each request, and refuses it. */
class RecordingProxy implements Disposable {
  readonly seen: string[] = [];
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });

  constructor() {
    void this.#serve();
  }

  get variables(): Readonly<Record<string, string>> {
    const proxy = `http://user:canary@127.0.0.1:${this.#listener.addr.port}`;
    const names = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"];
    return { NODE_USE_ENV_PROXY: "1", ...Object.fromEntries(names.map((name) => [name, proxy])) };
  }

  [Symbol.dispose](): void {
    this.#listener.close();
  }

  async #serve(): Promise<void> {
    for await (const connection of this.#listener) {
      const buffer = new Uint8Array(1024);
      const read = await connection.read(buffer).catch(() => null);
      this.seen.push(new TextDecoder().decode(buffer.subarray(0, read ?? 0)).split("\r\n")[0] ?? "");
      connection.close();
    }
  }
}

interface Stage {
  readonly folder: string;
  readonly foreign: ForeignServer;
  readonly proxy: RecordingProxy;
}

async function staged(test: (stage: Stage) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    await using foreign = new ForeignServer();
    using proxy = new RecordingProxy();
    await Deno.writeTextFile(`${folder}/ca.pem`, new Authority("Trusted").certificate);
    await test({ folder, foreign, proxy });
  });
}

type Provider = Readonly<Record<string, unknown>>;

/** The arguments and the environment of a command, with the permissions of the product. */
async function command(
  folder: string,
  words: readonly string[],
  content: object,
  env: Readonly<Record<string, string>>,
) {
  const config = `${folder}/trousseau.yaml`;
  const common = { socket: { path: `${folder}/kms.sock` }, state: `${folder}/state`, drain: "1s" };
  const telemetry = { listen: "off", audit: "off" };
  await Deno.writeTextFile(config, JSON.stringify({ ...common, telemetry, ...content }));
  const args = ["run", "--quiet", ...permissionFlags(), `--allow-write=${folder}`, main, ...words, "--config", config];
  const inherited = Object.fromEntries(["PATH", "HOME"].map((name) => [name, Deno.env.get(name) ?? ""]));
  // `deno run` would check for a newer version, which the binary does not do.
  return { args, env: { ...inherited, DENO_NO_UPDATE_CHECK: "1", ...env } };
}

/** Runs `check --json` with variables. @returns the failure of each provider, by its name. */
async function failures(
  { folder }: Stage,
  providers: readonly Provider[],
  env: Readonly<Record<string, string>>,
): Promise<ReadonlyMap<string, string>> {
  const { args, ...options } = await command(folder, ["check", "--json"], { providers, wrap: "any" }, env);
  const { stdout, stderr } = await run(Deno.execPath(), args, { ...options, clearEnv: true });
  assert.ok(stdout.startsWith("{"), stdout + stderr);
  assert.ok(!`${stdout}${stderr}`.includes("canary"), "no value of a variable is told");
  const found: {
    providers?: { name: string; steps: { result: string; message: string }[] }[];
    warnings: { message: string }[];
  } = JSON.parse(stdout);
  assert.ok(found.providers !== undefined, stdout);
  const warned = found.warnings.filter(({ message }) => /environment/.test(message)).map(({ message }) => message);
  assert.equal(warned.length, 1, "one line");
  assert.match(warned[0] ?? "", /\bNODE_/);
  return new Map(found.providers.map(({ name, steps }) => {
    return [name, steps.find(({ result }) => result !== "ok")?.message ?? "ok"];
  }));
}

/** Checks that each provider, with each kind of variable, fails because of the certificate and contacts no other server. */
async function holds(stage: Stage, providers: readonly Provider[], env: Readonly<Record<string, string>> = {}) {
  for (const variables of [{ NODE_TLS_REJECT_UNAUTHORIZED: "0" }, stage.proxy.variables]) {
    const found = await failures(stage, providers, { ...env, ...variables });
    for (const { name } of providers) {
      const which = `${name} under ${Object.keys(variables)[0]}`;
      assert.match(found.get(String(name)) ?? "", /has a certificate that the authorities in .* did not issue/, which);
    }
    assert.deepEqual([stage.foreign.seen, stage.proxy.seen], [[], []]);
  }
}

Deno.test("no variable of the runtime leads vault-transit past its authorities or through a proxy, by any login", async () => {
  await staged(async (stage) => {
    const { folder, foreign } = stage;
    const pair = rsaPair("node");
    await Deno.writeTextFile(`${folder}/cert.pem`, pair.certificate);
    await Deno.writeTextFile(`${folder}/key.pem`, pair.key);
    const secret = { variable: "TROUSSEAU_SECRET_A" };
    const tls = { caFile: "ca.pem" };
    const auths = {
      token: { token: secret },
      approle: { roleId: "role", secretId: secret },
      kubernetes: { role: "role", jwt: secret },
      jwt: { role: "role", jwt: secret },
      cert: {},
      userpass: { username: "user", password: secret },
    };
    const providers = Object.entries(auths).map(([method, auth]) => ({
      name: method,
      kind: "vault-transit",
      address: foreign.origin,
      key: "kubernetes",
      auth: { method, ...auth },
      tls: method === "cert" ? { ...tls, certificateFile: "cert.pem", keyFile: "key.pem" } : tls,
    }));
    await holds(stage, providers, { TROUSSEAU_SECRET_A: "s3cret" });
  });
});

Deno.test("no variable of the runtime leads aws-kms past its authorities or through a proxy, by any login", async () => {
  await staged(async (stage) => {
    const { folder, foreign } = stage;
    await using double = await AwsDouble.start();
    await Deno.writeTextFile(`${folder}/token`, double.logins.webToken);
    const user = "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = s3cret\n";
    await Deno.writeTextFile(`${folder}/credentials`, `[base]\n${user}`);
    await Deno.writeTextFile(`${folder}/config`, `[profile node]\nrole_arn = ${role.arn}\nsource_profile = base\n`);
    const provider = (name: string, auth: object, more: object = {}) => ({
      name,
      kind: "aws-kms",
      key: double.arn,
      endpoint: foreign.origin,
      stsEndpoint: foreign.origin,
      tls: { caFile: "ca.pem" },
      auth,
      ...more,
    });
    const secretAccessKey = { variable: "TROUSSEAU_SECRET_A" };
    const providers = [
      provider("access-key", { method: "access-key", accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey }),
      provider("assumed", { method: "environment" }, { assumeRole: { roleArn: role.arn } }),
      provider("profile", {
        method: "profile",
        profile: "node",
        credentialsFile: "credentials",
        configFile: "config",
      }),
      provider("web-identity", { method: "web-identity", roleArn: role.arn, tokenFile: "token" }),
      provider("container", { method: "container", url: `${foreign.origin}/agent` }),
    ];
    await holds(stage, providers, {
      TROUSSEAU_SECRET_A: "s3cret",
      AWS_ACCESS_KEY_ID: "AKIAIOSFODNN7EXAMPLE",
      AWS_SECRET_ACCESS_KEY: "s3cret",
    });
  });
});

Deno.test("no variable of the runtime leads azure-key-vault past its authorities or through a proxy, by any login", async () => {
  await staged(async (stage) => {
    const { folder, foreign } = stage;
    await using double = await KeyVaultDouble.start();
    const { tenantId, clientId } = double.entra;
    const pair = rsaPair("app");
    await Deno.writeTextFile(`${folder}/app.pem`, pair.certificate + pair.key);
    await Deno.writeTextFile(`${folder}/token`, "e30.e30.e30");
    const who = { tenantId, clientId };
    const secret = { method: "client-secret", ...who, clientSecret: { variable: "TROUSSEAU_SECRET_A" } };
    const provider = (name: string, auth: object, vault = double.vault) => ({
      name,
      kind: "azure-key-vault",
      vault,
      key: "kubernetes",
      cloud: { resource: vault, authority: foreign.origin },
      tls: { caFile: double.caFile },
      auth,
    });
    const providers = [
      provider("vault", secret, foreign.origin),
      provider("client-secret", secret),
      provider("client-certificate", { method: "client-certificate", ...who, certificateFile: "app.pem" }),
      provider("workload-identity", { method: "workload-identity", ...who, tokenFile: "token" }),
    ];
    await holds(stage, providers, { TROUSSEAU_SECRET_A: "s3cret" });
  });
});

Deno.test("no variable of the runtime leads gcp-kms past its authorities or through a proxy, by any login", async () => {
  await staged(async (stage) => {
    const { folder, foreign } = stage;
    await using double = await GcpDouble.start();
    const { logins, endpoint: well } = double;
    await Deno.writeTextFile(`${folder}/key.json`, await logins.keyFile());
    await Deno.writeTextFile(`${folder}/token`, logins.subjectToken);
    await Deno.writeTextFile(`${folder}/file.json`, logins.federationFile({ file: `${folder}/token` }));
    const url = logins.federationFile({ url: `${foreign.origin}/subject-token` });
    await Deno.writeTextFile(`${folder}/url.json`, url);
    const key = { method: "service-account-key", keyFile: "key.json" };
    const provider = (name: string, auth: object, more: object = {}) => ({
      name,
      kind: "gcp-kms",
      key: gcpKey,
      endpoint: foreign.origin,
      oauthEndpoint: foreign.origin,
      stsEndpoint: foreign.origin,
      iamEndpoint: foreign.origin,
      tls: { caFile: "ca.pem" },
      auth,
      ...more,
    });
    const providers = [
      provider("kms", key, { oauthEndpoint: well }),
      provider("oauth", key),
      provider("federation", { method: "workload-identity", credentialsFile: "file.json" }),
      provider("subject", { method: "workload-identity", credentialsFile: "url.json" }),
      provider("impersonation", key, { oauthEndpoint: well, impersonate: { serviceAccount: logins.kmsUser } }),
    ];
    await holds(stage, providers);
  });
});

Deno.test("no proxy of the environment gets plain HTTP requests to this machine, a container's agent or trousseau status", async () => {
  await staged(async (stage) => {
    const { folder, proxy } = stage;
    await using double = await AwsDouble.start();
    const listen = `127.0.0.1:${freePort()}`;
    const local = { name: "local", kind: "local", keyFile: "local.keys", create: true };
    const kms = {
      name: "aws",
      kind: "aws-kms",
      key: double.arn,
      endpoint: double.endpoint,
      stsEndpoint: double.endpoint,
      auth: { method: "container", url: `${double.metadata}/container`, tokenFile: "agent" },
    };
    await Deno.writeTextFile(`${folder}/agent`, double.logins.containerToken);
    const content = { telemetry: { listen, audit: "off" }, providers: [local, kms], wrap: "any" };
    const serve = await command(folder, ["serve"], content, proxy.variables);
    await using plugin = new Process({ name: "trousseau", command: Deno.execPath(), ...serve, cwd: folder });
    const status = await command(folder, ["status", "--json"], content, proxy.variables);
    const { value: found } = await waitFor("a status in which the KMS is well", async () => {
      const { stdout } = await run(Deno.execPath(), status.args, { env: status.env, clearEnv: true });
      const { source, providers } = JSON.parse(stdout);
      return source === "http" && providers[1].health === "well" && { source };
    }, { timeoutMs: 60_000, alive: [plugin] });
    assert.equal(found.source, "http");
    assert.deepEqual(proxy.seen, []);
    const warnings = plugin.output.split("\n").filter((line) => line.includes("NODE_USE_ENV_PROXY"));
    assert.equal(warnings.length, 1, "one line at the start");
    assert.ok(!plugin.output.includes("canary"));
  });
});
