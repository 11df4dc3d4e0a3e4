/**
 * The real sops against the key service: every file format, every command that uses keys, and the failures.
 *
 * @module
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { parse } from "yaml";
import { concat } from "../../lib/base/bytes.ts";
import { decodeEnvelope, decodeFrame, encodeEnvelope, encodeFrameHead } from "../../lib/envelope/format.ts";
import { decodeAnnotations, encodeAnnotations } from "../../lib/envelope/wrap.ts";
import { dialSops } from "../../lib/api/sops/client.ts";
import { armoured, unarmoured } from "../../lib/services/sops/armour.ts";
import { keyUri, vaultKeyOf } from "../../lib/services/sops/key_uri.ts";
import { run } from "../support/processes.ts";
import { Cluster } from "./harness/cluster.ts";
import { Node } from "./harness/plugin.ts";
import { setUp } from "./harness/providers.ts";
import { Repository, type SopsResult, startKeyService } from "./harness/sops.ts";
import { vaultUnderTest } from "./harness/vault.ts";

const uri = keyUri("default");
const call = { signal: new AbortController().signal };

/** Everything of one file's keys, as sops keeps it. */
interface Metadata {
  readonly hc_vault?: readonly { readonly enc: string; readonly key_name: string; readonly vault_address: string }[];
  readonly key_groups?: readonly Pick<Metadata, "hc_vault">[];
  readonly [other: string]: unknown;
}

function good({ code, stdout, stderr }: SopsResult): string {
  assert.equal(code, 0, stderr);
  return stdout;
}

function metadata(file: string): Metadata {
  return parse(file).sops;
}

function encOf(file: string): string {
  const [key, ...others] = metadata(file).hc_vault ?? [];
  assert.ok(key !== undefined && others.length === 0);
  return key.enc;
}

function local(node: Node, name: string): unknown {
  return { name, kind: "local", keyFile: `${node.folder}/${name}.keys`, create: true };
}

const files = {
  "values.yaml": "# kept\nuser: app\nlist:\n    - 1\n    - hunter2\n",
  "values.json": '{\n\t"user": "app",\n\t"nested": {\n\t\t"password": "hunter2"\n\t}\n}\n',
  "values.env": "USER=app\nPASSWORD=hunter2\n",
  "values.ini": "[db]\nuser     = app\npassword = hunter2\n",
} as const satisfies Record<string, string>;

Deno.test("sops encrypts and decrypts every file format, and sends requests only to the key service", async () => {
  await using node = await Node.make();
  await using providers = await setUp("local", node);
  await using _service = await startKeyService(node, { providers: providers.entries });
  await using repository = await Repository.make(node);
  for (const [name, content] of Object.entries(files)) {
    await repository.write(name, content);
    good(await repository.sops("encrypt", "--hc-vault-transit", uri, "--in-place", name));
    const encrypted = await repository.read(name);
    assert.ok(!encrypted.includes("hunter2"), name);
    assert.match(encrypted, /trousseau:1:/);
    assert.equal(good(await repository.sops("decrypt", name)), content, name);
  }
  const binary = new Uint8Array(randomBytes(5000));
  await repository.write("blob", binary);
  good(await repository.sops("encrypt", "--hc-vault-transit", uri, "--output", "blob.enc", "blob"));
  good(await repository.sops("decrypt", "--output", "blob.dec", "--input-type", "binary", "blob.enc"));
  assert.deepEqual(await Deno.readFile(`${repository.folder}/blob.dec`), binary);
  assert.equal(repository.trapped, 0);
});

Deno.test("a file's metadata contains only the key of the key service, and sops without it decrypts nothing and sends no request", async () => {
  await using node = await Node.make();
  await using providers = await setUp("local", node);
  const service = await startKeyService(node, { providers: providers.entries });
  await using repository = await Repository.make(node);
  await repository.write(".sops.yaml", `creation_rules:\n  - hc_vault_transit_uri: ${uri}\n`);
  await repository.write("a.yaml", files["values.yaml"]);
  good(await repository.sops("encrypt", "--in-place", "a.yaml"));
  const { hc_vault: keys, ...others } = metadata(await repository.read("a.yaml"));
  assert.deepEqual(keys?.map(({ vault_address, key_name }) => [vault_address, key_name]), [
    ["trousseau://keyring", "default"],
  ]);
  assert.deepEqual(Object.keys(others).sort(), ["lastmodified", "mac", "unencrypted_suffix", "version"]);

  // With its local key service first, sops hands the address to Vault's client, which knows no such scheme.
  const withLocal = { SOPS_ENABLE_LOCAL_KEYSERVICE: "true", VAULT_AGENT_ADDR: "" };
  const both = await repository.sopsWith(withLocal, "decrypt", "a.yaml");
  assert.equal(good(both), files["values.yaml"]);
  await repository.write("b.yaml", files["values.yaml"]);
  good(await repository.sopsWith(withLocal, "encrypt", "--in-place", "b.yaml"));
  assert.equal(good(await repository.sops("decrypt", "b.yaml")), files["values.yaml"]);

  await service.stop();
  for (const env of [{}, withLocal]) {
    const failed = await repository.sopsWith(env, "decrypt", "a.yaml");
    assert.notEqual(failed.code, 0);
    assert.equal(failed.stdout, "");
  }
  assert.equal(repository.trapped, 0);

  // The reason for the trap: an agent's address takes precedence over that of the key, and would get the data key.
  const { VAULT_AGENT_ADDR: _, ...withAgent } = withLocal;
  await repository.write("c.yaml", files["values.yaml"]);
  assert.notEqual((await repository.sopsWith(withAgent, "encrypt", "--hc-vault-transit", uri, "c.yaml")).code, 0);
  assert.ok(repository.trapped > 0, "the trap counts");
});

