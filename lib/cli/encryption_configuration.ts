/**
 * The file that makes kube-apiserver encrypt: `EncryptionConfiguration` of `apiserver.config.k8s.io/v1`, with the order
 * of steps in its comments.
 *
 * @module
 */
import { socketEndpoint } from "./socket_path.ts";

/** What is asked for. */
export interface EncryptionConfigurationOptions {
  /** The socket's absolute path. */
  readonly socketPath: string;
  /** For instance `secrets` and `deployments.apps`. */
  readonly resources: readonly string[];
  /** Written into etcd before every value: it must never change while there are any. */
  readonly name: string;
  readonly kmsVersion: "v2" | "v1beta1";
  /** `last` still reads plain text, `first` still writes it, `none` does neither. */
  readonly identity: "last" | "first" | "none";
  /** Whether the comments say what to do with it. */
  readonly steps: boolean;
}

/** What is asked for where nothing is. */
export const encryptionDefaults = {
  resources: ["secrets", "configmaps"],
  name: "trousseau",
  kmsVersion: "v2",
  identity: "last",
  steps: true,
} as const satisfies Omit<EncryptionConfigurationOptions, "socketPath">;

/** Where the steps assume that the file lies: below what kubeadm mounts read-only anyway. */
const file = "/etc/kubernetes/encryption.yaml";

/** The YAML, ended by a newline. */
export function encryptionConfiguration(options: EncryptionConfigurationOptions): string {
  const { identity, resources } = options;
  const providers = [
    ...(identity === "first" ? [["identity: {}"]] : []),
    kmsProvider(options),
    ...(identity === "last" ? [["identity: {}"]] : []),
  ];
  const lines = [
    ...(options.steps ? comments(options) : []),
    "apiVersion: apiserver.config.k8s.io/v1",
    "kind: EncryptionConfiguration",
    "resources:",
    "  - resources:",
    ...resources.map((resource) => `      - ${scalar(resource)}`),
    "    providers:",
    ...providers.flatMap((provider) =>
      provider.map((text, index) => `${index === 0 ? "      - " : "        "}${text}`)
    ),
  ];
  return `${lines.join("\n")}\n`;
}

function kmsProvider({ name, socketPath, kmsVersion }: EncryptionConfigurationOptions): readonly string[] {
  return [
    "kms:",
    `  apiVersion: ${kmsVersion === "v2" ? "v2" : "v1"}`,
    `  name: ${scalar(name)}`,
    `  endpoint: ${scalar(socketEndpoint(socketPath))}`,
    "  timeout: 3s",
    // KMS v1beta1 alone has a cache whose size may be set; under v2 the API server refuses the field.
    ...(kmsVersion === "v1beta1" ? ["  cachesize: 1000"] : []),
  ];
}

/** A YAML scalar: plain where it cannot be taken for anything but text, else quoted as JSON, which YAML reads too. */
function scalar(text: string): string {
  const plain = /^[A-Za-z/][A-Za-z0-9._/-]*(:\/\/[A-Za-z0-9._/%-]+)?$/.test(text);
  const isWord = /^(true|false|null|yes|no|on|off|y|n)$/i.test(text);
  return plain && !isWord ? text : JSON.stringify(text);
}

function comments(options: EncryptionConfigurationOptions): readonly string[] {
  const steps = options.identity === "none"
    ? stepsOfNone(options)
    : options.identity === "first"
    ? stepsOfFirst(options)
    : stepsOfLast(options);
  const numbered = steps.flatMap(([text, ...rest], index) => [`${index + 1}. ${text}`, ...rest.map((t) => `   ${t}`)]);
  return [
    "What kube-apiserver needs to encrypt with Trousseau, and in which order.",
    "",
    ...numbered,
    "",
    ...notes(options),
  ]
    .map((text) => text === "" ? "#" : `# ${text}`)
    .concat("");
}

type Step = readonly [string, ...string[]];

function stepsOfLast(options: EncryptionConfigurationOptions): readonly Step[] {
  return [
    [
      "With several control plane nodes, roll out the output of --identity first on all of them before this one,",
      "so that each API server can read what another has encrypted. With one node this file is the first.",
    ],
    ...rollOut(options),
    [
      "When all nodes have it, encrypt what was stored before; repeat what reports a conflict:",
      ...options.resources.map(rewrite),
    ],
    [`See in etcd that every value begins with ${prefix(options)}`, etcdLine(options)],
    ["Then roll out the output of --identity none, so that nothing is written or read as plain text again."],
  ];
}

function stepsOfFirst(options: EncryptionConfigurationOptions): readonly Step[] {
  return [
    [
      "This file changes nothing that is stored: all API servers learn to read first, and none encrypts yet.",
      "Where another provider encrypts today, put it in the place of identity, or new objects become plain text.",
    ],
    ...rollOut(options),
    ["When every control plane node has it, go on with the output of --identity last."],
  ];
}

function stepsOfNone(options: EncryptionConfigurationOptions): readonly Step[] {
  return [
    [
      "Take this file only when everything has been rewritten: what is still plain text cannot be read with it.",
      `See in etcd that every value begins with ${prefix(options)}`,
      etcdLine(options),
    ],
    ...rollOut(options),
  ];
}

function rollOut({ socketPath, kmsVersion }: EncryptionConfigurationOptions): readonly Step[] {
  return [
    [
      "On one control plane node after the other: see that Trousseau is well. All nodes have the same providers;",
      "a local key's file is the same on all of them.",
      `  trousseau probe --wait --socket ${socketEndpoint(socketPath)}`,
    ],
    [
      `Put this file at ${file}, owned by root with mode 0600, and start kube-apiserver with`,
      `  --encryption-provider-config=${file}`,
      ...(kmsVersion === "v1beta1" ? ["  --feature-gates=KMSv1=true"] : []),
      `As a static pod it also needs the file and the folder ${folder(socketPath)} as hostPath mounts.`,
    ],
    [
      "See that this API server is well before the next node's turn:",
      "  kubectl get --raw '/readyz?verbose' | grep kms",
    ],
  ];
}

function rewrite(resource: string): string {
  return resource.includes("*")
    ? `  the same for each kind of object that ${resource} stands for`
    : `  kubectl get ${resource} --all-namespaces -o json | kubectl replace -f -`;
}

function prefix({ name, kmsVersion }: EncryptionConfigurationOptions): string {
  return `k8s:enc:kms:${kmsVersion === "v2" ? "v2" : "v1"}:${name}:`;
}

function etcdLine({ resources }: EncryptionConfigurationOptions): string {
  const shown = resources.find((resource) => !/[.*]/.test(resource)) ?? "RESOURCE";
  return `  etcdctl get /registry/${shown}/NAMESPACE/NAME | hexdump -C | head`;
}

function notes({ name, resources, kmsVersion }: EncryptionConfigurationOptions): readonly string[] {
  return [
    `The name ${name} stands in etcd before every value: keep it for as long as there are any.`,
    "Other providers that have encrypted data stay in this file, behind the one that writes, until all is rewritten.",
    ...(resources.some((resource) => resource.includes("*"))
      ? [
        "A wildcard covers what kube-apiserver needs for its own start: it ends if Trousseau is away for about",
        "30 seconds then.",
      ]
      : []),
    ...(kmsVersion === "v1beta1"
      ? ["KMS v1beta1 is deprecated and calls Trousseau for every object: prefer v2 from Kubernetes 1.29 on."]
      : []),
  ];
}

function folder(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf("/")));
}
