/**
 * The setting `proxy:` of every vendor, with the permissions of the binary: requests to other machines use it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { permissionFlags } from "../../deploy/compile/artefacts.ts";
import { role } from "../support/aws_logins.ts";
import { Authority } from "../support/certificates.ts";
import { ConnectProxy } from "../support/connect_proxy.ts";
import { gcpKey } from "../support/gcp_double.ts";
import { GcpLogins } from "../support/gcp_logins.ts";
import { run } from "../support/processes.ts";
import { inFolder } from "../support/temporary_folder.ts";

const main = fileURLToPath(new URL("../../main.ts", import.meta.url));

Deno.test("every vendor sends requests to its KMS and its logins through the configured proxy", async () => {
  await inFolder(async (folder) => {
    using proxy = new ConnectProxy(1);
    proxy.fault = { answer: "HTTP/1.1 403 Forbidden\r\n\r\n" };
    await Deno.writeTextFile(`${folder}/ca.pem`, new Authority().certificate);
    await Deno.writeTextFile(`${folder}/password`, "s3cret\n");
    await Deno.writeTextFile(`${folder}/key.json`, await new GcpLogins(Date.now).keyFile());
    const login = { username: "user", password: { file: "password" } };
    const secret = { variable: "TROUSSEAU_SECRET_A" };
    const common = { proxy: { address: proxy.origin, ...login }, tls: { caFile: "ca.pem" } };
    const aws = {
      ...common,
      kind: "aws-kms",
      key: "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
      auth: { method: "access-key", accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: secret },
    };
    const providers = [
      {
        ...common,
        name: "vault",
        kind: "vault-transit",
        address: "https://vault.test:8200",
        key: "kubernetes",
        auth: { method: "approle", roleId: "role", secretId: secret },
      },
      { ...aws, name: "aws" },
      { ...aws, name: "aws-role", assumeRole: { roleArn: role.arn } },
      {
        ...common,
        name: "azure",
        kind: "azure-key-vault",
        vault: "https://kubernetes-prod.vault.azure.net",
        key: "kubernetes",
        auth: {
          method: "client-secret",
          tenantId: crypto.randomUUID(),
          clientId: crypto.randomUUID(),
          clientSecret: secret,
        },
      },
      {
        ...common,
        name: "gcp",
        kind: "gcp-kms",
        key: gcpKey,
        auth: { method: "service-account-key", keyFile: "key.json" },
      },
    ];
    const config = { socket: { path: `${folder}/kms.sock` }, state: `${folder}/state`, telemetry: { listen: "off" } };
    await Deno.writeTextFile(`${folder}/trousseau.yaml`, JSON.stringify({ ...config, wrap: "any", providers }));
    const flags = [...permissionFlags(), `--allow-write=${folder}`];
    const args = ["run", "--quiet", ...flags, main, "check", "--json", "--config", `${folder}/trousseau.yaml`];
    const { stdout, stderr } = await run(Deno.execPath(), args, { env: { TROUSSEAU_SECRET_A: "s3cret" } });
    assert.ok(stdout.startsWith("{"), stdout + stderr);
    const found: { providers: { name: string; steps: { message: string }[] }[] } = JSON.parse(stdout);
    for (const { name, steps } of found.providers) {
      const message = steps.map(({ message }) => message).join("");
      assert.match(message, /cannot be reached through the proxy http:\/\/127\.0\.0\.1:\d+: it answered 403/, name);
    }
    const targets = new Set(proxy.heads.map((head) => /^CONNECT (\S+) /.exec(head)?.[1]));
    assert.deepEqual([...targets].sort(), [
      "kms.eu-central-1.amazonaws.com:443",
      "kubernetes-prod.vault.azure.net:443",
      "oauth2.googleapis.com:443",
      "sts.eu-central-1.amazonaws.com:443",
      "vault.test:8200",
    ]);
    for (const head of proxy.heads) assert.ok(head.includes(`Proxy-Authorization: Basic ${btoa("user:s3cret")}\r\n`));
    assert.ok(!`${stdout}${stderr}`.includes("s3cret"));
  });
});
