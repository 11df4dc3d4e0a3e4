import { deepEqual, equal, match, ok } from "node:assert/strict";
import { parse, parseAllDocuments } from "yaml";
import { fakeTerminal } from "../../../../tests/support/fake_terminal.ts";
import { run as runProgram } from "../../../../tests/support/processes.ts";
import { inFolder } from "../../../../tests/support/temporary_folder.ts";
import { withEncryption } from "../../../config/apiserver/manifest_edit.ts";
import { initForms } from "../../../config/init_forms.ts";
import { loadConfig } from "../../../config/load.ts";
import { fakeFiles } from "../../../../tests/support/fake_files.ts";
import { environmentFrom } from "../../../config/environment.ts";
import { kubeadmManifest } from "../../../../tests/support/kubeadm_manifest.ts";
import { run } from "../../run.ts";
import { trousseau } from "../program.ts";

/** Runs `init`, with the given values if there are any. */
async function init(folder: string, words: readonly string[], values?: string) {
  const terminal = fakeTerminal();
  const file = `${folder}/values.yaml`;
  if (values !== undefined) await Deno.writeTextFile(file, values);
  const more = values === undefined ? [] : ["--values", file];
  const status = await run(["init", "--folder", `${folder}/out`, ...more, ...words], trousseau, terminal);
  return { status, out: terminal.out(), err: terminal.err().replaceAll(file, "VALUES") };
}

async function filesIn(folder: string): Promise<Readonly<Record<string, string>>> {
  const { stdout } = await runProgram("find", [folder, "-type", "f", "-printf", "%P\n"]);
  const names = stdout.trim().split("\n").toSorted();
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await Deno.readTextFile(`${folder}/${name}`)])),
  );
}

/** Loads a configuration of a node on which the files of the example are there. */
async function loadFrom(text: string) {
  const path = "/etc/trousseau/trousseau.yaml";
  const named = ["role-id", "secret-id", "vault-ca.pem"].map((name) => [`/etc/trousseau/${name}`, "x"]);
  const contents = { [path]: text, ...Object.fromEntries(named) };
  return await loadConfig(path, environmentFrom(() => undefined), fakeFiles({ contents }));
}

const common = ["CHECKLIST.md", "apiserver.sh", "install.sh", "kubeadm.yaml", "policies/vault.hcl", "trousseau.yaml"];
const stages = ["encryption/1-read.yaml", "encryption/2-write.yaml", "encryption/3-final.yaml"];
const unit = ["systemd/restart-steps.conf", "systemd/trousseau.service", "systemd/trousseau.sysusers.conf"];
const expected = {
  systemd: [...common, ...stages, ...unit],
  "static-pod": [...common, ...stages, "static-pod/trousseau.tmpfiles.conf", "static-pod/trousseau.yaml"],
  kubeadm: [...common, "encryption/config.yaml", ...unit],
} as const;

