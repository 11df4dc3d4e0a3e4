/**
 * The kube-apiserver of this node: its address and its authority, from the files that start it.
 *
 * @module
 */
import { type ApiServerFlags, flagValue } from "../../config/apiserver/flags.ts";
import type { HostFiles } from "../../config/apiserver/host_files.ts";
import { type ApiServerPod, hostPathOf } from "../../config/apiserver/static_pod.ts";

/** A name that the certificates of kubeadm, k3s and RKE2 contain. */
export const localApiServerName = "kubernetes";

/** The address at which it listens, for instance `https://192.0.2.10:6443`. */
export function localApiServerOrigin(flags: ApiServerFlags): string {
  const address = flagValue(flags, "advertise-address") ?? "127.0.0.1";
  const host = address.includes(":") ? `[${address}]` : address;
  return `https://${host}:${flagValue(flags, "secure-port") ?? "6443"}`;
}

/**
 * The authority of the cluster, which has issued the certificates of kubeadm's clients and servers, as PEM.
 *
 * @param pod `undefined` if kube-apiserver runs in no container.
 */
export async function localApiServerAuthority(
  flags: ApiServerFlags,
  pod: Pick<ApiServerPod, "mounts"> | undefined,
  files: HostFiles,
): Promise<string | undefined> {
  const path = flagValue(flags, "client-ca-file");
  const onNode = path === undefined || pod === undefined ? path : hostPathOf(pod, path);
  return onNode === undefined ? undefined : await files.text(onNode);
}
