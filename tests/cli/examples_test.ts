/**
 * The examples of the help: a shell splits each into words, and the command runs with them. Only paths differ, and a
 * command that serves ends as soon as it has begun.
 *
 * @module
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { commands } from "../../lib/cli/trousseau/commands.ts";
import { encryptionConfiguration, encryptionDefaults } from "../../lib/cli/trousseau/encryption_configuration.ts";
import { trousseau } from "../../lib/cli/trousseau/program.ts";
import { exitCodes } from "../../lib/cli/exit_codes.ts";
import type { Output } from "../../lib/cli/terminal.ts";
import { run } from "../../lib/cli/run.ts";
import { createKeyFile } from "../../lib/provider/local/write_key_file.ts";
import { fakeTerminal } from "../support/fake_terminal.ts";
import { type KeyringStage, makeKeyringStage } from "../support/keyring_stage.ts";
import { kubeadmManifest } from "../support/kubeadm_manifest.ts";
import { PluginDouble } from "../support/plugin_double.ts";
import { newSigningKey, stageRelease } from "../support/release_stage.ts";
import { sealedSnapshot } from "../support/snapshot_file.ts";
import { TemporaryConfig } from "../support/temporary_config.ts";

const guid = "11111111-2222-3333-4444-555555555555";

/** Files that examples name, in the folder in which the shell runs. */
const files = {
  "config.yaml": "keyNames: [k]\naddress: https://vault.example\n",
  "vault.yaml": "keyNames: [k]\naddress: https://vault.example\n",
  "azurekms.yaml": "keyVaultName: team-a\nkeyName: kms\nconfigFilePath: azure.json\n",
  "azure.json": JSON.stringify({ tenantId: guid, aadClientId: guid }),
  "encryption.yaml":
    "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources: [{ resources: [secrets], providers: [" +
    `{ aescbc: { keys: [{ name: a, secret: ${btoa("0".repeat(32))} }] } }, { identity: {} }] }]\n`,
  "rbac.json": JSON.stringify({
    items: [
      { kind: "ClusterRole", metadata: { name: "none" }, rules: null },
      {
        kind: "ClusterRoleBinding",
        metadata: { name: "none" },
        roleRef: { kind: "ClusterRole", name: "none" },
        subjects: null,
      },
    ],
  }),
  "baseline.json": '{"access":[]}',
  ".kube/config":
    "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: [{ name: a, context: { cluster: a, user: a } }]\n" +
    "clusters: [{ name: a, cluster: { server: 'https://127.0.0.1:1' } }]\nusers: [{ name: a, user: { token: t } }]\n",
  "kube-apiserver.yaml": kubeadmManifest(),
  "copy.yaml": kubeadmManifest(),
  "values.yaml": "form: systemd\nnodes: 1\n",
  "rewrite.conf":
    "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: [{ name: a, context: { cluster: a, user: a } }]\n" +
    "clusters: [{ name: a, cluster: { server: 'https://127.0.0.1:1' } }]\nusers: [{ name: a, user: { token: t } }]\n",
} as const;

/** Examples that end otherwise than well here, and why. */
const otherEnds: Readonly<Record<string, number>> = {
  // There is no cluster to be asked.
  "trousseau encryption-config --resources secrets,widgets.example.com --kubeconfig ~/.kube/config":
    exitCodes.unavailable.status,
  "trousseau audit access --kubeconfig ~/.kube/config": exitCodes.unavailable.status,
  // A key is shown on a terminal alone.
  "trousseau recovery new": exitCodes.usage.status,
  // Standard input is empty.
  "trousseau recovery public": exitCodes.config.status,
  // There is no etcd.
  "trousseau verify --etcd https://127.0.0.1:2379 --socket /run/trousseau/kms.sock": exitCodes.unavailable.status,
  // No other node answers, and nothing serves the socket of the embedded default.
  "trousseau doctor --nodes http://10.0.0.2:8090,http://10.0.0.3:8090 --snapshot snapshot.db": exitCodes.unmet.status,
  "trousseau doctor --root /host --junit - > doctor.xml": exitCodes.unmet.status,
  // There is no kube-apiserver on this machine.
  "trousseau apiserver ready --encrypts yes --timeout 3m": exitCodes.config.status,
  // There is no such file.
  "trousseau decrypt --snapshot snapshot.db --recovery-key recovery.txt /registry/secrets/": exitCodes.config.status,
  // The only key lies on this machine.
  "trousseau keyring backup --config /etc/trousseau/keyring.yaml > keyring.backup": exitCodes.config.status,
};