for (const form of initForms) {
  Deno.test(`init() makes the files of ${form}, and install.sh puts them in place once`, async () => {
    await inFolder(async (folder) => {
      const { status, out, err } = await init(folder, ["--form", form]);
      equal(status, 0, err);
      const files = await filesIn(`${folder}/out`);
      deepEqual(Object.keys(files), expected[form].toSorted());
      for (const name of Object.keys(files)) ok(out.includes(`${folder}/out/${name}`), name);
      for (const [name, text] of Object.entries(files)) {
        if (name.endsWith(".yaml")) deepEqual(parseAllDocuments(text).flatMap(({ errors }) => errors), [], name);
      }
      equal(
        /^- \[ \] (.*)/m.exec(files["CHECKLIST.md"] ?? "")?.[1]?.startsWith("If kube-apiserver has"),
        form !== "kubeadm",
      );
      const config = await loadFrom(files["trousseau.yaml"] ?? "");
      equal(config.socket.path, "/run/trousseau/kms.sock");
      equal(config.providers[0]?.name, "vault");

      const root = `${folder}/root`;
      const env = { DESTDIR: root };
      const install = () => runProgram("sh", [`${folder}/out/install.sh`], { env });
      const first = await install();
      equal(first.code, 0, first.stderr);
      const installed = await filesIn(root);
      equal(installed["etc/trousseau/trousseau.yaml"], files["trousseau.yaml"]);
      equal(
        installed["etc/kubernetes/enc/config.yaml"],
        files[form === "kubeadm" ? "encryption/config.yaml" : "encryption/1-read.yaml"],
      );
      equal(((await Deno.stat(`${root}/etc/trousseau/trousseau.yaml`)).mode ?? 0) & 0o777, 0o600);
      equal(((await Deno.stat(`${root}/etc/trousseau`)).mode ?? 0) & 0o777, 0o750);

      // A run that was cut off has installed some of them.
      await Deno.remove(`${root}/etc/kubernetes/enc/config.yaml`);
      const second = await install();
      equal(second.code, 0, second.stderr);
      deepEqual(await filesIn(root), installed);

      await Deno.writeTextFile(`${root}/etc/trousseau/trousseau.yaml`, "mine: 1\n");
      await Deno.remove(`${root}/etc/kubernetes/enc/config.yaml`);
      const refused = await install();
      equal(refused.code, 78);
      match(refused.stderr, /trousseau\.yaml is there already and differs from trousseau\.yaml; nothing was written/);
      equal(await Deno.readTextFile(`${root}/etc/trousseau/trousseau.yaml`), "mine: 1\n");
      equal(await Deno.stat(`${root}/etc/kubernetes/enc/config.yaml`).catch(() => "absent"), "absent");
    });
  });
}

Deno.test("install.sh leaves the unit to a package that has brought it", async () => {
  await inFolder(async (folder) => {
    await init(folder, []);
    const packaged = `${folder}/root/usr/lib/systemd/system`;
    await Deno.mkdir(packaged, { recursive: true });
    await Deno.writeTextFile(`${packaged}/trousseau.service`, "[Unit]\n");
    const env = { DESTDIR: `${folder}/root` };
    equal((await runProgram("sh", [`${folder}/out/install.sh`], { env })).code, 0);
    const installed = Object.keys(await filesIn(`${folder}/root`));
    equal(installed.includes("etc/systemd/system/trousseau.service"), false);
    equal(installed.includes("etc/sysusers.d/trousseau.conf"), true);
  });
});

const values = `
form: static-pod
nodes: 1
name: kms-a
resources: [secrets, widgets.example.com]
image: images.example/trousseau@sha256:0123
config:
  wrap: any
  providers:
    - name: vault-eu
      kind: vault-transit
      address: https://vault.example:8200
      mount: team/transit
      key: k8s
      auth: { method: token, token: { file: /etc/trousseau/token } }
    - { name: aws, kind: aws-kms, key: "arn:aws:kms:eu-central-1:111122223333:key/1", auth: { method: instance-metadata } }
    - { name: alias, kind: aws-kms, key: alias/k, region: eu-central-1, auth: { method: instance-metadata } }
`;

Deno.test("init() carries the values over", async () => {
  await inFolder(async (folder) => {
    const { status, err } = await init(folder, [], values);
    equal(status, 0, err);
    const files = await filesIn(`${folder}/out`);
    const [read, write, final] = stages.map((name) => parse(files[name] ?? "").resources[0]);
    const kinds = (entry: { providers: object[] }) => entry.providers.map((one) => Object.keys(one).join()).join();
    deepEqual([read, write, final].map(kinds), ["identity,kms", "kms,identity", "kms"]);
    deepEqual(read.resources, ["secrets", "widgets.example.com"]);
    equal(write.providers[0].kms.name, "kms-a");
    const config = parse(files["trousseau.yaml"] ?? "");
    deepEqual([config.wrap, config.socket.path, config.providers.length], ["any", "/run/trousseau/kms.sock", 3]);
    match(files["policies/vault-eu.hcl"] ?? "", /path "team\/transit\/rewrap\/k8s"/);
    equal(
      JSON.parse(files["policies/aws.json"] ?? "").Statement[0].Resource,
      "arn:aws:kms:eu-central-1:111122223333:key/1",
    );
    equal(JSON.parse(files["policies/alias.json"] ?? "").Statement[0].Resource, "ARN-OF-THE-KEY");
    equal(
      parse(files["static-pod/trousseau.yaml"] ?? "").spec.containers[0].image,
      "images.example/trousseau@sha256:0123",
    );
    const list = files["CHECKLIST.md"] ?? "";
    for (const words of ["vault policy write trousseau vault-eu.hcl", "`/etc/trousseau/token`", "trousseau rewrite"]) {
      ok(list.includes(words), words);
    }
  });
});