Deno.test("edit, set, updatekeys and rotate work, and rotate makes a new data key under the newest key version", async () => {
  await using node = await Node.make();
  const sops = { keys: [{ name: "default" }, { name: "other" }] };
  await using _service = await startKeyService(node, { providers: [local(node, "local")], sops });
  await using repository = await Repository.make(node);
  await repository.write(".sops.yaml", `creation_rules:\n  - hc_vault_transit_uri: ${uri}\n`);
  await repository.write("a.yaml", "user: app\npassword: hunter2\n");
  good(await repository.sops("encrypt", "--in-place", "a.yaml"));
  const first = encOf(await repository.read("a.yaml"));

  good(await repository.sopsWith({ EDITOR: "sed -i s/hunter2/hunter3/" }, "edit", "a.yaml"));
  good(await repository.sops("set", "a.yaml", '["user"]', '"web"'));
  assert.equal(good(await repository.sops("decrypt", "a.yaml")), "user: web\npassword: hunter3\n");
  assert.equal(encOf(await repository.read("a.yaml")), first, "the data key stays");

  const both = `${uri},${keyUri("other")}`;
  await repository.write(".sops.yaml", `creation_rules:\n  - hc_vault_transit_uri: ${both}\n`);
  good(await repository.sops("updatekeys", "--yes", "a.yaml"));
  const two = metadata(await repository.read("a.yaml")).hc_vault ?? [];
  assert.deepEqual(two.map(({ key_name }) => key_name), ["default", "other"]);
  await repository.write(".sops.yaml", `creation_rules:\n  - hc_vault_transit_uri: ${keyUri("other")}\n`);
  good(await repository.sops("updatekeys", "--yes", "a.yaml"));
  const [only, ...none] = metadata(await repository.read("a.yaml")).hc_vault ?? [];
  assert.deepEqual([only?.key_name, none.length], ["other", 0]);

  const config = await node.write("rotate.yaml", JSON.stringify(node.config({ providers: [local(node, "local")] })));
  assert.equal((await node.command("keys", "rotate", "--config", config)).code, 0);
  assert.equal(good(await repository.sops("decrypt", "a.yaml")), "user: web\npassword: hunter3\n");
  const versionOf = (enc: string) => decodeFrame(unarmoured(new TextEncoder().encode(enc)), "sops").wraps[0]?.version;
  good(await repository.sops("rotate", "--in-place", "a.yaml"));
  const after = encOf(await repository.read("a.yaml"));
  assert.notEqual(versionOf(after), versionOf(first));
  assert.equal(good(await repository.sops("decrypt", "a.yaml")), "user: web\npassword: hunter3\n");
  assert.equal(repository.trapped, 0);
});

