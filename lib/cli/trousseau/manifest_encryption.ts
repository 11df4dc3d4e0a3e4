/**
 * The encryption that the manifest of kube-apiserver asks for.
 *
 * @module
 */
import { KmsError } from "../../base/errors.ts";
import { flagValue, goBoolean, readFlags } from "../../config/apiserver/flags.ts";
import { hostFiles } from "../../config/apiserver/host_files.ts";
import { type ApiServerPod, hostPathOf, readApiServerPod } from "../../config/apiserver/static_pod.ts";
import { readEncryptionFile } from "../../config/encryption/file.ts";
import { readTextFile } from "../../config/text_file.ts";

/** Whether kube-apiserver has a KMS plugin, and whether it also reads a changed EncryptionConfiguration. */
export type ServerEncryption = "yes" | "reloading" | "no";

/**
 * The state of a kube-apiserver that has started with a manifest.
 *
 * @param path of the manifest.
 * @returns `undefined` for an EncryptionConfiguration without a KMS plugin: its checks are those of a server without the file.
 * @throws {KmsError} `config` if the file is no manifest of kube-apiserver.
 */
export async function encryptionInManifest(path: string): Promise<ServerEncryption | undefined> {
  const pod = readApiServerPod(await readTextFile(path));
  if (pod === undefined) throw new KmsError("config", `${path} is no manifest of kube-apiserver.`);
  const flags = readFlags(pod.words);
  const file = flagValue(flags, "encryption-provider-config") ?? "";
  if (file === "") return "no";
  if (await hasPlugin(pod, file) === false) return undefined;
  const reload = flagValue(flags, "encryption-provider-config-automatic-reload") ?? "false";
  return goBoolean(reload) === true ? "reloading" : "yes";
}

/** `undefined` for a file that cannot be read here. */
async function hasPlugin(pod: ApiServerPod, file: string): Promise<boolean | undefined> {
  const path = hostPathOf(pod, file);
  const text = path === undefined ? undefined : await hostFiles("/").text(path);
  if (path === undefined || text === undefined) return undefined;
  try {
    return readEncryptionFile(path, text).entries.some(({ providers }) => providers.some(({ kind }) => kind === "kms"));
  } catch (thrown) {
    if (thrown instanceof KmsError) return undefined;
    throw thrown;
  }
}
