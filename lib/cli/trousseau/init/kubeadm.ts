/**
 * The part of kubeadm's ClusterConfiguration that keeps encryption in kube-apiserver's manifest: `kubeadm init` and
 * `kubeadm upgrade` write the manifest from it.
 *
 * @module
 */
import { dirname } from "node:path";
import type { InitValues } from "../../../config/init_values.ts";

/** YAML of `kubeadm.k8s.io/v1beta4`. The names of the volumes are those of `trousseau apiserver enable`. */
export function kubeadmConfiguration({ socketPath }: Pick<InitValues, "socketPath">, encryptionFile: string): string {
  const volume = (name: string, path: string, readOnly: boolean) => [
    `    - name: ${name}`,
    `      hostPath: ${path}`,
    `      mountPath: ${path}`,
    `      readOnly: ${readOnly}`,
    "      pathType: Directory",
  ];
  return [
    "# Add this to the ClusterConfiguration of your cluster: kubeadm writes kube-apiserver's manifest from it, and an",
    "# upgrade without it would switch encryption off. Compare: kubectl -n kube-system get configmap kubeadm-config -o yaml",
    "apiVersion: kubeadm.k8s.io/v1beta4",
    "kind: ClusterConfiguration",
    "apiServer:",
    "  extraArgs:",
    "    - name: encryption-provider-config",
    `      value: ${encryptionFile}`,
    "    - name: encryption-provider-config-automatic-reload",
    '      value: "true"',
    "  extraVolumes:",
    ...volume("trousseau-encryption-config", dirname(encryptionFile), true),
    ...volume("trousseau-socket", dirname(socketPath), false),
    "",
  ].join("\n");
}
