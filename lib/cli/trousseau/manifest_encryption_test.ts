import { equal, rejects } from "node:assert/strict";
import { kubeadmManifest } from "../../../tests/support/kubeadm_manifest.ts";
import { inFolder } from "../../../tests/support/temporary_folder.ts";
import { encryptionConfiguration, encryptionDefaults } from "./encryption_configuration.ts";
import { encryptionInManifest } from "./manifest_encryption.ts";

const plugin = encryptionConfiguration({ ...encryptionDefaults, socketPath: "/run/trousseau/kms.sock" });
const none = `kind: EncryptionConfiguration
apiVersion: apiserver.config.k8s.io/v1
resources: [{ resources: [secrets], providers: [{ identity: {} }] }]
`;

/** Flags (FILE is the path in the container), the file on the node, and the state. */
const states = [
  [[], plugin, "no"],
  [["--encryption-provider-config="], plugin, "no"],
  [["--encryption-provider-config-automatic-reload=true"], plugin, "no"],
  [["--encryption-provider-config=FILE"], plugin, "yes"],
  [["--encryption_provider_config=FILE"], plugin, "yes"],
  [["--encryption-provider-config", "FILE"], plugin, "yes"],
  [["--encryption-provider-config=FILE", "--encryption-provider-config-automatic-reload=false"], plugin, "yes"],
  [["--encryption-provider-config=FILE", "--encryption-provider-config-automatic-reload"], plugin, "reloading"],
  [["--encryption-provider-config=FILE", "--encryption-provider-config-automatic-reload=1"], plugin, "reloading"],
  [["--encryption-provider-config=FILE"], none, undefined],
  [["--encryption-provider-config=FILE"], "a: [", "yes"],
  [["--encryption-provider-config=FILE"], undefined, "yes"],
  [["--encryption-provider-config=/not/mounted.yaml"], none, "yes"],
] as const;

Deno.test("encryptionInManifest() takes the state from the flags and from the file that the container sees", async () => {
  for (const [flags, file, state] of states) {
    await inFolder(async (folder) => {
      if (file !== undefined) await Deno.writeTextFile(`${folder}/enc.yaml`, file, { mode: 0o600 });
      const words = ["--a=1", ...flags].map((flag) => flag.replace("FILE", "/enc/enc.yaml"));
      const manifest = kubeadmManifest({ flags: words, folders: [folder] })
        .replace(`mountPath: ${folder}`, "mountPath: /enc");
      await Deno.writeTextFile(`${folder}/m.yaml`, manifest);
      equal(await encryptionInManifest(`${folder}/m.yaml`), state, `${flags.join(" ")}\n${file}`);
    });
  }
});

Deno.test("encryptionInManifest() takes no comment and no other container for the flag", async () => {
  await inFolder(async (folder) => {
    const manifest = `# --encryption-provider-config=/a.yaml\n${kubeadmManifest()}`;
    await Deno.writeTextFile(
      `${folder}/m.yaml`,
      manifest.replace("    image:", "    # - --encryption-provider-config=/b\n    image:"),
    );
    equal(await encryptionInManifest(`${folder}/m.yaml`), "no");
    await Deno.writeTextFile(`${folder}/other.yaml`, "a: 1\n");
    await rejects(encryptionInManifest(`${folder}/other.yaml`), { message: /is no manifest of kube-apiserver/ });
  });
});