/** All that the examples need, in one folder. */
async function withStage(work: (stage: Stage) => Promise<void>): Promise<void> {
  await using plugin = await PluginDouble.start();
  await using config = await TemporaryConfig.make({
    socket: { path: plugin.socket },
    providers: [{ name: "vault-eu", kind: "local", keyFile: "local.keys" }],
  });
  const { folder } = config;
  for (const made of [".kube", ".zfunc", ".config/fish/completions", "embedded", "snapshots"]) {
    await Deno.mkdir(`${folder}/${made}`, { recursive: true });
  }
  await createKeyFile(`${folder}/embedded/local.keys`);
  const keyring = await makeKeyringStage(folder);
  const { key, publicKey } = newSigningKey();
  await stageRelease(`${folder}/dist`, { key });
  await Deno.writeTextFile(`${folder}/release.pub`, publicKey);
  const first = { ...encryptionDefaults, socketPath: plugin.socket, identity: "first" } as const;
  await Deno.writeTextFile(`${folder}/first.yaml`, encryptionConfiguration(first));
  await work({ folder, file: config.file, socket: plugin.socket, keyring });
}

interface Stage {
  readonly folder: string;
  readonly file: string;
  readonly socket: string;
  readonly keyring: KeyringStage;
}

function onStage(line: string, { folder, file, socket, keyring }: Stage): string {
  return line.replaceAll("/etc/trousseau/trousseau.yaml", file)
    .replace(/(?<!> )keyring\.backup/, keyring.backup)
    .replaceAll("/etc/trousseau/keyring.yaml", line.includes("restore") ? keyring.emptyFile : keyring.file)
    .replaceAll(/\/run\/(trousseau|hsm)\/kms\.sock/g, socket)
    .replaceAll("/var/backups/etcd", `${folder}/snapshots`)
    .replaceAll("/etc/kubernetes/enc/config.yaml", `${folder}/encryption.yaml`)
    .replaceAll("/run/pod-init", `${folder}/pod-init`)
    .replaceAll("/etc/kubernetes/enc/first.yaml", `${folder}/first.yaml`);
}

/** The words that a shell hands to `trousseau`, or `undefined` if the line calls another program. */
async function wordsOf(line: string, { folder }: Stage): Promise<readonly string[] | undefined> {
  const words = `${folder}/words`;
  await Deno.writeTextFile(words, "");
  const script = `set -e\ntrousseau() { printf '%s\\0' "$@" >'${words}'; }\nsops() { :; }\nage() { :; }\n${line}\n`;
  const args = ["--norc", "-c", script];
  const { code, stderr } = await new Deno.Command("bash", { args, cwd: folder, env: { HOME: folder } }).output();
  deepEqual([code, new TextDecoder().decode(stderr)], [0, ""], line);
  const found = (await Deno.readTextFile(words)).split("\0");
  return found.length === 1 ? undefined : found.slice(0, -1);
}

async function ran(words: readonly string[], { folder, file }: Stage) {
  const stop = new AbortController();
  const variables = {
    STATE_DIRECTORY: `${folder}/embedded`,
    XDG_RUNTIME_DIR: `${folder}/embedded`,
    ...(words[0] === "status" ? { TROUSSEAU_CONFIG: file } : {}),
  };
  const terminal = fakeTerminal({ variables, signal: stop.signal });
  const stdout: Output = {
    isTerminal: false,
    write(text) {
      terminal.stdout.write(text);
      stop.abort();
    },
  };
  if (words.includes("serve") || words[0] === "sops") stop.abort();
  const isEndless = words.includes("-w");
  const status = await run(words, trousseau, isEndless ? { ...terminal, stdout } : terminal);
  return { status, out: terminal.out(), err: terminal.err() };
}

for (const { name, examples } of commands) {
  Deno.test(`the examples of help ${name} run`, () =>
    withStage(async (stage) => {
      ok(examples.length > 0, "a command has an example");
      for (const { line } of examples) {
        const words = await wordsOf(onStage(line, stage), stage);
        // Now: a shell empties the files that a line redirects into.
        for (const [file, text] of Object.entries(files)) await Deno.writeTextFile(`${stage.folder}/${file}`, text);
        const snapshot = await sealedSnapshot(`${stage.folder}/embedded/local.keys`);
        for (const made of ["snapshot.db", "snapshots/snapshot.db"]) {
          await Deno.writeFile(`${stage.folder}/${made}`, snapshot);
        }
        if (words === undefined) {
          ok(line.startsWith("sops "), `${line}: another program than sops is called`);
          continue;
        }
        equal(words.slice(0, name.split(" ").length).join(" "), name, "the example is one of this command");
        // Relative paths are the shell's.
        const placed = words.map((word) =>
          word in files || ["trousseau.yaml", "snapshot.db", "dist", "release.pub"].includes(word)
            ? `${stage.folder}/${word}`
            : word
        );
        const { status, err } = await ran(placed, stage);
        // There is no cluster to be asked.
        const usual = name === "rewrite" ? exitCodes.unavailable.status : exitCodes.ok.status;
        equal(status, otherEnds[line] ?? usual, `${line}: ${err}`);
      }
    }));
}
