import assert from "node:assert/strict";
import { parse, parseAllDocuments } from "yaml";
import { z } from "zod";
import { environmentFrom } from "../../lib/config/environment.ts";
import { loadConfig } from "../../lib/config/load.ts";
import { keyUri } from "../../lib/services/sops/key_uri.ts";
import { fakeFiles } from "../../tests/support/fake_files.ts";
import { run } from "../../tests/support/processes.ts";
import { inFolder } from "../../tests/support/temporary_folder.ts";

const read = (name: string) => Deno.readTextFile(new URL(name, import.meta.url));

Deno.test("deploy/sops has these files and no others", () => {
  const found = [...Deno.readDirSync(new URL(".", import.meta.url))].map(({ name }) => name).sort();
  const expected = [".sops.yaml", "apply.sh", "argocd-repo-server.yaml", "secret.example.yaml", "sops_test.ts"];
  assert.deepEqual(found, expected);
});

const rules = z.strictObject({
  creation_rules: z.array(z.strictObject({
    path_regex: z.string().optional(),
    encrypted_regex: z.string().optional(),
    hc_vault_transit_uri: z.string(),
  })),
});

Deno.test(".sops.yaml names the key that every configuration has, and encrypts the values of a Secret alone", async () => {
  const { creation_rules: [secrets, rest] } = rules.parse(parse(await read(".sops.yaml")));
  for (const rule of [secrets, rest]) assert.equal(rule?.hc_vault_transit_uri, keyUri("default"));
  assert.match("secrets/database.yaml", new RegExp(secrets?.path_regex ?? "^$"));
  assert.equal(rest?.path_regex, undefined, "the last rule takes what no other does");
  const encrypted = new RegExp(secrets?.encrypted_regex ?? "^$");
  const example = parse(await read("secret.example.yaml"));
  assert.equal(example.kind, "Secret");
  assert.deepEqual(Object.keys(example).filter((field) => encrypted.test(field)), ["stringData"]);
});

const mount = z.strictObject({
  name: z.string(),
  mountPath: z.string(),
  subPath: z.string().optional(),
  readOnly: z.literal(true).optional(),
});
const container = z.strictObject({
  name: z.string(),
  image: z.string(),
  command: z.array(z.string()).optional(),
  args: z.array(z.string()).optional(),
  env: z.array(z.strictObject({ name: z.string(), value: z.string() })).optional(),
  securityContext: z.strictObject({
    runAsNonRoot: z.literal(true),
    runAsUser: z.literal(999),
    allowPrivilegeEscalation: z.literal(false),
    readOnlyRootFilesystem: z.literal(true),
    capabilities: z.strictObject({ drop: z.tuple([z.literal("ALL")]) }),
  }),
  volumeMounts: z.array(mount),
});
const deployment = z.strictObject({
  apiVersion: z.literal("apps/v1"),
  kind: z.literal("Deployment"),
  metadata: z.strictObject({ name: z.literal("argocd-repo-server"), namespace: z.literal("argocd") }),
  spec: z.strictObject({
    template: z.strictObject({
      spec: z.strictObject({
        containers: z.tuple([container, container]),
        volumes: z.array(z.looseObject({ name: z.string() })),
      }),
    }),
  }),
});
const plugin = z.strictObject({
  apiVersion: z.literal("argoproj.io/v1alpha1"),
  kind: z.literal("ConfigManagementPlugin"),
  metadata: z.strictObject({ name: z.string() }),
  spec: z.strictObject({
    discover: z.strictObject({ fileName: z.string() }),
    generate: z.strictObject({ command: z.array(z.string()), args: z.array(z.string()) }),
  }),
});

const [configMap, patch] = parseAllDocuments(await read("argocd-repo-server.yaml")).map((one) => one.toJS());

Deno.test("argocd-repo-server.yaml lets both containers meet at the socket that the configuration names, and nobody else", async () => {
  const { containers: [sops, trousseau], volumes } = deployment.parse(patch).spec.template.spec;
  const contents = { "/etc/trousseau/trousseau.yaml": configMap.data["trousseau.yaml"], ...vaultToken };
  const config = await loadConfig(
    "/etc/trousseau/trousseau.yaml",
    environmentFrom(() => undefined),
    fakeFiles({ contents }),
  );
  assert.equal(config.sops.decryptOnly, true);
  const env = Object.fromEntries((sops.env ?? []).map(({ name, value }) => [name, value]));
  const keyservice = `unix://${config.sops.socket.path}`;
  assert.deepEqual(env, { SOPS_ENABLE_LOCAL_KEYSERVICE: "false", SOPS_KEYSERVICE: keyservice });
  assert.deepEqual(trousseau.args, ["sops", "--config", "/etc/trousseau/trousseau.yaml"]);
  const socketMount = ({ volumeMounts }: z.infer<typeof container>) =>
    volumeMounts.find(({ name }) => name === "trousseau-socket")?.mountPath;
  assert.deepEqual([sops, trousseau].map(socketMount), ["/run/trousseau", "/run/trousseau"]);
  assert.deepEqual(volumes.find(({ name }) => name === "trousseau-socket"), {
    name: "trousseau-socket",
    emptyDir: { medium: "Memory" },
  });
  assert.deepEqual(sops.securityContext.runAsUser, trousseau.securityContext.runAsUser, "the socket is 0600");
});

