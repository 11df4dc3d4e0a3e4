/**
 * The path of the EncryptionConfiguration in the manifest of kube-apiserver's static pod.
 *
 * @module
 */
import { readYaml } from "../../base/yaml_positions.ts";

/** Where kubeadm writes the manifest. */
export const apiServerManifest = "/etc/kubernetes/manifests/kube-apiserver.yaml";

const option = "--encryption-provider-config";

/** The value of kube-apiserver's option; `undefined` if the text is no manifest, or has no such option. */
export function encryptionConfigIn(manifest: string): string | undefined {
  const { value, problems } = readYaml(manifest);
  if (problems.length > 0) return undefined;
  const words = textsIn(value);
  const joined = words.findLast((word) => word.startsWith(`${option}=`));
  if (joined !== undefined) return joined.slice(option.length + 1);
  const at = words.lastIndexOf(option);
  return at < 0 ? undefined : words[at + 1];
}

/** Every text of a document, in order. */
function textsIn(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap(textsIn);
}