Deno.test("init() gives each of two Vault providers a policy of its own", async () => {
  await inFolder(async (folder) => {
    const vault = (name: string) =>
      `    - { name: ${name}, kind: vault-transit, address: https://${name}.example:8200, mount: transit, key: ${name}, ` +
      `auth: { method: token, token: { file: /etc/trousseau/${name} } } }\n`;
    const { status, err } = await init(folder, [], `config:\n  providers:\n${vault("a")}${vault("b")}`);
    equal(status, 0, err);
    const list = (await filesIn(`${folder}/out`))["CHECKLIST.md"] ?? "";
    deepEqual([...list.matchAll(/vault policy write (\S+) (\S+)\./g)].map(([, name, file]) => [name, file]), [
      ["trousseau-a", "a.hcl"],
      ["trousseau-b", "b.hcl"],
    ]);
  });
});

Deno.test("init() has one role for two keys of Azure or Google", async () => {
  const azure = (name: string) =>
    `{ name: ${name}, kind: azure-key-vault, vault: https://${name}.vault.azure.net, ` +
    "key: k, auth: { method: managed-identity } }";
  const google = (name: string) =>
    `{ name: ${name}, kind: gcp-kms, auth: { method: metadata-server }, ` +
    `key: projects/${name}-project/locations/europe-west3/keyRings/k/cryptoKeys/k }`;
  for (
    const [provider, made, other] of [
      [
        azure,
        /az role definition create --role-definition a1\.json/,
        /b1\.json: assign the role of a1\.json on this key/,
      ],
      [
        google,
        /roles create trousseau --project PROJECT --file a1\.yaml/,
        /b1\.yaml: grant the role of a1\.yaml on this/,
      ],
    ] as const
  ) {
    await inFolder(async (folder) => {
      const { status, err } = await init(folder, [], `config:\n  providers: [${provider("a1")}, ${provider("b1")}]\n`);
      equal(status, 0, err);
      const list = (await filesIn(`${folder}/out`))["CHECKLIST.md"] ?? "";
      match(list, made);
      match(list, other);
    });
  }
});

const localValues = (more: string) => `
nodes: ${more.includes("create") ? 1 : 3}
config:
  providers:
    - { name: here, kind: local, keyFile: /var/lib/trousseau/local.keys${more} }
`;

Deno.test("init() asks for no key file that Trousseau makes itself", async () => {
  for (const [more, isAsked] of [[", create: true", false], [", create: false", true], ["", true]] as const) {
    await inFolder(async (folder) => {
      const { status, err } = await init(folder, [], localValues(more));
      equal(status, 0, err);
      const list = (await filesIn(`${folder}/out`))["CHECKLIST.md"] ?? "";
      equal(list.includes("Put the files into place"), isAsked);
      equal(list.includes("`/var/lib/trousseau/local.keys`"), isAsked);
    });
  }
});

Deno.test("init() gives kubeadm the arguments and volumes of apiserver enable", async () => {
  await inFolder(async (folder) => {
    await init(folder, []);
    const { apiServer } = parse((await filesIn(`${folder}/out`))["kubeadm.yaml"] ?? "");
    const files = { file: "/etc/kubernetes/enc/config.yaml", sockets: ["/run/trousseau/kms.sock"], reload: true };
    const { spec } = parse(withEncryption("m", kubeadmManifest(), files));
    const flags = apiServer.extraArgs.map(({ name, value }: Record<string, string>) => `--${name}=${value}`);
    deepEqual(spec.containers[0].command.slice(-2), flags);
    const made = apiServer.extraVolumes.map(({ name, hostPath, pathType }: Record<string, string>) => ({
      name,
      hostPath: { path: hostPath, type: pathType },
    }));
    deepEqual(spec.volumes.slice(-2), made);
  });
});