Deno.test("a wrong name, a tampered file and another kind of key are refused with the key service's sentence", async () => {
  await using node = await Node.make();
  const sops = { keys: [{ name: "default" }, { name: "other" }] };
  await using _service = await startKeyService(node, { providers: [local(node, "local")], sops });
  await using repository = await Repository.make(node);
  const refused = async (sentence: RegExp, ...args: string[]) => {
    const { code, stdout, stderr } = await repository.sops(...args);
    assert.notEqual(code, 0);
    assert.equal(stdout, "");
    // sops breaks sentences into lines of a table.
    assert.match(stderr.replaceAll(/\n\s*\|\s*/g, " "), sentence);
  };
  await repository.write("plain.yaml", files["values.yaml"]);
  const unknown = /NotFound desc = Cannot encrypt: this key service has no key "prod"; it has "default", "other"\./;
  await refused(unknown, "encrypt", "--hc-vault-transit", keyUri("prod"), "plain.yaml");
  const realVault = "https://vault.example.com:8200/v1/transit/keys/k";
  const notOurs = /NotFound desc = Cannot encrypt: this key service has no keys of a Vault; its own are trousseau:/;
  await refused(notOurs, "encrypt", "--hc-vault-transit", realVault, "plain.yaml");
  const arn = "arn:aws:kms:eu-central-1:111122223333:key/1234";
  await refused(/no keys of AWS KMS;/, "encrypt", "--kms", arn, "plain.yaml");

  const encrypted = good(await repository.sops("encrypt", "--hc-vault-transit", uri, "plain.yaml"));
  const enc = encOf(encrypted);
  const at = enc.length - 20;
  const flipped = enc.slice(0, at) + (enc[at] === "A" ? "B" : "A") + enc.slice(at + 1);
  const integrity = /InvalidArgument desc = Cannot decrypt: .*(was changed or is not Trousseau's|does not fit)\./;
  for (
    const tampered of [
      encrypted.replace(enc, flipped),
      encrypted.replace(enc, enc.slice(0, -8)),
      encrypted.replace("key_name: default", "key_name: other"),
      encrypted.replace(enc, `vault:v1:${enc.slice(12)}`),
    ]
  ) {
    assert.notEqual(tampered, encrypted);
    await repository.write("tampered.yaml", tampered);
    await refused(integrity, "decrypt", "tampered.yaml");
  }
  await repository.write("good.yaml", encrypted);
  assert.equal(good(await repository.sops("decrypt", "good.yaml")), files["values.yaml"]);
  assert.equal(repository.trapped, 0);
});

Deno.test("a quorum of a real Vault and a local key: either decrypts the files of both, and no file with fewer wraps is written", async () => {
  await using node = await Node.make();
  await using vault = await vaultUnderTest();
  const { provider } = await vault.key(node);
  const both = { wrap: 2, providers: [provider, local(node, "local")] };
  const first = await startKeyService(node, both);
  await using repository = await Repository.make(node);
  await repository.write("a.yaml", files["values.yaml"]);
  good(await repository.sops("encrypt", "--hc-vault-transit", uri, "--in-place", "a.yaml"));
  const wraps = decodeFrame(unarmoured(new TextEncoder().encode(encOf(await repository.read("a.yaml")))), "sops").wraps;
  assert.deepEqual(wraps.map(({ name }) => name), ["vault", "local"]);
  await first.stop();

  await vault.leave();
  // A new process, with nothing in its memory.
  const cold = await startKeyService(node, both);
  assert.equal(good(await repository.sops("decrypt", "a.yaml")), files["values.yaml"]);
  await repository.write("b.yaml", files["values.yaml"]);
  const failed = await repository.sops("encrypt", "--hc-vault-transit", uri, "b.yaml");
  assert.notEqual(failed.code, 0);
  assert.match(failed.stderr, /Cannot wrap: 1 of 2 needed providers did\..*provider "vault"/);
  await cold.stop();

  await vault.comeBack();
  await using _without = await startKeyService(node, { providers: [provider] });
  assert.equal(good(await repository.sops("decrypt", "a.yaml")), files["values.yaml"]);
  assert.equal(repository.trapped, 0);
});

Deno.test("two key groups, each with a provider of its own: sops needs both KMS to open a file", async () => {
  await using node = await Node.make();
  await using vault = await vaultUnderTest();
  const { provider } = await vault.key(node);
  const sops = { keys: [{ name: "in-vault", providers: ["vault"] }, { name: "here", providers: ["local"] }] };
  const config = { providers: [provider, local(node, "local")], sops };
  const first = await startKeyService(node, config);
  await using repository = await Repository.make(node);
  const group = (name: string) => ({ hc_vault: [keyUri(name)] });
  const rule = { shamir_threshold: 2, key_groups: [group("in-vault"), group("here")] };
  await repository.write(".sops.yaml", JSON.stringify({ creation_rules: [rule] }));
  await repository.write("a.yaml", files["values.yaml"]);
  good(await repository.sops("encrypt", "--in-place", "a.yaml"));
  assert.equal(metadata(await repository.read("a.yaml")).key_groups?.length, 2);
  assert.equal(good(await repository.sops("decrypt", "a.yaml")), files["values.yaml"]);
  await first.stop();
  await vault.leave();
  await using _cold = await startKeyService(node, config);
  const failed = await repository.sops("decrypt", "a.yaml");
  assert.notEqual(failed.code, 0);
  assert.equal(failed.stdout, "");
});

Deno.test("over the real sockets neither process decrypts data that the other has sealed with the same keys", async () => {
  await using node = await Node.make();
  const providers = [local(node, "local")];
  await using plugin = await node.start({ providers });
  await using _service = await startKeyService(node, { providers });
  await using sops = dialSops(`${node.folder}/sops.sock`);
  const plaintext = new Uint8Array(randomBytes(32));
  const key = { vault_key: vaultKeyOf("default") };
  const refused = { code: "request_invalid", message: /INVALID_ARGUMENT: Cannot decrypt: / };

  const seed = await plugin.client.v2.Encrypt({ plaintext, uid: "u" }, call);
  const wraps = decodeAnnotations(seed.annotations);
  const asFile = concat(encodeFrameHead("default", wraps, "sops"), encodeEnvelope(decodeEnvelope(seed.ciphertext)));
  await assert.rejects(sops.sops.Decrypt({ key, ciphertext: armoured(asFile) }, call), refused);
  const { cipher } = await plugin.client.v1beta1.Encrypt({ version: "v1beta1", plain: plaintext }, call);
  await assert.rejects(sops.sops.Decrypt({ key, ciphertext: armoured(cipher) }, call), refused);
  await assert.rejects(sops.sops.Decrypt({ key, ciphertext: cipher }, call), refused);

  const { ciphertext } = await sops.sops.Encrypt({ key, plaintext }, call);
  const file = decodeFrame(unarmoured(ciphertext), "sops");
  const asSeed = { ciphertext: encodeEnvelope(file.envelope), annotations: encodeAnnotations(file.wraps), uid: "u" };
  for (const key_id of ["default", seed.key_id]) {
    await assert.rejects(plugin.client.v2.Decrypt({ ...asSeed, key_id }, call), refused);
  }
  const old = concat(encodeFrameHead("default", file.wraps, "v1beta1"), asSeed.ciphertext);
  for (const cipher of [old, unarmoured(ciphertext)]) {
    await assert.rejects(plugin.client.v1beta1.Decrypt({ version: "v1beta1", cipher }, call), refused);
  }
  const back = await sops.sops.Decrypt({ key, ciphertext }, call);
  assert.deepEqual(new Uint8Array(back.plaintext), plaintext);
  const opened = await plugin.client.v2.Decrypt({ ...seed, uid: "u" }, call);
  assert.deepEqual(new Uint8Array(opened.plaintext), plaintext);
});

Deno.test("deploy/sops: a Secret goes from a repository into a real cluster, and through Argo CD's plugin", async () => {
  await using node = await Node.make();
  await using providers = await setUp("local", node);
  await using _service = await startKeyService(node, { providers: providers.entries });
  await using repository = await Repository.make(node);
  await using cluster = await Cluster.start();
  const deploy = (name: string) => Deno.readTextFile(new URL(`../../deploy/sops/${name}`, import.meta.url));
  await repository.write(".sops.yaml", await deploy(".sops.yaml"));
  await Deno.mkdir(`${repository.folder}/secrets`);
  const manifest = await deploy("secret.example.yaml");
  await repository.write("secrets/database.yaml", manifest);
  good(await repository.sops("encrypt", "--in-place", "secrets/database.yaml"));
  const encrypted = await repository.read("secrets/database.yaml");
  assert.ok(!encrypted.includes("change-me"));
  assert.match(encrypted, /^ {4}name: database$/m, "what is no secret can be reviewed");

  const script = new URL("../../deploy/sops/apply.sh", import.meta.url).pathname;
  const env = { ...repository.env, ...cluster.kubectlEnv };
  for (const name of ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"]) delete env[name as keyof typeof env];
  const applied = await run(script, [`${repository.folder}/secrets`], { env, clearEnv: true });
  assert.equal(applied.code, 0, applied.stderr);
  const { stdout } = await cluster.kubectl(["get", "secret", "database", "-o", "json"]);
  const secret = JSON.parse(stdout);
  assert.equal(atob(secret.data.password), "change-me");
  assert.equal(secret.metadata.annotations, undefined, "kubectl keeps no second copy");

  const { args, command } =
    parse(parse((await deploy("argocd-repo-server.yaml")).split("\n---\n")[0] ?? "").data["plugin.yaml"]).spec.generate;
  await Deno.rename(`${repository.folder}/secrets/database.yaml`, `${repository.folder}/secrets/database.enc.yaml`);
  const [shell, ...words] = [...command, ...args];
  const rendered = await run(shell, words, {
    env: repository.env,
    clearEnv: true,
    cwd: `${repository.folder}/secrets`,
  });
  assert.equal(rendered.code, 0, rendered.stderr);
  assert.deepEqual(parse(rendered.stdout), parse(manifest));
  assert.equal(repository.trapped, 0);
});
