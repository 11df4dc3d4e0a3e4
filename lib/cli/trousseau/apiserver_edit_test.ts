import { equal, match, ok } from "node:assert/strict";
import { kubeadmManifest } from "../../../tests/support/kubeadm_manifest.ts";
import { fakeTerminal } from "../../../tests/support/fake_terminal.ts";
import { PluginDouble } from "../../../tests/support/plugin_double.ts";
import { inFolder } from "../../../tests/support/temporary_folder.ts";
import { run } from "../run.ts";
import { encryptionConfiguration, encryptionDefaults } from "./encryption_configuration.ts";
import { trousseau } from "./program.ts";

/** An EncryptionConfiguration, with plain text first if nothing else is given. */
function encryption(socketPath: string, identity: "first" | "last" | "none" = "first"): string {
  return encryptionConfiguration({ ...encryptionDefaults, socketPath, identity });
}

/** Runs a command on a node with a manifest and an EncryptionConfiguration. */
async function onNode(verb: string, manifest: string, config: string | undefined, more: readonly string[] = []) {
  let result = { status: -1, out: "", err: "" };
  await inFolder(async (folder) => {
    const [path, file] = [`${folder}/kube-apiserver.yaml`, `${folder}/enc.yaml`];
    await Deno.writeTextFile(path, manifest.replaceAll("FILE", file).replaceAll("FOLDER", folder));
    if (config !== undefined) await Deno.writeTextFile(file, config);
    const terminal = fakeTerminal();
    const named = more.includes("--encryption-config") ? [] : ["--encryption-config", file];
    const words = ["apiserver", verb, "--manifest", path, ...named, ...more];
    const status = await run(words, trousseau, terminal);
    const shown = (text: string) =>
      text.replaceAll(file, "FILE").replaceAll(path, "MANIFEST").replaceAll(folder, "FOLDER");
    result = { status, out: shown(terminal.out()), err: shown(terminal.err()) };
  });
  return result;
}

const flag = "--encryption-provider-config=FILE";

Deno.test("apiserverEnable() prints the manifest with encryption, and apiserverUndo() the one before it", async () => {
  await using plugin = await PluginDouble.start();
  const config = encryption(plugin.socket);
  const enabled = await onNode("enable", kubeadmManifest(), config, ["--automatic-reload"]);
  equal(enabled.status, 0, enabled.err);
  equal(enabled.err, "");
  ok(enabled.out.includes(`- ${flag}\n`));
  ok(enabled.out.includes("- --encryption-provider-config-automatic-reload=true\n"));
  const undone = await onNode("undo", enabled.out, config);
  equal(undone.status, 0, undone.err);
  equal(undone.out, kubeadmManifest());
  match(undone.err, /^trousseau: etcd may still hold encrypted values.*trousseau verify/);
  // Nothing is said where nothing is taken away.
  equal((await onNode("undo", kubeadmManifest(), config)).err, "");
});

Deno.test("apiserverEnable() names the user of a kube-apiserver that is not root", async () => {
  await using plugin = await PluginDouble.start();
  const rootless = kubeadmManifest().replace("  securityContext:\n", "  securityContext:\n    runAsUser: 1001\n");
  const { status, err } = await onNode("enable", rootless, encryption(plugin.socket));
  equal(status, 0, err);
  match(err, /runs as user 1001: it has to read FILE and to connect to .*kms\.sock\./);
});

Deno.test("apiserverEnable() refuses a plugin that is away, unwell or false", async () => {
  await using plugin = await PluginDouble.start();
  const config = encryption(plugin.socket);
  for (
    const fault of [{ kind: "unwell", healthz: "the KMS is away" }, { kind: "half" }, { kind: "no status" }] as const
  ) {
    plugin.fault = fault;
    const { status, out, err } = await onNode("enable", kubeadmManifest(), config);
    equal(out, "");
    equal(status, 69, err);
    match(err, /would not become ready with the plugin at .*kms\.sock: /);
  }
  await plugin.stop();
  equal((await onNode("enable", kubeadmManifest(), config)).status, 69);
});