const refused = [
  ["an unknown field", "nods: 3\n", /VALUES:1:1: nods: unknown key.*nodes/],
  [
    "an unknown form",
    "form: systmd\n",
    /VALUES:1:1: form: must be systemd, static-pod or kubeadm; did you mean "systemd"/,
  ],
  ["no YAML", "a: [", /VALUES:1:\d+: /],
  ["a list", "- a\n", /VALUES:1:1: must be a mapping/],
  ["too many nodes", "nodes: 0\n", /VALUES:1:1: nodes: must be a whole number from 1 to 99/],
  ["a wrong resource", "resources: [secrets, Secrets]\n", /VALUES:1:22: resources\[1\]: /],
  ["no resource", "resources: []\n", /resources: is empty/],
  ["a name with a colon", "name: a:b\n", /VALUES:1:1: name: must be letters/],
  [
    "a wrong field of a provider",
    values.replace("mount:", "mout:"),
    /VALUES:13:7: providers\[0\]\.mout: unknown key.*mount/,
  ],
  [
    "a key that each of several nodes would make",
    localValues(", create: true").replace("nodes: 1", "nodes: 2"),
    /VALUES:5:\d+: providers\[0\]\.create: must be false for more than one node/,
  ],
  ["no provider", "config: {}\n", /VALUES:1:1: providers: is missing/],
  [
    "another socket",
    values.replace("config:", "config:\n  socket: { path: /run/x/kms.sock }"),
    /VALUES:8:13: socket\.path: must be in \/run\/trousseau/,
  ],
  ["another state", values.replace("config:", "config:\n  state: /srv"), /state: must be \/var\/lib\/trousseau/],
  [
    "another port",
    values.replace("config:", "config:\n  telemetry: { listen: '127.0.0.1:9' }"),
    /must be 127\.0\.0\.1:8090/,
  ],
] as const;

for (const [name, text, complaint] of refused) {
  Deno.test(`init() refuses values with ${name}, and writes nothing`, async () => {
    await inFolder(async (folder) => {
      const { status, err } = await init(folder, [], text);
      equal(status, 78, err);
      match(err, complaint);
      equal(await Deno.stat(`${folder}/out`).catch(() => "absent"), "absent");
    });
  });
}

Deno.test("init() finishes a run that was cut off, and writes over nothing", async () => {
  await inFolder(async (folder) => {
    await init(folder, []);
    const whole = await filesIn(`${folder}/out`);
    match((await init(folder, [])).err, /All files were there already; nothing was written/);
    for (const gone of ["CHECKLIST.md", "install.sh", "kubeadm.yaml"]) await Deno.remove(`${folder}/out/${gone}`);
    const finished = await init(folder, []);
    equal(finished.status, 0);
    match(finished.err, /An earlier init was cut off; it is complete now/);
    deepEqual(await filesIn(`${folder}/out`), whole);
    await Deno.remove(`${folder}/out/CHECKLIST.md`);
    const other = await init(folder, [], "nodes: 1\nname: other\n");
    equal(other.status, 78);
    match(other.err, /Cannot write .*1-read\.yaml: it is there and differs; move .* away/);
    match(other.err, /^[^\n]+\nRun "trousseau help error init-\w+" for cause and cure\.\n$/);
    equal((await filesIn(`${folder}/out`))["CHECKLIST.md"], undefined);
  });
});

Deno.test("init() refuses a folder that others can change, a file and a link in its place, and a relative path", async () => {
  await inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/out`, { mode: 0o755 });
    match((await init(folder, [])).err, /is no folder of this user with mode 0700/);
    await Deno.remove(`${folder}/out`);
    await Deno.writeTextFile(`${folder}/out`, "");
    match((await init(folder, [])).err, /is no folder of this user/);
    await Deno.remove(`${folder}/out`);
    await Deno.mkdir(`${folder}/real`, { mode: 0o700 });
    await Deno.symlink(`${folder}/real`, `${folder}/out`);
    match((await init(folder, [])).err, /is no folder of this user/);
    await Deno.remove(`${folder}/out`);
    await Deno.chmod(folder, 0o777);
    match((await init(folder, [])).err, /another user can replace it by way of/);
    equal(await run(["init", "--folder", "out"], trousseau, fakeTerminal()), 64);
  });
});
