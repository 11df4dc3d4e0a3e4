import { deepEqual, equal } from "node:assert/strict";
import { kubeadmManifest } from "../../../tests/support/kubeadm_manifest.ts";
import { encryptionConfigIn } from "./manifest.ts";

Deno.test("encryptionConfigIn() gives the file in the container and on the node, in each spelling of the flag", () => {
  for (
    const flags of [
      ["--a=1", "--encryption-provider-config=/enc/config.yaml"],
      ["--a=1", "--encryption_provider_config=/enc/config.yaml"],
      ["--a=1", "--encryption-provider-config", "/enc/config.yaml"],
    ]
  ) {
    const manifest = kubeadmManifest({ flags, folders: ["/srv"] });
    deepEqual(encryptionConfigIn(manifest), { inContainer: "/enc/config.yaml", onNode: undefined });
    deepEqual(encryptionConfigIn(manifest.replace("mountPath: /srv", "mountPath: /enc")), {
      inContainer: "/enc/config.yaml",
      onNode: "/srv/config.yaml",
    });
  }
});

Deno.test("encryptionConfigIn() finds nothing without the flag, and in no manifest of kube-apiserver", () => {
  for (const text of [kubeadmManifest(), "", "a: [", "--encryption-provider-config=/e"]) {
    equal(encryptionConfigIn(text), undefined);
  }
});
