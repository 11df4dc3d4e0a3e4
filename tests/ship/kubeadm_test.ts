/**
 * The parts of kubeadm's ClusterConfiguration, read by the real kubeadm: those of `trousseau init` and of `deploy/kubeadm`.
 *
 * @module
 */
import { deepEqual, equal, match, notEqual, ok } from "node:assert/strict";
import { join } from "node:path";
import { withEncryption, withoutEncryption } from "../../lib/config/apiserver/manifest_edit.ts";
import { readApiServerPod } from "../../lib/config/apiserver/static_pod.ts";
import { initForms } from "../../lib/config/init_forms.ts";
import { run } from "../../lib/cli/run.ts";
import { trousseau } from "../../lib/cli/trousseau/program.ts";
import { fakeTerminal } from "../support/fake_terminal.ts";
import { inFolder } from "../support/temporary_folder.ts";
import { tool, toolOutput } from "./validation.ts";

const file = "/etc/kubernetes/enc/config.yaml";
const socket = "/run/trousseau/kms.sock";
const deployed = new URL("../../deploy/kubeadm/cluster-configuration.yaml", import.meta.url).pathname;

/** kubeadm takes a version from the network if it is given none. */
const versioned = (text: string) => text.replace(/^kind: ClusterConfiguration$/m, "$&\nkubernetesVersion: v1.36.3");

/** Makes the files of `init`. @returns the path of `kubeadm.yaml`. */
async function initialized(folder: string, form: string): Promise<string> {
  const terminal = fakeTerminal();
  equal(await run(["init", "--folder", `${folder}/out`, "--form", form], trousseau, terminal), 0, terminal.err());
  return `${folder}/out/kubeadm.yaml`;
}

/** The manifest of kube-apiserver that kubeadm would write. */
async function manifestOf(folder: string, config: string): Promise<string> {
  const path = join(folder, "with-version.yaml");
  const text = await Deno.readTextFile(config);
  await Deno.writeTextFile(path, text.includes("kubernetesVersion") ? text : versioned(text));
  await toolOutput("kubeadm", ["init", "phase", "control-plane", "apiserver", "--dry-run", "--config", path], {
    KUBEADM_INIT_DRYRUN_DIR: folder,
  });
  return await Deno.readTextFile(join(folder, "kube-apiserver.yaml"));
}

for (const form of initForms) {
  Deno.test(`kubeadm takes the kubeadm.yaml that init makes for ${form}, and refuses a field that it does not have`, async () => {
    await inFolder(async (folder) => {
      const config = await initialized(folder, form);
      const taken = await tool("kubeadm", ["config", "validate", "--config", config]);
      equal(taken.code, 0, taken.stderr);
      const wrong = join(folder, "wrong.yaml");
      await Deno.writeTextFile(wrong, (await Deno.readTextFile(config)).replace("extraVolumes", "extraVolume"));
      const refused = await tool("kubeadm", ["config", "validate", "--config", wrong]);
      notEqual(refused.code, 0);
      match(refused.stderr, /extraVolume/);
    });
  });
}

Deno.test("apiserver enable has nothing to add to the manifest that kubeadm writes, and undo takes all of it away", async () => {
  await inFolder(async (folder) => {
    for (const config of [deployed, await initialized(folder, "kubeadm")]) {
      const manifest = await manifestOf(folder, config);
      const names = readApiServerPod(manifest)?.mounts.map(({ mountPath }) => mountPath) ?? [];
      ok(names.includes("/etc/kubernetes/enc") && names.includes("/run/trousseau"), config);
      equal(withEncryption("m", manifest, { file, sockets: [socket], reload: true }), manifest);
      const undone = withoutEncryption("m", manifest, file);
      equal(/encryption|trousseau/.test(undone), false, undone);
      const plain = readApiServerPod(undone);
      deepEqual(plain?.mounts.map(({ mountPath }) => mountPath), names.filter((name) => !/enc$|trousseau/.test(name)));
    }
  });
});