const socket = "/run/trousseau/kms.sock";
const refusedFiles = [
  [
    "is missing",
    undefined,
    /Cannot take FILE for kube-apiserver: It is not there; make it, as root: .*trousseau encryption-config --identity first > FILE\)\n/,
  ],
  ["is no YAML", "a: [", /FILE:1:\d+: /],
  ["is of another kind", "kind: Pod\n", /FILE:1:1: /],
  [
    "has a field too much",
    encryption(socket).replace("timeout:", "timeOut:"),
    /FILE:\d+:\d+: .*did you mean "timeout"\?/,
  ],
  ["encrypts at once", encryption(socket, "last"), /encrypts at once, and no way back.*--identity first/],
  ["reads no plain text", encryption(socket, "none"), /encrypts at once/],
  ["has no plugin", encryption(socket).replace(/ {6}- kms:\n(?: {10}.*\n)+/, ""), /has no kms provider/],
  ["has a long socket", encryption(`/run/${"a".repeat(90)}/${"b".repeat(20)}`), /more than 107 bytes/],
  ["has an abstract socket", encryption(socket).replaceAll("unix:///run", "unix:///@run"), /is an abstract socket/],
] as const;

for (const [name, config, complaint] of refusedFiles) {
  Deno.test(`apiserverEnable() refuses an EncryptionConfiguration that ${name}`, async () => {
    const { status, out, err } = await onNode("enable", kubeadmManifest(), config);
    equal(status, 78, err);
    equal(out, "");
    match(err, complaint);
  });
}

Deno.test("apiserver enable and undo refuse a manifest that RKE2 writes", async () => {
  for (const verb of ["enable", "undo"]) {
    const more = ["--manifest", "/var/lib/rancher/rke2/agent/pod-manifests/kube-apiserver.yaml"];
    const terminal = fakeTerminal();
    equal(await run(["apiserver", verb, ...more], trousseau, terminal), 78);
    match(terminal.err(), /pod-manifests\/kube-apiserver\.yaml: RKE2 writes it anew.*config\.yaml\.d\/trousseau\.yaml/);
  }
});

Deno.test("apiserverUndo() refuses while the EncryptionConfiguration encrypts, or cannot be read", async () => {
  const manifest = kubeadmManifest({ flags: ["--a=1", flag], folders: ["FOLDER"] });
  for (const config of [encryption(socket, "last"), encryption(socket, "none"), undefined, "a: ["]) {
    const { status, out } = await onNode("undo", manifest, config);
    equal(status, 78);
    equal(out, "");
  }
  match((await onNode("undo", manifest, encryption(socket, "last"))).err, /could not read what it has written/);
  // Nothing is taken away from a manifest without encryption.
  equal((await onNode("undo", kubeadmManifest(), undefined)).out, kubeadmManifest());
});

Deno.test("apiserverUndo() reads the file that the container sees at the path of the flag", async () => {
  const seen = (mountPath: string) =>
    kubeadmManifest({ flags: ["--a=1", "--encryption-provider-config=/enc/enc.yaml"], folders: ["FOLDER"] })
      .replace("mountPath: FOLDER", `mountPath: ${mountPath}`);
  const undo = (manifest: string, config: string) =>
    onNode("undo", manifest, config, ["--encryption-config", "/enc/enc.yaml"]);
  const encrypting = await undo(seen("/enc"), encryption(socket, "none"));
  equal(encrypting.status, 78);
  equal(encrypting.out, "");
  match(encrypting.err, /Cannot take FILE for kube-apiserver: It encrypts/);
  equal((await undo(seen("/enc"), encryption(socket))).status, 0);
  const unseen = await undo(seen("/other"), encryption(socket));
  equal(unseen.status, 78);
  equal(unseen.out, "");
  match(unseen.err, /Cannot edit MANIFEST: no folder of the node is mounted at \/enc\/enc\.yaml .*by hand/);
});

Deno.test("apiserverEnable() refuses a relative path", async () => {
  const terminal = fakeTerminal();
  equal(await run(["apiserver", "enable", "--encryption-config", "enc.yaml"], trousseau, terminal), 64);
  match(terminal.err(), /is an absolute path/);
});
