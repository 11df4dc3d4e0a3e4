/**
 * The manifest of kube-apiserver's static pod in the form in which kubeadm writes it: keys in alphabetical order, dashes at
 * the column of their key.
 *
 * @module
 */

/** The parts that differ between manifests. */
export interface KubeadmManifest {
  readonly flags?: readonly string[];
  /** Folders of the node that are mounted at the same path. */
  readonly folders?: readonly string[];
  /** Spaces of a dash beyond the column of its key. */
  readonly dash?: number;
  /** Lines behind the last line of each list. */
  readonly between?: readonly string[];
  readonly newline?: "\n" | "\r\n";
  /** Whether `volumes` is the last key, and no newline is at the end. */
  readonly isOpen?: boolean;
}

const kubeadmFlags = [
  "--advertise-address=192.0.2.10",
  "--allow-privileged=true",
  "--authorization-mode=Node,RBAC",
  "--client-ca-file=/etc/kubernetes/pki/ca.crt",
  "--enable-admission-plugins=NodeRestriction",
  "--enable-bootstrap-token-auth=true",
  "--etcd-cafile=/etc/kubernetes/pki/etcd/ca.crt",
  "--etcd-certfile=/etc/kubernetes/pki/apiserver-etcd-client.crt",
  "--etcd-keyfile=/etc/kubernetes/pki/apiserver-etcd-client.key",
  "--etcd-servers=https://127.0.0.1:2379",
  "--secure-port=6443",
  "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
  "--service-account-key-file=/etc/kubernetes/pki/sa.pub",
  "--service-account-signing-key-file=/etc/kubernetes/pki/sa.key",
  "--service-cluster-ip-range=10.96.0.0/12",
  "--tls-cert-file=/etc/kubernetes/pki/apiserver.crt",
  "--tls-private-key-file=/etc/kubernetes/pki/apiserver.key",
] as const;

const kubeadmFolders = ["/etc/ssl/certs", "/etc/ca-certificates", "/etc/kubernetes/pki"] as const;

/** The text of a manifest. */
export function kubeadmManifest(parts: KubeadmManifest = {}): string {
  const { flags = kubeadmFlags, folders = kubeadmFolders, dash = 0, between = [], newline = "\n" } = parts;
  const list = (column: number, items: readonly (readonly string[])[]) =>
    items.flatMap((lines) =>
      lines.map((line, index) => `${" ".repeat(column + dash)}${index === 0 ? "- " : "  "}${line}`)
    );
  const name = (folder: string) => folder.slice(1).replaceAll("/", "-").replaceAll(/[^a-z0-9-]/g, "x");
  const probe = (kind: string, path: string) => [
    `    ${kind}:`,
    "      failureThreshold: 8",
    "      httpGet:",
    "        host: 192.0.2.10",
    `        path: ${path}`,
    "        port: 6443",
    "        scheme: HTTPS",
    "      timeoutSeconds: 15",
  ];
  const volumes = [
    "  volumes:",
    ...list(
      2,
      folders.map((folder) => [
        "hostPath:",
        `  path: ${folder}`,
        "  type: DirectoryOrCreate",
        `name: ${name(folder)}`,
      ]),
    ),
  ];
  const lines = [
    "apiVersion: v1",
    "kind: Pod",
    "metadata:",
    "  annotations:",
    "    kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint: 192.0.2.10:6443",
    "  creationTimestamp: null",
    "  labels:",
    "    component: kube-apiserver",
    "    tier: control-plane",
    "  name: kube-apiserver",
    "  namespace: kube-system",
    "spec:",
    "  containers:",
    "  - command:",
    ...list(4, [["kube-apiserver"], ...flags.map((flag) => [flag])]),
    ...between,
    "    image: images.example/kube-apiserver:v1.36.3",
    "    imagePullPolicy: IfNotPresent",
    ...probe("livenessProbe", "/livez"),
    "    name: kube-apiserver",
    ...probe("readinessProbe", "/readyz"),
    "    resources:",
    "      requests:",
    "        cpu: 250m",
    ...probe("startupProbe", "/livez"),
    "    volumeMounts:",
    ...list(4, folders.map((folder) => [`mountPath: ${folder}`, `name: ${name(folder)}`, "readOnly: true"])),
    ...between,
    "  hostNetwork: true",
    "  priority: 2000001000",
    "  priorityClassName: system-node-critical",
    "  securityContext:",
    "    seccompProfile:",
    "      type: RuntimeDefault",
    ...volumes,
    ...(parts.isOpen ? [] : [...between, "status: {}", ""]),
  ];
  return lines.join(newline);
}