const vaultToken = { "/var/run/secrets/vault/token": "x" };

Deno.test("argocd-repo-server.yaml mounts only what is there: its own volumes, and those of Argo CD's Deployment", () => {
  const { containers, volumes } = deployment.parse(patch).spec.template.spec;
  const known = [...volumes.map(({ name }) => name), "var-files", "plugins"];
  for (const { volumeMounts } of containers) {
    for (const { name, subPath } of volumeMounts) {
      assert.ok(known.includes(name), name);
      if (subPath !== undefined) assert.ok(Object.hasOwn(configMap.data, subPath), subPath);
    }
  }
  plugin.parse(parse(configMap.data["plugin.yaml"]));
});

Deno.test("argocd-repo-server.yaml runs the image of this version", async () => {
  const { version }: { version: string } = JSON.parse(await read("../../deno.json"));
  assert.equal(deployment.parse(patch).spec.template.spec.containers[1].image, `localhost/trousseau:${version}`);
});

/** A folder with programs that stand in for sops and kubectl, and two manifests, one of which cannot be decrypted. */
async function staged(folder: string): Promise<Record<string, string>> {
  const program = (name: string, text: string) =>
    Deno.writeTextFile(`${folder}/bin/${name}`, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  await Deno.mkdir(`${folder}/bin`);
  await program(
    "sops",
    'echo "$SOPS_ENABLE_LOCAL_KEYSERVICE $SOPS_KEYSERVICE $*" >> "$LOG"\ngrep -q bad "$2" && exit 1\nsed s/ENC/open/ "$2"',
  );
  await program("kubectl", 'echo "kubectl $*" >> "$LOG"; sed "s/^/  /" >> "$LOG"');
  await Deno.writeTextFile(`${folder}/a.yaml`, "value: ENC\n");
  return { PATH: `${folder}/bin:/usr/bin:/bin`, LOG: `${folder}/log`, HOME: folder };
}

Deno.test("apply.sh hands to kubectl what sops has decrypted by the key service alone, and nothing after a failure", async () => {
  const script = new URL("apply.sh", import.meta.url).pathname;
  await inFolder(async (folder) => {
    const env = await staged(folder);
    const options = { env, clearEnv: true };
    assert.equal((await run(script, [folder, "--context", "x"], options)).code, 0);
    const asked = `false unix:///run/trousseau/sops.sock decrypt ${folder}/a.yaml`;
    const applied = "kubectl apply --server-side --field-manager=apply.sh --context x -f -\n  value: open";
    assert.equal(await Deno.readTextFile(`${folder}/log`), `${asked}\n${applied}\n`);

    await Deno.writeTextFile(`${folder}/0.yaml`, "bad\n");
    await Deno.remove(`${folder}/log`);
    const failed = await run(script, [folder], options);
    assert.equal(failed.code, 1);
    assert.match(failed.stderr, /cannot decrypt .*0\.yaml/);
    assert.doesNotMatch(await Deno.readTextFile(`${folder}/log`), /kubectl/);
    assert.match((await run(script, [], options)).stderr, /usage: apply\.sh FOLDER/);
  });
});

Deno.test("the plugin of Argo CD decrypts what ends in .enc.yaml and passes the rest on", async () => {
  const { command, args } = plugin.parse(parse(configMap.data["plugin.yaml"])).spec.generate;
  await inFolder(async (folder) => {
    const env = { ...await staged(folder), SOPS_ENABLE_LOCAL_KEYSERVICE: "false", SOPS_KEYSERVICE: "unix:///s" };
    await Deno.writeTextFile(`${folder}/b.enc.yaml`, "secret: ENC\n");
    const [program = "", ...rest] = [...command, ...args];
    const { code, stdout } = await run(program, rest, { env, cwd: folder });
    assert.equal(code, 0);
    assert.deepEqual(parseAllDocuments(stdout).map((one) => one.toJS()), [{ value: "ENC" }, { secret: "open" }]);
    await Deno.writeTextFile(`${folder}/c.enc.yaml`, "bad\n");
    assert.notEqual((await run(program, rest, { env, cwd: folder })).code, 0, "a failure is seen");
  });
});
