/**
 * The options that name a running etcd, and the prefix of its keys.
 *
 * @module
 */
import type { EtcdSettings } from "../../net/etcd/etcd_client.ts";
import { UsageError } from "../command.ts";
import type { TrousseauCall } from "./terminal.ts";

/** The files that kubeadm makes for its own checks of etcd. */
export const kubeadmEtcd = {
  endpoint: "https://127.0.0.1:2379",
  caFile: "/etc/kubernetes/pki/etcd/ca.crt",
  certificateFile: "/etc/kubernetes/pki/etcd/healthcheck-client.crt",
  keyFile: "/etc/kubernetes/pki/etcd/healthcheck-client.key",
} as const;

/** An etcd, and its name in messages. */
export interface NamedEtcd {
  readonly settings: EtcdSettings;
  readonly shown: string;
}

/**
 * The etcd of `--etcd`, `--cacert`, `--cert` and `--key`; what is not given is kubeadm's, if its files are here.
 *
 * @throws {UsageError} if there is none.
 */
export async function etcdOf({ options, terminal: { files }, program }: TrousseauCall): Promise<NamedEtcd> {
  const { etcd, cacert, cert, key } = options;
  const hasKubeadm = await files.kind(kubeadmEtcd.caFile) === "file";
  if (etcd === undefined && !hasKubeadm) {
    throw new UsageError(
      `Name a snapshot by --snapshot, or a running etcd by --etcd: ${program.name} found no ${kubeadmEtcd.caFile}.`,
      "verify",
    );
  }
  if ((cert === undefined) !== (key === undefined)) throw new UsageError("--cert and --key belong together.", "verify");
  const endpoints = (etcd ?? kubeadmEtcd.endpoint).split(",").map((one) => origin(one.trim()));
  const isSecure = endpoints.some((one) => one.startsWith("https:"));
  const tls = {
    caFile: cacert ?? (hasKubeadm ? kubeadmEtcd.caFile : undefined),
    certificateFile: cert ?? (hasKubeadm ? kubeadmEtcd.certificateFile : undefined),
    keyFile: key ?? (hasKubeadm ? kubeadmEtcd.keyFile : undefined),
  };
  const given = Object.fromEntries(Object.entries(isSecure ? tls : {}).filter(([, path]) => path !== undefined));
  return { settings: { endpoints, tls: given }, shown: `etcd at ${endpoints.join(", ")}` };
}

/**
 * The prefix of `--etcd-prefix`, with one slash at its end as kube-apiserver writes it.
 *
 * @param command that is named with the error.
 * @throws {UsageError}
 */
export function etcdPrefixOf({ options }: Pick<TrousseauCall, "options">, command = "verify"): string {
  const { "etcd-prefix": text = "/registry" } = options;
  if (/^\/\S*$/.test(text)) return text.replace(/\/*$/, "/");
  throw new UsageError("--etcd-prefix begins with a slash, as in /registry.", command);
}

function origin(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol) && url.origin === text.replace(/\/$/, "")) return url.origin;
  throw new UsageError("--etcd is a list of addresses, as in https://10.0.0.1:2379,https://10.0.0.2:2379.", "verify");
}
