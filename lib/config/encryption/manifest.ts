/**
 * The path of the EncryptionConfiguration in the manifest of kube-apiserver's static pod.
 *
 * @module
 */
import { flagValue, readFlags } from "../apiserver/flags.ts";
import { hostPathOf, readApiServerPod } from "../apiserver/static_pod.ts";

/** Where kubeadm writes the manifest. */
export const apiServerManifest = "/etc/kubernetes/manifests/kube-apiserver.yaml";

/** The file that kube-apiserver's option names. */
export interface NamedEncryptionFile {
  /** The value of the option. */
  readonly inContainer: string;
  /** The same file on the node; `undefined` if no folder of the node is mounted there. */
  readonly onNode: string | undefined;
}

/** `undefined` if the text is no manifest of kube-apiserver, or has no such option. */
export function encryptionConfigIn(manifest: string): NamedEncryptionFile | undefined {
  const pod = readApiServerPod(manifest);
  if (pod === undefined) return undefined;
  const inContainer = flagValue(readFlags(pod.words), "encryption-provider-config");
  return inContainer === undefined ? undefined : { inContainer, onNode: hostPathOf(pod, inContainer) };
}
