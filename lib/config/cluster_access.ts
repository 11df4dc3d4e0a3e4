/**
 * The access to a cluster: of a kubeconfig, or of the pod's own ServiceAccount.
 *
 * @module
 */
import { X509Certificate } from "node:crypto";
import { readCredentialText } from "../base/credential_file.ts";
import { whyUnreadable } from "../base/durable_file.ts";
import { KmsError } from "../base/errors.ts";
import type { ClusterAccess } from "../cluster/apiserver/access.ts";
import type { Environment } from "./environment.ts";
import { readKubeconfig } from "./kubeconfig.ts";
import { fileSource } from "./secrets.ts";

/** Where kubelet mounts the ServiceAccount's token and the cluster's CA. */
export const serviceAccountFolder = "/var/run/secrets/kubernetes.io/serviceaccount";

/** Maximum size of the CA file in bytes. */
const maxAuthorityBytes = 1 << 20;

/**
 * Reads the access of a kubeconfig if one is given, else that of the pod's ServiceAccount.
 *
 * @param folder of the ServiceAccount's files.
 * @throws {KmsError} `config` if neither can be used; the message contains no credential.
 */
export async function readClusterAccess(
  kubeconfig: string | undefined,
  environment: Environment,
  folder: string = serviceAccountFolder,
): Promise<ClusterAccess> {
  if (kubeconfig !== undefined) return await readKubeconfig(kubeconfig);
  const server = podServer(environment);
  if (server === undefined) {
    throw new KmsError("config", "Name a cluster by --kubeconfig; outside a pod there is no ServiceAccount to use.");
  }
  const token = fileSource(`${folder}/token`);
  await token.read();
  const ca = await readAuthority(`${folder}/ca.crt`);
  const none = { serverName: undefined, certificate: undefined, key: undefined };
  return { source: "the ServiceAccount of this pod", server, ca, token, ...none };
}

/** The address that kubelet sets in each container; an IPv6 address has no brackets there. */
function podServer(environment: Environment): URL | undefined {
  const host = environment.get("KUBERNETES_SERVICE_HOST");
  const port = environment.get("KUBERNETES_SERVICE_PORT") ?? "443";
  if (host === undefined) return undefined;
  const address = `https://${host.includes(":") ? `[${host}]` : host}:${port}`;
  const url = /^[\w.:-]+$/.test(host) && /^\d+$/.test(port) && URL.canParse(address) ? new URL(address) : undefined;
  if (url !== undefined) return url;
  throw new KmsError("config", "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are no address of an API server.");
}

async function readAuthority(path: string): Promise<string> {
  const unusable = (why: string, cause: unknown) =>
    new KmsError("config", `Cannot use the CA certificate in ${path}: ${why}.`, { cause });
  const pem = await readCredentialText(path, maxAuthorityBytes).catch((thrown) => {
    throw unusable(whyUnreadable(thrown, path), thrown);
  });
  try {
    new X509Certificate(pem);
    return pem;
  } catch (cause) {
    throw unusable("it holds no certificate in PEM", cause);
  }
}
